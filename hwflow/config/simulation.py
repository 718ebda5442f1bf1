"""``simulation.json``: what the whole accelerator did in RTL simulation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hwflow.config.base import StrictModel
from hwflow.config.bundle import Accuracy, Link

SIMULATION_FILE = "simulation.json"
RESULTS_FILE = "results.npz"


class StageTiming(StrictModel):
    """Timing of one stage; ``ii_cycles`` and ``latency_cycles`` simulated, the bound estimated.

    ``ii_cycles``: mean cycles between frames in the steady state. ``latency_cycles``: a lone frame,
    from its first beat (stage 0) or the decision to escalate it, to its last score.
    """

    name: str
    ii_cycles: float = Field(gt=0)
    ii_bound_cycles: int = Field(gt=0)
    latency_cycles: int = Field(gt=0)


class PauseSettings(StrictModel):
    """Random gaps of the bench: chance per cycle that one begins, and its longest duration."""

    idle: float
    stall: float
    longest: int
    seed: int


class CascadeRun(StrictModel):
    """All frames back to back at the calibrated thresholds.

    ``ii_cycles``: mean cycles between accepted frames; ``ii_bound_cycles``: the largest II bound
    of a stage times the fraction of frames that reach it. ``latency_cycles``: a lone frame from
    first beat to result, for each exit stage. ``retained_peak_frames``: highest occupancy of each
    retention buffer, ``retention_frames`` its size.
    """

    threshold_int: tuple[int, ...]
    accuracy: Accuracy | None
    exit_rate: tuple[float, ...]
    ii_cycles: float
    ii_bound_cycles: float
    latency_cycles: tuple[int, ...]
    cycles: int
    retention_frames: tuple[int, ...]
    retained_peak_frames: tuple[int, ...]
    counters: dict[str, int]


class Simulation(StrictModel):
    """``simulation.json``. ``results.npz`` beside it holds the run at the calibrated thresholds.

    ``results.npz``: ``prediction``, ``exit_stage``, ``margin``, ``in_cycle`` (first beat),
    ``out_cycle`` (result), each (N,) int64, and ``scores_<k>`` (N, classes) int64 from the taps of
    a run in which every frame passed every stage.
    """

    schema_version: Literal[1]
    accelerator: str
    simulator: str
    n: int
    stages: tuple[StageTiming, ...]
    cascade: CascadeRun
    pauses: PauseSettings
    exactness: tuple[Link, ...]
