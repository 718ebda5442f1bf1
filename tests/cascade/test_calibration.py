from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_data import scored

from hwflow.cascade.calibration import ScoredSplit, measure, thresholds_for
from hwflow.cascade.cost import expected_bops
from hwflow.cascade.curves import threshold_curve
from hwflow.cascade.decision import run_cascade, top2
from hwflow.cascade.goals import LossGoal


def accuracy(data, thresholds):
    return measure(data, thresholds).accuracy


seeds = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.01, 0.05, 0.3]))
def test_smallest_threshold_that_keeps_the_accuracy(seed, eps):
    data = scored(seed)
    (threshold,) = thresholds_for(data, LossGoal(eps))
    needed = np.mean(top2(data.scores[-1])[0] == data.labels) - eps - 1e-12
    assert accuracy(data, (threshold,)) >= needed
    for smaller in range(threshold):
        assert accuracy(data, (smaller,)) < needed


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.01, 0.05, 0.3]))
def test_smallest_threshold_that_loses_no_more_frames(seed, eps):
    data = scored(seed)
    (threshold,) = thresholds_for(data, LossGoal(eps, "losses"))
    last = top2(data.scores[-1])[0] == data.labels

    def lost(value):
        result = run_cascade(data.scores, (value,))
        return np.mean(last & (result.prediction != data.labels))

    assert lost(threshold) <= eps + 1e-12
    assert threshold == 0 or lost(threshold - 1) > eps + 1e-12
    assert threshold >= thresholds_for(data, LossGoal(eps, "accuracy"))[0]


@pytest.mark.parametrize("criterion", ["accuracy", "losses"])
@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_larger_budget_never_raises_the_threshold(criterion, seed):
    data = scored(seed)
    budgets = (0.0, 0.02, 0.1, 0.5, 0.99)
    chosen = [thresholds_for(data, LossGoal(eps, criterion))[0] for eps in budgets]
    assert chosen == sorted(chosen, reverse=True)


def test_gains_do_not_pay_for_losses():
    labels = np.zeros(3, dtype=np.int64)
    early = np.array([[0, 4], [9, 0], [9, 0]])  # one wrong at margin 4, two right at 9
    late = np.array([[9, 0], [0, 9], [9, 0]])  # has the first right and the second wrong
    data = ScoredSplit("validation", labels, (early, late))
    assert thresholds_for(data, LossGoal(0.0, "accuracy")) == (0,)
    assert thresholds_for(data, LossGoal(0.0, "losses")) == (5,)
    assert thresholds_for(data, LossGoal(0.34, "losses")) == (0,)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_exit_rate_falls_with_the_threshold(seed):
    data = scored(seed)
    rates = [measure(data, (threshold,)).exit_rate[0] for threshold in range(30)]
    assert rates == sorted(rates, reverse=True)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 4))
def test_every_number_of_stages(seed, stages):
    data = scored(seed, stages=stages)
    thresholds = thresholds_for(data, LossGoal(0.0))
    assert len(thresholds) == stages - 1
    stats = measure(data, thresholds)
    assert stats.accuracy >= np.mean(top2(data.scores[-1])[0] == data.labels)
    assert sum(stats.exit_rate) == pytest.approx(1.0)


@pytest.mark.parametrize("split", ["test", "train"])
def test_only_validation_frames_choose(split):
    with pytest.raises(ValueError, match=f"validation split, got '{split}'"):
        thresholds_for(scored(0, split=split), LossGoal(0.0))


def test_useless_first_stage_escalates_everything():
    labels = np.array([0, 1, 0, 1])
    right = 5 * np.eye(2, dtype=np.int64)[labels]
    (threshold,) = thresholds_for(ScoredSplit("validation", labels, (-right, right)), LossGoal(0.0))
    assert threshold == 6  # one above the largest wrong margin


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_curve_against_the_controller_model(seed):
    data = scored(seed)
    curve = threshold_curve(data)
    assert curve.exit_rate[0] == 1.0
    assert curve.exit_rate[-1] == 0.0
    for threshold, rate, value in zip(
        curve.threshold, curve.exit_rate, curve.accuracy, strict=True
    ):
        result = run_cascade(data.scores, (int(threshold),))
        assert np.mean(result.exit_stage == 0) == rate
        assert np.mean(result.prediction == data.labels) == value
    assert np.all(curve.oracle_accuracy >= curve.accuracy - 1e-12)
    assert np.all(curve.oracle_accuracy >= curve.random_accuracy - 1e-12)


def test_oracle_by_enumeration():
    data = scored(5, frames=9)
    curve = threshold_curve(data)
    early, late = (top2(scores)[0] == data.labels for scores in data.scores)
    both = list(zip(early, late, strict=True))
    for rate, bound in zip(curve.exit_rate, curve.oracle_accuracy, strict=True):
        exits = round(rate * 9)
        best = max(
            np.mean([pair[0 if choice >> i & 1 else 1] for i, pair in enumerate(both)])
            for choice in range(2**9)
            if bin(choice).count("1") == exits
        )
        assert bound == pytest.approx(best)


def test_random_routing_by_sampling():
    data = scored(3, frames=400)
    curve = threshold_curve(data)
    middle = len(curve.threshold) // 2
    early, late = (top2(scores)[0] == data.labels for scores in data.scores)
    draw = np.random.RandomState(0)
    exits = round(curve.exit_rate[middle] * 400)
    trials = []
    for _ in range(2000):
        chosen = np.zeros(400, dtype=bool)
        chosen[draw.permutation(400)[:exits]] = True
        trials.append(np.where(chosen, early, late).mean())
    # Standard error of 2,000 trials of a mean over 400 frames is below 0.0005.
    assert np.mean(trials) == pytest.approx(curve.random_accuracy[middle], abs=0.002)


def test_expected_bops():
    assert expected_bops((10, 100), (0.75, 0.25)) == pytest.approx(10 + 0.25 * 100)
    assert expected_bops((1, 10, 100), (0.5, 0.3, 0.2)) == pytest.approx(1 + 5 + 20)
    assert expected_bops((7,), (1.0,)) == 7
    with pytest.raises(ValueError, match="2 stages, but 1 exit rates"):
        expected_bops((1, 2), (1.0,))
