"""The expected-performance model against the RTL: when frames are taken and results given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from hwflow.bench.cascade.rig import Array, Dummy, GivenTraffic, Rig, compile_rig, run_rig
from hwflow.cascade.performance import Sizes, Timeline, Traffic, expected_timeline
from hwflow.cascade.result import FLAG_ORDERED, FLAG_SHED, ID_MODULO, unpack

pytestmark = pytest.mark.sim

COUNT = 3000
EASY = 100  # scripted byte of the best class: a margin far above the threshold, else far below

SLOW = (Dummy(4, 2, 60, 25), Dummy(12, 3, 90, 70), Dummy(1, 10, 20, 40))
FAST = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1))  # a verdict every clock
SINGLE = (Dummy(36, 10, 3, 1), Dummy(36, 5, 12, 9))
SHORT = (Dummy(12, 10, 2, 3), Dummy(36, 4, 5, 4), Dummy(4, 10, 9, 9))
LONG = (Dummy(1, 1, 200, 90), Dummy(1, 1, 300, 200))

RIGS = [
    pytest.param(Rig("2-order", SLOW[:2], 16, (8,), (3,), reorder=8)),
    pytest.param(Rig("2-single", SINGLE, 64, (16,), (4,), reorder=16)),
    pytest.param(Rig("1-one-beat", SLOW[:1], 64), marks=pytest.mark.slow),
    pytest.param(Rig("2-minimum", SLOW[:2], 8, (2,), (1,)), marks=pytest.mark.slow),
    pytest.param(Rig("2-fast", FAST, 32, (16,), (2,), reorder=4), marks=pytest.mark.slow),
    pytest.param(Rig("2-long", LONG, 1, (8,), (2,)), marks=pytest.mark.slow),
    pytest.param(Rig("3", SLOW, 4, (16, 8), (6, 2), reorder=32), marks=pytest.mark.slow),
    pytest.param(Rig("3-short", SHORT, 16, (5, 3), (5, 1), reorder=4), marks=pytest.mark.slow),
]


def runs_of(rig: Rig) -> dict[str, Traffic]:
    """Return named traffic: regular, random and bursty; in order; with shedding."""
    rng = np.random.default_rng(5)
    last = rig.stages - 1
    index = np.arange(COUNT)

    def at_random(rate: float) -> np.ndarray:
        reach = rng.random((COUNT, last)) < rate
        return np.cumprod(reach, axis=1).sum(axis=1).astype(np.int64)

    def every(period: int) -> np.ndarray:
        return np.where(index % period == 0, last, 0).astype(np.int64)

    pause = 1.2 * rig.timing(0).ii_cycles
    spread = np.cumsum(rng.geometric(1 / pause, COUNT)).astype(np.int64)
    bursts = np.where(index % 40 < 12, last, 0).astype(np.int64)
    yes = np.ones(COUNT, dtype=np.bool_)
    runs = {
        "none": Traffic(np.zeros(COUNT, dtype=np.int64)),
        "all": Traffic(every(1)),
        "third": Traffic(every(3)),
        "tenth": Traffic(every(10)),
        "random": Traffic(at_random(0.5)),
        "bursts": Traffic(bursts),
        "spread": Traffic(at_random(0.3), arrival=spread),
    }
    if last:
        runs |= {"shed " + name: replace(runs[name], shed=yes) for name in ("bursts", "random")}
    if rig.reorder:
        names = ("none", "third", "random", "spread")
        runs |= {"order " + name: replace(runs[name], order=yes) for name in names}
        runs["both"] = replace(runs["random"], order=yes, shed=yes)
    return runs


def frames_of(rig: Rig, exit_stage: np.ndarray) -> np.ndarray:
    """Return frames that the stages before ``exit_stage`` find hard; see dummy_stage.sv."""
    frames = np.zeros((exit_stage.size, rig.frame_bytes), dtype=np.uint8)
    for stage in range(rig.stages):
        frames[exit_stage <= stage, stage * rig.classes] = EASY
    return frames


@dataclass(frozen=True)
class Seen:
    """What the RTL did, frame by frame; cycles as ``Timeline`` counts them."""

    accepted: np.ndarray
    result: np.ndarray
    exit_stage: np.ndarray
    flags: np.ndarray
    peaks: dict[int, int]
    stall_cycles: int


def run_both(rig: Rig, library: Path, traffic: Traffic) -> tuple[Seen, Timeline]:
    """Run ``traffic`` through the RTL and through the model."""
    control = rig.registers["control"].word(
        enable=1, order=traffic.order is not None, shed=traffic.shed is not None
    )
    frames = frames_of(rig, traffic.exit_stage)
    run = run_rig(rig, library, GivenTraffic(frames, traffic.arrival, (("control", control),)))
    assert not run.error, run.error
    stages = [rig.timing(stage) for stage in range(rig.stages)]
    sizes = Sizes(rig.frame_bytes, rig.beat_bytes, rig.retention, rig.queue or None, rig.reorder)
    model = expected_timeline(stages, sizes, traffic)
    assert COUNT <= ID_MODULO
    words = unpack(run.words)
    by_id = np.argsort(words.sample_id)
    accepted, result = run[Array.FRAMES][:, 0], run[Array.RESULTS][by_id, 0]
    counted = {int(address): int(value) for _, address, value in run[Array.COUNTERS]}
    start = model.accepted[0] - accepted[0]
    seen = Seen(
        accepted=accepted + start,
        result=result + start,
        exit_stage=words.exit_stage[by_id],
        flags=words.flags[by_id],
        peaks={int(level): int(peak) for _, level, peak in run[Array.PEAKS]},
        stall_cycles=counted[rig.registers["stall_input"].offset],
    )
    return seen, model


@pytest.mark.parametrize("rig", RIGS, ids=lambda rig: rig.name)
def test_model_tells_every_clock(rig):
    """Acceptance and result of each frame, shed frames, peaks, stalls."""
    library = compile_rig(rig)
    shed_in = set()
    for name, traffic in runs_of(rig).items():
        seen, model = run_both(rig, library, traffic)
        for what in ("accepted", "result"):
            got, expected = getattr(seen, what), getattr(model, what)
            wrong = got != expected
            first = int(np.argmax(wrong))
            assert not wrong.any(), (
                f"{name}: frame {first} {what} at cycle {got[first]}, expected {expected[first]}; "
                f"{np.count_nonzero(wrong)} frames differ"
            )
        np.testing.assert_array_equal(seen.exit_stage, model.exit_stage, name)
        shed = (seen.flags & FLAG_SHED) != 0
        np.testing.assert_array_equal(shed, model.shed, name)
        ordered = (seen.flags & FLAG_ORDERED) != 0
        assert ordered.all() if traffic.order is not None else not ordered.any()
        for level in range(rig.stages - 1):
            assert seen.peaks[level] == model.peak_occupancy(level), name
        assert seen.stall_cycles == model.stall_cycles, name
        if shed.any():
            shed_in.add(name)
    # So that equality says something.
    assert bool(shed_in) == (rig.name in {"2-order", "2-single", "2-long", "3", "3-short"})


@pytest.mark.slow
def test_crowded_results_stay_within_one_percent():
    """Two stages that answer in every clock: who comes first at the arbiter is not always told."""
    rig = Rig("2-crowded", FAST, 64, (16,), (3,), reorder=8)
    library = compile_rig(rig)
    for name, traffic in runs_of(rig).items():
        seen, model = run_both(rig, library, traffic)
        took = (seen.accepted[-1] - seen.accepted[100]) / (COUNT - 101)
        assert abs(took / model.cycles_per_frame(100) - 1) < 0.01, name
        assert abs(seen.peaks[0] - model.peak_occupancy(0)) <= 1, name
        for stage in range(2):
            own = model.exit_stage == stage
            if own.any():
                latency = np.median((seen.result - seen.accepted)[own])
                assert abs(latency - np.median(model.latency[own])) <= 1, name
