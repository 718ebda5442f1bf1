"""``synthesis.json``: resources of the controller and of each layer, as a synthesiser counts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hwflow.config.base import StrictModel

SYNTHESIS_FILE = "synthesis.json"


class Resources(StrictModel):
    """Primitives of the device.

    ``lut`` counts all LUTs, ``lutram`` those of them that are memory (RAM or shift register);
    ``bram36`` goes in halves.
    """

    lut: int = Field(ge=0)
    lutram: int = Field(ge=0)
    ff: int = Field(ge=0)
    dsp: int = Field(ge=0)
    bram36: float = Field(ge=0)


class Block(StrictModel):
    """One block synthesised by itself; ``stage`` is None for the controller.

    ``module``: the layer's ``name`` in ``design.json``, or the accelerator's top. A layer's weight
    memory is part of the layer.
    """

    module: str
    op: str
    stage: int | None
    resources: Resources


class Synthesis(StrictModel):
    """``synthesis.json``. Before placement: no routing, no packing across blocks."""

    schema_version: Literal[1]
    tool: str
    command: str
    family: str
    blocks: tuple[Block, ...]
