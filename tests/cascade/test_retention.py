"""Retention depth: the formula against a simulated queue, and its corners."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hwflow.cascade.retention import CONTROLLER_CYCLES, MINIMUM_FRAMES, backlog_decay, depth


def waiting_work(rate, ii, next_ii, *, frames, seed):
    """Return the work (cycles) in front of the next stage as each of ``frames`` arrives."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(frames) < rate, next_ii, 0) - ii
    walk = np.concatenate([[0], np.cumsum(steps)])
    return walk - np.minimum.accumulate(walk)


@pytest.mark.parametrize(
    ("rate", "ii", "next_ii"), [(0.1, 100, 500), (0.25, 100, 300), (0.4, 70, 150), (0.02, 10, 400)]
)
def test_decay_bounds_the_simulated_queue(rate, ii, next_ii):
    theta = backlog_decay(rate, ii_cycles=ii, next_ii_cycles=next_ii)
    moment = (1 - rate) * math.exp(-theta * ii) + rate * math.exp(theta * (next_ii - ii))
    assert math.isclose(moment, 1.0, rel_tol=1e-9)
    assert theta > 0
    frames = 400_000
    work = waiting_work(rate, ii, next_ii, frames=frames, seed=1)
    for probability in (0.3, 0.1, 0.01):
        level = -math.log(probability) / theta
        # The bound, plus four standard errors of a correlated sample.
        assert np.mean(work >= level) <= probability + 4 * math.sqrt(probability / frames) * 10


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
