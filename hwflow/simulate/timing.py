"""Initiation intervals and latencies from cycle stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.config.simulation import StageTiming
from hwflow.simulate.accelerator import SimResult
from hwflow.simulate.stage import run_stage

IntArray = NDArray[np.int64]

FRAMES_ALONE = 64


def steady_ii(accepted: IntArray, finished: IntArray) -> float | None:
    """Return the mean cycles per frame once the pipeline is full; None where it never is.

    ``accepted``, ``finished``: (N,) cycles at which each frame went in and came out, frames in the
    order in which they went in. While FIFOs fill, frames go in faster than they can be worked on.
    So the pipeline counts as full behind the first frame that finds as many inside as the last one
    does, or one less, since part of a frame may find room too; frames up to that one are left out.
    There is no II unless as many frames follow as are inside: a run that ends while their number
    still grows says nothing of how they will come out.

    Frames that leave in order are counted where they leave: each one that comes out has passed the
    slowest layer, while one that went in may only have found room. In a cascade results overtake
    each other, and a gap between two says nothing: between two frames that find equally many inside
    as many came out as went in, so there frames are counted where they enter, from when those that
    filled the pipeline have left it.
    """
    frames = len(accepted)
    left = np.searchsorted(np.sort(finished), accepted, side="right")
    inside = np.arange(1, frames + 1) - left
    full = int(np.argmax(inside >= inside[-1] - 1)) + 1
    if frames - full < max(2, inside[-1]):
        return None
    in_order = bool((np.diff(finished) > 0).all())
    steady = finished[full:] if in_order else accepted[full + int(inside[full]) :]
    if len(steady) < 2:
        return None
    return round(float(steady[-1] - steady[0]) / (len(steady) - 1), 3)


def stage_timing(
    folder: Path,
    design: Accelerator,
    stage: int,
    *,
    busy: SimResult,
    lone: SimResult,
    frames: NDArray[np.uint8],
) -> StageTiming:
    """Return II and latency of ``stage``.

    ``busy``: every frame back to back, up to this stage; ``lone``: one frame by itself. A stage
    behind a slower one would show that one's II, so it is simulated alone.
    """
    hardware = design.stages[stage]
    accepted, finished = busy.in_cycle, busy.score_cycle[stage]
    if any(earlier.ii_bound_cycles > hardware.ii_bound_cycles for earlier in design.stages[:stage]):
        alone = run_stage(folder, stage, frames[:FRAMES_ALONE])
        accepted, finished = alone.in_cycle, alone.out_cycle
    arrived = int(lone.score_cycle[stage - 1][0]) if stage else 0
    return StageTiming(
        name=hardware.name,
        ii_cycles=steady_ii(accepted, finished),
        ii_bound_cycles=hardware.ii_bound_cycles,
        latency_cycles=int(lone.score_cycle[stage][0]) - arrived,
    )


def ii_bound(design: Accelerator, exit_rate: tuple[float, ...]) -> float:
    """Return the largest II bound of a stage times the fraction of frames that reach it."""
    reach = np.cumsum(np.array(exit_rate)[::-1])[::-1]
    return max(
        float(share) * stage.ii_bound_cycles
        for share, stage in zip(reach, design.stages, strict=True)
    )
