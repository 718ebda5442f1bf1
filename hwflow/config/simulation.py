"""``simulation.json``: what the whole accelerator did in RTL simulation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hwflow.config.base import StrictModel
from hwflow.config.bundle import Accuracy, Link

SIMULATION_FILE = "simulation.json"
RESULTS_FILE = "results.npz"
VOLUME_FILE = "volume.json"


class StageTiming(StrictModel):
    """Timing of one stage; ``ii_cycles`` and ``latency_cycles`` simulated, the bound estimated.

    ``ii_cycles``: mean cycles per frame once the pipeline is full, None of too few frames to fill
    it. ``latency_cycles``: a lone frame, from its first beat (stage 0) or the decision to escalate
    it, to its last score.
    """

    name: str
    ii_cycles: float | None = Field(gt=0)
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

    ``ii_cycles``: mean cycles per frame once the pipeline is full, None of too few frames to fill
    it; ``ii_bound_cycles``: the largest II bound of a stage times the fraction of frames that reach
    it. ``latency_cycles``: a lone frame from
    first beat to result, for each exit stage. ``retained_peak_frames``: highest occupancy of each
    retention buffer, ``retention_frames`` its size.
    """

    threshold_int: tuple[int, ...]
    accuracy: Accuracy | None
    exit_rate: tuple[float, ...]
    ii_cycles: float | None
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


class Latency(StrictModel):
    """Cycles from a frame's first beat to its result, over all frames of a run."""

    min: int
    median: float
    max: int


class VolumeRun(StrictModel):
    """``volume.json``: many frames through the RTL at the calibrated thresholds, all of them exact.

    ``frames``: in words, where they come from. The run is cut into segments of
    ``segment_frames``, simulated one by one from reset with ``overlap_frames`` more on either side,
    so that pipelines are full; how many processes share them changes nothing. Cycle stamps of a
    segment are shifted so that its first frame goes in when it did in the segment before.
    ``seams``: places where two segments meet; ``unsteady_seams``: those where the two runs
    disagree by a cycle or more about the frames beside, so that a longer overlap would have been
    needed for the stamps of one unbroken run.

    ``results.npz`` beside it holds ``prediction``, ``exit_stage``, ``margin``, ``in_cycle`` (first
    beat) and ``out_cycle`` (result), each (N,) int64. ``ii_cycles``: as of ``simulation.json``.
    ``accuracy``: fraction of right labels, where every frame has one; ``cycles``: from the first
    beat to the last result.
    """

    schema_version: Literal[1]
    accelerator: str
    simulator: str
    n: int
    golden: int
    frames: str
    seed: int
    segment_frames: int
    overlap_frames: int
    seams: int
    unsteady_seams: int
    threshold_int: tuple[int, ...]
    exit_rate: tuple[float, ...]
    accuracy: float | None
    ii_cycles: float | None
    latency_cycles: Latency
    cycles: int
    exactness: tuple[Link, ...]
