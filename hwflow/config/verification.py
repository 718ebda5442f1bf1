"""``verification.json``: an accelerator's stages against their golden integers, node by node."""

from __future__ import annotations

from typing import Literal

from hwflow.config.base import StrictModel
from hwflow.config.bundle import Link

VERIFICATION_FILE = "verification.json"


class StageVerification(StrictModel):
    """One stage in simulation, alone, on all golden frames back to back.

    ``nodes``: hardware nodes whose every beat was compared. ``ii_cycles``: mean clocks between
    frames once the pipeline is full, None of too few frames; ``ii_bound_cycles``: the largest cycle
    count of any node, estimated. ``latency_cycles``: first beat in to last score out of a lone
    frame.
    """

    name: str
    nodes: int
    ii_cycles: float | None
    ii_bound_cycles: int
    latency_cycles: int


class Verification(StrictModel):
    """``verification.json``. ``n`` frames as a whole, ``n_nodes`` of them node by node."""

    schema_version: Literal[1]
    accelerator: str
    simulator: str
    n: int
    n_nodes: int
    seed: int
    stages: tuple[StageVerification, ...]
    exactness: tuple[Link, ...]
