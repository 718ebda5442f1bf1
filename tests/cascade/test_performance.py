"""The expected-performance model by itself; against RTL: tests/rtl/test_cascade_timing.py."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.cascade import block_timing
from hwflow.cascade.performance import (
    NEVER,
    Sizes,
    StageTiming,
    Traffic,
    expected_timeline,
)
from hwflow.cascade.retention import depth

EASY = StageTiming(ii_cycles=50, latency_cycles=120, input_cycles=31, word_bytes=4, score_words=5)
HARD = StageTiming(ii_cycles=200, latency_cycles=450, input_cycles=127, word_bytes=1, score_words=5)
SIZES = Sizes(frame_bytes=128, beat_bytes=8, retention_frames=(16,))


def exits(*stages):
    return np.array(stages, dtype=np.int64)


def yes(count):
    return np.ones(count, dtype=np.bool_)


@pytest.mark.parametrize(
    ("reorder", "order", "beside"), [(0, False, 8), (4, False, 9), (4, True, 10)]
)
def test_a_lone_frame_takes_the_stages_latency_and_the_blocks(reorder, order, beside):
    sizes = Sizes(128, 8, (16,), reorder_frames=reorder)
    traffic = Traffic(exits(0), order=yes(1) if order else None)
    early = expected_timeline([EASY, HARD], sizes, traffic)
    assert early.latency.tolist() == [EASY.latency_cycles + beside]
    late = expected_timeline([EASY, HARD], sizes, Traffic(exits(1), order=traffic.order))
    # Verdict to word: decision, waiting queue, reader, skid, gearbox.
    between = 2 + 1 + 1 + 1 + 1 + 1
    own = EASY.latency_cycles + HARD.latency_cycles
    assert late.latency.tolist() == [own + between + beside]


def test_frames_far_apart_all_take_as_long():
    count = 50
    traffic = Traffic(np.arange(count) % 2, arrival=2000 * np.arange(count))
    timeline = expected_timeline([EASY, HARD], SIZES, traffic)
    np.testing.assert_array_equal(timeline.accepted, traffic.arrival)
    for stage in (0, 1):
        assert np.unique(timeline.latency[timeline.exit_stage == stage]).size == 1
    # A beat is two of the stage's words, and three beats fit before it.
    assert timeline.stall_cycles == count * (SIZES.frame_beats - 1 - 3)
    assert timeline.peak_occupancy(0) == 1
    inside = (timeline.left - timeline.entered).sum()
    assert timeline.mean_occupancy(0) == inside / (timeline.result.max() - timeline.accepted[0])


@pytest.mark.parametrize("period", [1, 2, 3, 4, 5, 10])
def test_regular_traffic_runs_at_the_slowest_stages_pace(period):
    index = np.arange(1200)
    slots = depth(
        latency_cycles=EASY.latency_cycles,
        ii_cycles=EASY.ii_cycles,
        next_ii_cycles=HARD.ii_cycles,
        escalation_rate=1 / period,
    )
    traffic = Traffic((index % period == 0).astype(np.int64))
    timeline = expected_timeline([EASY, HARD], Sizes(128, 8, (slots,)), traffic)
    bound = max(EASY.ii_cycles, HARD.ii_cycles / period)
    assert bound <= timeline.cycles_per_frame(199) <= bound / 0.99


def random_case(seed):
    rng = np.random.default_rng(seed)
    beat_bytes = int(rng.choice([1, 2, 4, 8]))
    frame_bytes = beat_bytes * int(rng.integers(5, 14)) - int(rng.integers(0, beat_bytes))
    stages = []
    for _ in range(int(rng.integers(1, 4))):
        word = int(rng.choice([n for n in range(1, frame_bytes + 1) if frame_bytes % n == 0]))
        span = (frame_bytes // word - 1) * int(rng.integers(1, 4))
        stages.append(
            StageTiming(
                ii_cycles=int(rng.integers(1, 60)),
                latency_cycles=span + int(rng.integers(1, 80)),
                input_cycles=span,
                word_bytes=word,
                score_words=int(rng.integers(1, 6)),
                frames=int(rng.integers(2, 9)),
            )
        )
    decisions = len(stages) - 1
    retention = tuple(int(rng.choice([2, 3, 8])) for _ in range(decisions))
    queue = tuple(int(rng.integers(1, slots + 1)) for slots in retention)
    sizes = Sizes(frame_bytes, beat_bytes, retention, queue, int(rng.choice([0, 2, 8])))
    count = 150
    traffic = Traffic(
        rng.integers(0, len(stages), count),
        arrival=np.cumsum(rng.integers(0, 40, count)) if rng.random() < 0.5 else None,
        order=rng.random(count) < rng.choice([0.0, 0.5, 1.0]),
        shed=rng.random(count) < rng.choice([0.0, 0.5, 1.0]),
        forced=rng.random(count) < 0.1,
    )
    return stages, sizes, traffic


@pytest.mark.parametrize("seed", range(40))
def test_long_frames_in_closed_form_are_as_beat_by_beat(seed, monkeypatch):
    case = random_case(seed)
    closed = expected_timeline(*case)
    monkeypatch.setattr(block_timing, "_LONG_FRAME", 1 << 30)
    stepped = expected_timeline(*case)
    for name in ("accepted", "result", "exit_stage", "shed", "entered", "left"):
        np.testing.assert_array_equal(getattr(closed, name), getattr(stepped, name), name)
    assert closed.stall_cycles == stepped.stall_cycles


@pytest.mark.parametrize("seed", range(40))
def test_what_holds_for_all_traffic(seed):
    stages, sizes, traffic = random_case(1000 + seed)
    timeline = expected_timeline(stages, sizes, traffic)
    assert np.all(np.diff(timeline.accepted) >= sizes.frame_beats)
    if traffic.arrival is not None:
        assert np.all(timeline.accepted >= traffic.arrival)
    assert np.unique(timeline.result).size == traffic.count, "two results in a clock"
    np.testing.assert_array_equal(timeline.exit_stage < traffic.exit_stage, timeline.shed)
    assert not np.any(timeline.shed & ~(traffic.shed & ~traffic.forced))
    for level, slots in enumerate(sizes.retention_frames):
        assert timeline.peak_occupancy(level) <= slots
        assert timeline.mean_occupancy(level) <= timeline.peak_occupancy(level)
        reached = timeline.exit_stage >= level
        np.testing.assert_array_equal(timeline.entered[level] != NEVER, reached)
        assert np.all(timeline.left[level][reached] > timeline.entered[level][reached])
    for stage in range(len(stages)):
        passing = timeline.result[(timeline.exit_stage == stage) & ~traffic.order]
        assert np.all(np.diff(passing) > 0), f"results of stage {stage} out of order"
    if sizes.reorder_frames:
        ordered = traffic.order
        assert np.all(np.diff(timeline.result[ordered]) > 0)
        # A place is free again two clocks before its result is handed over, at the earliest.
        come, gone = timeline.accepted[ordered], timeline.result[ordered]
        ahead = sizes.reorder_frames
        assert np.all(come[ahead:] >= gone[:-ahead] - 2)


def test_a_full_queue_sheds_or_stalls():
    count = 400
    hard = np.ones(count, dtype=np.int64)
    sizes = Sizes(128, 8, (16,), (4,))
    waits = expected_timeline([EASY, HARD], sizes, Traffic(hard))
    assert not waits.shed.any()
    assert waits.cycles_per_frame(100) == HARD.ii_cycles
    assert waits.peak_occupancy(0) == 16
    sheds = expected_timeline([EASY, HARD], sizes, Traffic(hard, shed=yes(count)))
    assert sheds.cycles_per_frame(100) == EASY.ii_cycles
    assert abs(sheds.shed[100:].mean() - (1 - EASY.ii_cycles / HARD.ii_cycles)) < 0.01
    assert sheds.latency.max() < waits.latency.max()
    forced = Traffic(hard, shed=yes(count), forced=yes(count))
    assert not expected_timeline([EASY, HARD], sizes, forced).shed.any()


def test_latency_percentiles_are_by_exit_stage():
    traffic = Traffic((np.arange(300) % 3 == 0).astype(np.int64))
    timeline = expected_timeline([EASY, HARD], SIZES, traffic)
    early, late = (timeline.latency_percentiles(stage, (0, 50, 100)) for stage in (0, 1))
    assert early[2] < late[0]
    assert early[0] == timeline.latency[timeline.exit_stage == 0].min()
    nobody = expected_timeline([EASY, HARD], SIZES, Traffic(exits(0, 0)))
    assert np.isnan(nobody.latency_percentiles(1, (50,))).all()


def test_one_stage_needs_no_retention():
    timeline = expected_timeline([EASY], Sizes(128, 8), Traffic(np.zeros(20, dtype=np.int64)))
    assert timeline.entered.shape == (0, 20)
    assert timeline.cycles_per_frame(5) == EASY.ii_cycles
    assert np.all(np.diff(timeline.result) == EASY.ii_cycles)


@pytest.mark.parametrize(
    ("stages", "sizes", "traffic", "match"),
    [
        ([], Sizes(8, 8), Traffic(exits(0)), "at least one stage"),
        ([EASY], Sizes(130, 8), Traffic(exits(0)), "word_bytes must divide"),
        ([EASY], Sizes(128, 8, reorder_frames=-1), Traffic(exits(0)), "reorder_frames >= 0"),
        ([EASY, HARD], Sizes(128, 8), Traffic(exits(0)), "retention_frames: expected 1"),
        ([EASY, HARD], Sizes(128, 8, (1,)), Traffic(exits(0)), "at least 2"),
        ([EASY, HARD], Sizes(128, 8, (4,), (4, 4)), Traffic(exits(0)), "queues: expected 1"),
        ([EASY, HARD], SIZES, Traffic(exits(2)), "exit_stage: expected 0..1"),
        ([EASY], Sizes(128, 8), Traffic(exits(0, 0), arrival=exits(0)), "arrival: expected"),
        ([EASY], Sizes(128, 8), Traffic(exits(0, 0), arrival=exits(9, 2)), "rising"),
        ([EASY], Sizes(128, 8), Traffic(exits(0, 0), order=yes(3)), "order: expected"),
    ],
)
def test_what_does_not_fit_is_refused(stages, sizes, traffic, match):
    with pytest.raises(ValueError, match=match):
        expected_timeline(stages, sizes, traffic)


@pytest.mark.parametrize(
    "changes",
    [
        {"ii_cycles": 0},
        {"word_bytes": 0},
        {"score_words": 0},
        {"input_cycles": 200},
        {"input_cycles": -1},
        {"frames": 0},
    ],
)
def test_impossible_stages_are_refused(changes):
    values = {"ii_cycles": 50, "latency_cycles": 120, "input_cycles": 31, "word_bytes": 4}
    with pytest.raises(ValueError, match="expected"):
        StageTiming(**(values | changes))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"exit_stage": [0, 1]}, "exit_stage: expected an array .* of integers, got list"),
        ({"exit_stage": np.zeros(2)}, r"exit_stage: .* integers, got shape \(2,\) of float64"),
        ({"exit_stage": np.zeros((2, 1), np.int64)}, r"exit_stage: .* got shape \(2, 1\)"),
        ({"exit_stage": np.zeros(0, np.int64)}, "exit_stage: expected at least one frame"),
        ({"exit_stage": exits(0, 0), "arrival": [0, 9]}, "arrival: .* integers, got list"),
        ({"exit_stage": exits(0, 0), "order": exits(1, 1)}, "order: .* bool, got shape .* of int"),
    ],
)
def test_what_is_no_traffic_says_what_was_expected(given, match):
    with pytest.raises(ValueError, match=match):
        Traffic(**given)


def test_skip_leaves_a_frame():
    timeline = expected_timeline([EASY], Sizes(128, 8), Traffic(exits(0, 0, 0)))
    with pytest.raises(ValueError, match="skip"):
        timeline.cycles_per_frame(2)
