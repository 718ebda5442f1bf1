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


def steady_ii(cycles: IntArray) -> float:
    """Return the mean gap of ``cycles`` (N,) without its first quarter, while pipelines fill."""
    steady = cycles[len(cycles) // 4 :]
    if len(steady) < 2:
        raise ValueError(f"an II needs at least two frames, got {len(cycles)}")
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
    cycles = busy.score_cycle[stage]
    if any(earlier.ii_bound_cycles > hardware.ii_bound_cycles for earlier in design.stages[:stage]):
        cycles = run_stage(folder, stage, frames[:FRAMES_ALONE]).out_cycle
    arrived = int(lone.score_cycle[stage - 1][0]) if stage else 0
    return StageTiming(
        name=hardware.name,
        ii_cycles=steady_ii(cycles),
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
