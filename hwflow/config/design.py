"""The design: what ``build`` turns into an accelerator (``builds/<design>/design.yaml``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hwflow.config.base import StrictModel


class TargetCycles(StrictModel):
    """Fold each layer as far as it stays within ``target_ii_cycles`` cycles per frame."""

    target_ii_cycles: int = Field(gt=0)


class Design(StrictModel):
    """``design.yaml``: how a bundle becomes hardware.

    ``frame_beat_bytes``: bytes per beat of the frame stream, a power of two.
    ``retention_frames``: frames that the retention buffer of each decision holds; ``auto`` takes
    enough for the stage's latency and for bursts of hard frames at ``escalation_rate``.
    """

    schema_version: Literal[1]
    name: str
    board: Literal["pynq-z1", "pynq-z2"]
    clk_period_ns: Annotated[float, Field(gt=0)] = 10.0
    frame_beat_bytes: Literal[1, 2, 4, 8, 16, 32, 64] = 8
    stages: tuple[TargetCycles, ...] = Field(min_length=1)
    escalation_rate: Annotated[float, Field(ge=0, le=1)] = 0.25
    retention_frames: Annotated[int, Field(ge=2)] | Literal["auto"] = "auto"
