"""``synthesis.json``: resources of the own blocks as a synthesiser estimates them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hwflow.config.base import StrictModel

SYNTHESIS_FILE = "synthesis.json"


class Resources(StrictModel):
    """Primitives of the device. ``lut`` counts LUTs used as memory too; ``bram36`` in halves."""

    lut: int = Field(ge=0)
    ff: int = Field(ge=0)
    dsp: int = Field(ge=0)
    bram36: float = Field(ge=0)


class Block(StrictModel):
    """One block synthesised by itself; ``stage`` is None for the controller."""

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
