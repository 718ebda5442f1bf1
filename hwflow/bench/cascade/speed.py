"""Sustained throughput and exit latency of the controller's RTL, with dummy stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from hwflow.bench.cascade.check import check
from hwflow.bench.cascade.rig import (
    Array,
    Bytes,
    Dummy,
    GivenTraffic,
    IntArray,
    Rig,
    Run,
    compile_rig,
    run_rig,
)
from hwflow.cascade.performance import Sizes, Traffic, expected_timeline
from hwflow.cascade.retention import depth, queue_frames, reorder_depth

# Two stages: the second 3 and 10 times slower; the first at the stream's own pace.
_DUMMIES = (Dummy(4, 2, 60, 24), Dummy(4, 2, 60, 72))
_AT_PACE = (Dummy(4, 10, 5, 9), Dummy(4, 10, 200, 90))
_ONE_BEAT = (Dummy(36, 10, 3, 1), Dummy(36, 10, 9, 3))  # a frame, a verdict in every clock
_THREE = (Dummy(4, 2, 60, 24), Dummy(4, 2, 60, 60), Dummy(12, 5, 100, 150))
ONE_BEAT = "two stages, one beat a frame"
PERIODS = (0, 10, 3, 1)
LOADS, OVERLOADS = (0.5, 0.9), (0.98, 1.3)
BURST_FRAMES = 5.0
# The first frames fill pipelines and retention, faster than they can go on.
SKIP, REGULAR_FRAMES, RANDOM_FRAMES = 600, 3_601, 20_000
STREAM_FRAMES = 2_000
SEED = 7
EASY, HARD = 0x80, 90  # upper bytes of a score: of the losers, of who is first


@dataclass(frozen=True)
class Pace:
    """Frames per clock in one run.

    ``bound``: least over the stages of 1 / (share of the frames that reach it × II); ``model``: of
    the performance model for the same frames.
    """

    rig: str
    pattern: str
    load: float
    retention: tuple[int, ...]
    frames: int
    rate: float
    bound: float
    model: float


@dataclass(frozen=True)
class Latency:
    """Clocks from a frame's first beat to its result beyond those of the stages that it passed.

    Of ``frames`` that exit at ``exit_stage``. A stage's own clocks are from its first word in to
    its last score out.
    """

    rig: str
    traffic: str
    exit_stage: int
    frames: int
    least: int
    most: int


def frames_of(rig: Rig, exit_stage: IntArray, *, seed: int = SEED) -> Bytes:
    """Return frames (N, bytes) that exit where told, at the thresholds of the rig."""
    random = np.random.default_rng(seed)
    frames = random.integers(0, 256, (len(exit_stage), rig.frame_bytes), dtype=np.uint8)
    for k in range(rig.stages):
        scores = frames[:, k * rig.classes : (k + 1) * rig.classes]
        scores[:] = EASY
        best = random.integers(0, rig.classes, len(frames))
        every = np.arange(len(frames))
        scores[every, best] = HARD
        unsure = exit_stage > k
        scores[every[unsure], (best[unsure] + 1) % rig.classes] = HARD
    return frames


def throughput() -> list[Pace]:
    """Return the pace of regular, random and bursty traffic on each rig."""
    found = []
    for name, dummies in (("", _DUMMIES), (", first at the stream's pace", _AT_PACE)):
        rig = Rig(f"two stages{name}", dummies, 4, (2,))
        ii = [rig.timing(k).ii_cycles for k in range(2)]
        for period in PERIODS:
            rate = 1 / period if period else 0.0
            hard = np.arange(REGULAR_FRAMES) % period == 0 if period else np.zeros(REGULAR_FRAMES)
            sized = _sized(rig, rate)
            pattern = f"every {period}th" if period else "none"
            found.append(_pace(sized, pattern, rate * ii[1] / ii[0], hard.astype(np.int64)))
        for load in (*LOADS, *OVERLOADS):
            rate = load * ii[0] / ii[1]
            for pattern, burst in (("random", 1.0), ("bursts", BURST_FRAMES)):
                sized = _sized(rig, rate, burst)
                hard = _hard_frames(rate, RANDOM_FRAMES, burst)
                found.append(_pace(sized, pattern, load, hard.astype(np.int64)))
                if load in LOADS and not name:
                    ordered = _with_order(sized)
                    told = f"{pattern}, in order"
                    found.append(_pace(ordered, told, load, hard.astype(np.int64)))
    for rig in (
        Rig("three stages", _THREE, 4, (2, 2)),
        Rig(ONE_BEAT, _ONE_BEAT, 64, (2,)),
    ):
        last = rig.stages - 1
        for period in PERIODS:
            rate = 1 / period if period else 0.0
            index = np.arange(REGULAR_FRAMES)
            exit_stage = np.where(index % period == 0, last, 0) if period else 0 * index
            pattern = f"every {period}th" if period else "none"
            load = rate * rig.timing(last).ii_cycles / rig.timing(0).ii_cycles
            found.append(_pace(_sized(rig, rate), pattern, load, exit_stage))
    return found


def latency() -> list[Latency]:
    """Return exit latency: of one frame alone, and of streams at low load."""
    found = []
    for rig in (
        Rig("one stage", _DUMMIES[:1], 4),
        Rig("two stages", _DUMMIES, 4, (8,)),
        Rig("two stages, wide beats", _AT_PACE, 64, (32,)),
        Rig("three stages, reorder store", _THREE, 16, (8, 8), reorder=16),
    ):
        library = compile_rig(rig)
        for stage in range(rig.stages):
            one = np.full(1, stage, dtype=np.int64)
            found += _latencies(rig, library, "alone", one)
        random = np.random.default_rng(SEED)
        hard = random.random((STREAM_FRAMES, max(1, rig.stages - 1))) < 0.1
        exit_stage = np.minimum(np.cumprod(hard, axis=1).sum(axis=1), rig.stages - 1)
        # Later stages may find others there: what waits for a stage is not the controller's.
        found += _latencies(rig, library, "stream", exit_stage)[:1]
    return found


def _latencies(rig: Rig, library: Path, traffic: str, exit_stage: IntArray) -> list[Latency]:
    """Return the latencies of frames that come when stage 0 is ready, by exit stage."""
    ii = rig.timing(0).ii_cycles
    gaps = ii + np.random.default_rng(SEED).geometric(1 / ii, len(exit_stage))
    run = run_rig(rig, library, GivenTraffic(frames_of(rig, exit_stage), arrival=np.cumsum(gaps)))
    check(rig, run, what=f"{rig.name}, {traffic}")
    found = []
    for stage in np.unique(exit_stage):
        beyond = _beyond_the_stages(run, exit_stage, int(stage))
        found.append(
            Latency(
                rig.name, traffic, int(stage), len(beyond), int(beyond.min()), int(beyond.max())
            )
        )
    return found


def _beyond_the_stages(run: Run, exit_stage: IntArray, stage: int) -> IntArray:
    """Return what frames that exit at ``stage`` take beside the stages up to it."""
    ids = (run.words & np.uint64(0xFFFF)).astype(np.int64)
    result = np.empty(len(ids), np.int64)
    result[ids] = run[Array.RESULTS][:, 0]
    beyond: IntArray = result - run[Array.FRAMES][:, 0]
    for k in range(stage + 1):
        first, last = (
            rows[rows[:, 2] == k, 0] for rows in (run[Array.FIRST_WORD], run[Array.LAST_SCORE])
        )
        # Frames reach a stage in order of acceptance.
        beyond[exit_stage >= k] -= last - first
    own: IntArray = beyond[exit_stage == stage]
    return own


def _sized(rig: Rig, rate: float, burst: float = 1.0) -> Rig:
    """Return ``rig`` with the retention that the formula says."""
    timing = [rig.timing(k) for k in range(rig.stages)]
    retention = tuple(
        depth(
            latency_cycles=stage.latency_cycles,
            ii_cycles=timing[0].ii_cycles,
            next_ii_cycles=following.ii_cycles,
            escalation_rate=rate,
            burst_frames=burst,
        )
        for stage, following in pairwise(timing)
    )
    return replace(rig, retention=retention)


def _with_order(rig: Rig) -> Rig:
    """Return ``rig`` with queues and a reorder store as `hwflow build` makes them."""
    timing = [rig.timing(k) for k in range(rig.stages)]
    queue = tuple(
        queue_frames(frames, latency_cycles=one.latency_cycles, ii_cycles=one.ii_cycles)
        for frames, one in zip(rig.retention, timing, strict=False)
    )
    reorder = reorder_depth(
        latency_cycles=[one.latency_cycles for one in timing],
        ii_cycles=[one.ii_cycles for one in timing],
        queue_frames=queue,
    )
    return replace(rig, name=f"{rig.name}, store of {reorder}", queue=queue, reorder=reorder)


def _hard_frames(rate: float, count: int, burst: float) -> IntArray:
    """Return (count,) whether frames are hard: by chance, or in runs of ``burst`` on average."""
    random = np.random.default_rng(SEED)
    if burst <= 1 / (1 - rate):
        return (random.random(count) < rate).astype(np.int64)
    runs = int(2 * count * rate / burst) + 10
    lengths = np.stack(
        [random.geometric(rate / (1 - rate) / burst, runs), random.geometric(1 / burst, runs)],
        axis=1,
    ).ravel()
    return np.repeat(np.tile([0, 1], runs), lengths)[:count]


def _pace(rig: Rig, pattern: str, load: float, exit_stage: IntArray) -> Pace:
    ordered = rig.registers["control"].word(enable=1, order=1)
    writes = [("control", ordered)] if rig.reorder else []
    given = GivenTraffic(frames_of(rig, exit_stage), writes=writes)
    run = run_rig(rig, compile_rig(rig), given)
    check(rig, run, what=f"{rig.name}, {pattern}")
    timing = [rig.timing(k) for k in range(rig.stages)]
    # Frames that fill the pipelines are delayed by nothing; a whole number of periods remains.
    counted = exit_stage[SKIP:-1]
    work = [np.count_nonzero(counted >= k) * one.ii_cycles for k, one in enumerate(timing)]
    sizes = Sizes(rig.frame_bytes, rig.beat_bytes, rig.retention, rig.queue or None, rig.reorder)
    order = np.full(len(exit_stage), rig.reorder > 0)
    model = expected_timeline(timing, sizes, Traffic(exit_stage, order=order))
    return Pace(
        rig=rig.name,
        pattern=pattern,
        load=load,
        retention=rig.retention,
        frames=len(counted),
        rate=_rate(run[Array.FRAMES][:, 0]),
        bound=len(counted) / float(max(work)),
        model=_rate(model.accepted),
    )


def _rate(accepted: IntArray) -> float:
    return (len(accepted) - 1 - SKIP) / int(accepted[-1] - accepted[SKIP])
