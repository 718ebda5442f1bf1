"""Retention depth: the formula against a simulated queue, and its corners."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hwflow.cascade.performance import Sizes, StageTiming, Traffic, expected_timeline
from hwflow.cascade.retention import (
    CONTROLLER_CYCLES,
    LAST_FRAMES,
    MINIMUM_FRAMES,
    backlog_decay,
    depth,
    frames_inside,
    last_frames,
    queue_frames,
    reorder_depth,
)


def hard_frames(rate, frames, *, burst=1.0, seed=1):
    """Return (frames,) bool: runs of ``burst`` hard frames on the average, or chance."""
    rng = np.random.default_rng(seed)
    if burst <= 1 / (1 - rate):
        return rng.random(frames) < rate
    runs = int(2 * frames * rate / burst) + 10
    hard = rng.geometric(1 / burst, runs)
    easy = rng.geometric(rate / (1 - rate) / burst, runs)
    lengths = np.stack([easy, hard], axis=1).ravel()
    return np.repeat(np.tile([False, True], runs), lengths)[:frames]


def waiting_work(hard, ii, next_ii):
    """Return the work (cycles) in front of the next stage as each frame arrives."""
    steps = np.where(hard, next_ii, 0) - ii
    walk = np.concatenate([[0], np.cumsum(steps)])
    return walk - np.minimum.accumulate(walk)


@pytest.mark.parametrize("burst", [1, 3, 10])
@pytest.mark.parametrize(
    ("rate", "ii", "next_ii"), [(0.1, 100, 500), (0.25, 100, 300), (0.4, 70, 150), (0.02, 10, 400)]
)
def test_decay_bounds_the_simulated_queue(rate, ii, next_ii, burst):
    theta = backlog_decay(rate, ii_cycles=ii, next_ii_cycles=next_ii, burst_frames=burst)
    run = max(burst, 1 / (1 - rate))
    to_hard = rate / (1 - rate) / run
    chain = np.array([[1 - to_hard, to_hard], [1 / run, 1 - 1 / run]])
    steps = np.diag([math.exp(-theta * ii), math.exp(theta * (next_ii - ii))])
    assert math.isclose(max(abs(np.linalg.eigvals(chain @ steps))), 1.0, rel_tol=1e-9)
    assert theta > 0
    frames = 400_000
    hard = hard_frames(rate, frames, burst=burst)
    assert math.isclose(hard.mean(), rate, rel_tol=0.1)
    work = waiting_work(hard, ii, next_ii)
    for probability in (0.3, 0.1, 0.01):
        level = -math.log(probability) / theta
        share = np.mean(work >= level)
        # The bound, plus four standard errors of a correlated sample.
        assert share <= probability + 4 * math.sqrt(burst * probability / frames) * 10
        if probability == 0.1:
            assert share > probability / 10, "the bound says nothing"


def test_without_runs_the_decay_is_that_of_independent_frames():
    theta = backlog_decay(0.2, ii_cycles=100, next_ii_cycles=400)
    assert math.isclose(0.8 * math.exp(-100 * theta) + 0.2 * math.exp(300 * theta), 1.0)
    for burst in (0.0, 1.0, 1.25):
        assert theta == backlog_decay(0.2, ii_cycles=100, next_ii_cycles=400, burst_frames=burst)
    assert theta > backlog_decay(0.2, ii_cycles=100, next_ii_cycles=400, burst_frames=1.3)


@pytest.mark.parametrize(("rate", "next_ii"), [(0.0, 5000), (0.5, 100), (1.0, 100), (0.3, 50)])
def test_nothing_waits_where_the_next_stage_is_idle_or_as_fast(rate, next_ii):
    assert backlog_decay(rate, ii_cycles=100, next_ii_cycles=next_ii) == math.inf


def test_overload_has_no_decay():
    assert backlog_decay(0.5, ii_cycles=100, next_ii_cycles=200) == 0.0
    assert backlog_decay(1.0, ii_cycles=100, next_ii_cycles=101) == 0.0


def slots(**changes):
    values = {
        "latency_cycles": 6000,
        "ii_cycles": 5000,
        "next_ii_cycles": 10_000,
        "escalation_rate": 0.25,
    }
    return depth(**(values | changes))


def test_depth_adds_stage_reader_and_queue():
    # ⌈(6000 + 16) / 5000⌉ + 1 = 3 in the stage, 1 at the reader, none or one waiting.
    assert slots(escalation_rate=0.0) == 4
    assert slots(escalation_rate=1.0) == 8
    assert slots(latency_cycles=5000 - CONTROLLER_CYCLES, escalation_rate=0.0) == 4
    assert slots(latency_cycles=0, ii_cycles=CONTROLLER_CYCLES, escalation_rate=0.0) == 4
    theta = backlog_decay(0.25, ii_cycles=5000, next_ii_cycles=10_000)
    queue = math.ceil(math.log(1000) / theta / 10_000)
    assert slots() == 1 << (3 + 1 + queue - 1).bit_length()


def test_depth_grows_with_load_and_caution():
    rates = [slots(escalation_rate=rate) for rate in (0.0, 0.1, 0.3, 0.45, 0.49)]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1]
    assert slots(stall_probability=1e-9) >= slots(stall_probability=0.1)
    assert slots(escalation_rate=0.4999999) == 256
    assert slots(escalation_rate=0.4999999, most=64) == 64


def test_depth_is_a_power_of_two_that_hwf_retain_takes():
    for latency in (0, 1000, 50_000):
        for rate in (0.0, 0.2, 0.7):
            value = slots(latency_cycles=latency, escalation_rate=rate)
            assert value & (value - 1) == 0
            assert value >= MINIMUM_FRAMES


@pytest.mark.parametrize(
    "changes",
    [
        {"ii_cycles": 0},
        {"next_ii_cycles": 0},
        {"latency_cycles": -1},
        {"escalation_rate": 1.1},
        {"stall_probability": 0.0},
    ],
)
def test_nonsense_is_refused(changes):
    with pytest.raises(ValueError, match="expected"):
        slots(**changes)


def cascade(rate, burst, *, ii, latency, next_ii, frames=20_000):
    """Return stages, hard frames, slots by formula, and the bound on the cycles per frame."""
    stages = [
        StageTiming(ii, latency, min(ii, latency) // 2, 4, 5),
        StageTiming(next_ii, next_ii + 7, next_ii // 2, 4, 5),
    ]
    hard = hard_frames(rate, frames, burst=burst)
    slots = depth(
        latency_cycles=latency,
        ii_cycles=ii,
        next_ii_cycles=next_ii,
        escalation_rate=rate,
        burst_frames=burst,
    )
    return stages, hard, slots, max(ii, hard.mean() * next_ii)


CASES = [
    pytest.param(load, burst, *shape, id=f"{load}-{burst}-{shape[0]}-{shape[1]}-{shape[2]}")
    for load, burst in ((0.3, 3), (0.6, 1), (0.6, 3), (0.9, 1), (0.9, 2), (0.95, 1))
    for shape in ((100, 150, 500), (64, 164, 100))
]


@pytest.mark.parametrize(("load", "burst", "ii", "latency", "next_ii"), CASES)
def test_retention_by_formula_hardly_ever_stalls(load, burst, ii, latency, next_ii):
    """In the model of the whole controller, which RTL agrees with clock by clock."""
    rate = load * ii / next_ii
    stages, hard, slots, bound = cascade(rate, burst, ii=ii, latency=latency, next_ii=next_ii)
    traffic = Traffic(hard.astype(np.int64))
    timeline = expected_timeline(stages, Sizes(128, 8, (slots,)), traffic)
    assert np.mean(np.diff(timeline.accepted) > ii) < 1e-3
    assert timeline.cycles_per_frame(1000) <= bound / 0.99
    assert timeline.peak_occupancy(0) <= slots
    # Far fewer would not do.
    scarce = expected_timeline(stages, Sizes(128, 8, (max(2, slots // 8),)), traffic)
    assert np.mean(np.diff(scarce.accepted) > ii) > 1e-3


@pytest.mark.parametrize(("load", "burst"), [(0.6, 1), (0.9, 1), (1.5, 1), (0.9, 5)])
def test_queue_share_keeps_the_input_running_when_frames_are_shed(load, burst):
    ii, latency, next_ii = 100, 450, 500
    stages, hard, _, _ = cascade(load / 5, burst, ii=ii, latency=latency, next_ii=next_ii)
    slots = 32
    queue = queue_frames(slots, latency_cycles=latency, ii_cycles=ii)
    assert queue == slots - frames_inside(latency_cycles=latency, ii_cycles=ii)
    traffic = Traffic(hard.astype(np.int64), shed=np.ones(hard.size, dtype=np.bool_))
    overload = load > 1 or burst > 1
    timeline = expected_timeline(stages, Sizes(128, 8, (slots,), (queue,)), traffic)
    assert np.diff(timeline.accepted).max() == ii
    assert timeline.shed.any() == overload
    # Were the whole buffer the queue's, waiting frames would stop the input.
    greedy = expected_timeline(stages, Sizes(128, 8, (slots,), (slots,)), traffic)
    assert np.any(np.diff(greedy.accepted) > ii) == overload


def test_queue_share_is_never_empty():
    assert queue_frames(2, latency_cycles=5000, ii_cycles=100) == 1


@pytest.mark.parametrize(("load", "next_ii"), [(0.3, 500), (0.9, 300), (0.9, 150)])
def test_reorder_store_by_formula_never_stalls(load, next_ii):
    ii, latency = 100, 350
    rate = load * ii / next_ii
    stages, hard, slots, _ = cascade(rate, 1, ii=ii, latency=latency, next_ii=next_ii)
    places = reorder_depth(
        latency_cycles=[stage.latency_cycles for stage in stages],
        ii_cycles=[ii, next_ii],
        queue_frames=[queue_frames(slots, latency_cycles=latency, ii_cycles=ii)],
    )
    assert places & (places - 1) == 0
    exit_stage, yes = hard.astype(np.int64), np.ones(hard.size, dtype=np.bool_)
    sizes = Sizes(128, 8, (slots,), reorder_frames=places)
    free = expected_timeline(stages, sizes, Traffic(exit_stage))
    ordered = expected_timeline(stages, sizes, Traffic(exit_stage, order=yes))
    np.testing.assert_array_equal(ordered.accepted, free.accepted)
    assert np.all(np.diff(ordered.result) > 0)
    # An eighth of the places would not do.
    scarce = Sizes(128, 8, (slots,), reorder_frames=max(2, places // 8))
    slow = expected_timeline(stages, scarce, Traffic(exit_stage, order=yes))
    assert slow.accepted[-1] > free.accepted[-1]


def test_reorder_depth_adds_up():
    # (100 + 16 + 3 × 50 + 200 + 16) / 10 = 48.2: 49 frames, and the one that comes.
    assert reorder_depth(latency_cycles=[100, 200], ii_cycles=[10, 50], queue_frames=[3]) == 64
    assert reorder_depth(latency_cycles=[5, 5], ii_cycles=[100, 1], queue_frames=[1]) == 2
    many = {"latency_cycles": [100, 200], "ii_cycles": [10, 50], "queue_frames": [300]}
    assert reorder_depth(**many) == 256
    assert reorder_depth(**many, most=32) == 32


@pytest.mark.parametrize(
    ("latency", "ii", "frames"), [(100, 100, LAST_FRAMES), (509, 9, 64), (301, 1, 512)]
)
def test_tickets_of_the_last_stage_cover_what_is_inside(latency, ii, frames):
    assert last_frames(latency_cycles=latency, ii_cycles=ii) == frames
    (timing,) = (StageTiming(ii, latency, 1, 4),)
    timeline = expected_timeline(
        (timing,), Sizes(4, 4, last_frames=frames), Traffic(np.zeros(2000, dtype=np.int64))
    )
    pace = (timeline.accepted[-1] - timeline.accepted[999]) / 1000
    assert pace == pytest.approx(ii, rel=0.01)
