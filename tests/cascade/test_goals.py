"""Each goal against every threshold tried by hand; none looks at test frames."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_data import scored

from hwflow.cascade.calibration import measure, thresholds_for
from hwflow.cascade.cost import expected_bops
from hwflow.cascade.decision import run_cascade, top2
from hwflow.cascade.goals import (
    AccuracyGoal,
    BoundedLossGoal,
    CostGoal,
    ExitRateGoal,
    LossGoal,
)
from hwflow.cascade.view import ScoredSplit, view
from hwflow.errors import ConfigError

BOPS = (10, 100, 1000)
GOALS = (
    LossGoal(0.01),
    BoundedLossGoal(0.2),
    AccuracyGoal(0.5),
    ExitRateGoal(0.5),
    CostGoal(80, BOPS[:2]),
)
seeds = st.integers(0, 10_000)
some = settings(max_examples=40, deadline=None)


def thresholds_of(data):
    """Every threshold that routes differently, and one more."""
    _, margin = top2(data.scores[0])
    return range(int(margin.max()) + 2)


@some
@given(seeds, st.sampled_from([0.0, 0.2, 0.5, 0.81, 1.0]))
def test_the_largest_threshold_with_the_exit_rate(seed, rate):
    data = scored(seed)
    (threshold,) = thresholds_for(data, ExitRateGoal(rate))
    enough = [t for t in thresholds_of(data) if measure(data, (t,)).exit_rate[0] >= rate - 1e-12]
    there = measure(data, (threshold,)).exit_rate[0]
    assert there == measure(data, (max(enough),)).exit_rate[0] >= rate - 1e-12


@some
@given(seeds, st.sampled_from([10.0, 35.0, 80.0, 110.0, 1e9]))
def test_the_largest_threshold_within_the_cost(seed, budget):
    data = scored(seed)
    (threshold,) = thresholds_for(data, CostGoal(budget, BOPS[:2]))

    def cost(t):
        return expected_bops(BOPS[:2], measure(data, (t,)).exit_rate)

    assert cost(threshold) <= budget + 1e-6
    assert cost(threshold) == max(cost(t) for t in thresholds_of(data) if cost(t) <= budget + 1e-6)


@some
@given(seeds, st.sampled_from([0.3, 0.6, 0.75, 0.9, 1.0]))
def test_the_smallest_threshold_with_the_accuracy(seed, wanted):
    data = scored(seed)
    reach = [t for t in thresholds_of(data) if measure(data, (t,)).accuracy >= wanted - 1e-12]
    if not reach:
        best = max(measure(data, (t,)).accuracy for t in thresholds_of(data))
        with pytest.raises(ConfigError, match=f"no threshold reaches it.* reach {best:.4f}"):
            thresholds_for(data, AccuracyGoal(wanted))
        return
    assert thresholds_for(data, AccuracyGoal(wanted)) == (min(reach),)


@some
@given(seeds, st.sampled_from([0.05, 0.1, 0.3]), st.sampled_from([0.5, 0.9, 0.95]))
def test_the_smallest_threshold_whose_losses_bound_the_loss(seed, eps, confidence):
    data = scored(seed)
    n = len(data.labels)

    def chance(losses):
        """Of so few losses if the true rate were eps."""
        return sum(math.comb(n, k) * eps**k * (1 - eps) ** (n - k) for k in range(losses + 1))

    (threshold,) = thresholds_for(data, BoundedLossGoal(eps, confidence))
    last = top2(data.scores[-1])[0] == data.labels

    def lost(t):
        return int(np.sum(last & (run_cascade(data.scores, (t,)).prediction != data.labels)))

    assert chance(lost(threshold)) <= 1 - confidence
    assert threshold == 0 or chance(lost(threshold - 1)) > 1 - confidence


@some
@given(seeds, st.sampled_from([0.0, 0.02, 0.1]), st.sampled_from(["accuracy", "losses"]))
def test_three_stages_each_take_the_smallest_threshold_within_the_loss(seed, eps, criterion):
    """The first decision with what the chosen second one makes of a frame, its own margin too."""
    data = scored(seed, stages=3)
    last = top2(data.scores[-1])[0] == data.labels

    def lost(first, thresholds):
        right = run_cascade(data.scores[first:], thresholds).prediction == data.labels
        gained = 0 if criterion == "losses" else int(np.sum(right & ~last))
        return int(np.sum(last & ~right)) - gained

    allowed = math.floor(eps * len(last) + 1e-9)
    chosen = ()
    for stage in (1, 0):
        tried = range(int(top2(data.scores[stage])[1].max()) + 2)
        chosen = (next(t for t in tried if lost(stage, (t, *chosen)) <= allowed), *chosen)
    assert thresholds_for(data, LossGoal(eps, criterion)) == chosen


@some
@given(seeds)
def test_a_bound_is_stricter_than_the_count(seed):
    data = scored(seed)
    (bounded,) = thresholds_for(data, BoundedLossGoal(0.1))
    (counted,) = thresholds_for(data, LossGoal(0.1, "losses"))
    assert bounded >= counted


def test_too_few_frames_for_a_bound_are_told_how_many_it_takes():
    data = scored(0, frames=58)
    with pytest.raises(ConfigError, match=r"58 validation frames cannot show it.* it takes 59"):
        thresholds_for(data, BoundedLossGoal(0.05))
    thresholds_for(scored(0, frames=59), BoundedLossGoal(0.05))
    with pytest.raises(ConfigError, match="give an eps above 0"):
        thresholds_for(data, BoundedLossGoal(0.0))


def test_the_bound_holds_on_new_frames():
    """Of thresholds chosen on 300 frames each, few lose more than eps of a large population."""
    eps, worse = 0.02, 0
    population = scored(1, frames=200_000, split="test")
    last = top2(population.scores[-1])[0] == population.labels
    _, margin = top2(population.scores[0])
    lost = last & (top2(population.scores[0])[0] != population.labels)
    counted = 0
    draw = np.random.RandomState(0)
    for _ in range(200):
        chosen = draw.choice(len(population.labels), 300, replace=False)
        data = ScoredSplit(
            "validation", population.labels[chosen], tuple(s[chosen] for s in population.scores)
        )
        (bounded,) = thresholds_for(data, BoundedLossGoal(eps, 0.95))
        (plain,) = thresholds_for(data, LossGoal(eps, "losses"))
        worse += float(np.mean(lost & (margin >= bounded))) > eps
        counted += float(np.mean(lost & (margin >= plain))) > eps
    # 5 % of 200 are 10; four standard deviations above are 22. Without a bound it is a coin's toss.
    assert worse <= 22
    assert counted > 60


@some
@given(seeds, st.sampled_from([0.0, 0.3, 0.6, 1.0]))
def test_rates_of_three_stages_are_of_the_frames_that_arrive(seed, rate):
    data = scored(seed, stages=3, frames=300)
    thresholds = thresholds_for(data, ExitRateGoal((rate, 0.5)))
    left = np.bincount(run_cascade(data.scores, thresholds).exit_stage, minlength=3)
    assert left[0] >= rate * 300 - 1e-9
    assert left[1] >= 0.5 * (300 - left[0]) - 1e-9
    for decision, (stays, wanted) in enumerate(((300, rate), (300 - left[0], 0.5))):
        raised = list(thresholds)
        raised[decision] = thresholds[decision] + 1
        fewer = np.bincount(run_cascade(data.scores, raised).exit_stage, minlength=3)[decision]
        # The smallest of the thresholds that route alike is told, so one more frees no frame fewer
        # than the next level would: either it changes nothing, or too few leave.
        assert fewer == left[decision] or fewer < wanted * stays - 1e-9


@some
@given(seeds, st.sampled_from([12.0, 60.0, 200.0, 700.0, 1200.0]))
def test_three_stages_keep_within_the_cost(seed, budget):
    data = scored(seed, stages=3, frames=300)
    goal = CostGoal(budget, BOPS)
    rates = measure(data, thresholds_for(data, goal)).exit_rate
    assert expected_bops(BOPS, rates) <= budget * (1 + 1e-6)


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from([60.0, 200.0, 500.0]))
def test_three_stages_reach_next_to_the_most_that_any_thresholds_do(seed, budget):
    seen = view(scored(seed, stages=3, frames=120))
    found = CostGoal(budget, BOPS).cuts(seen, seen.ones)
    first, second = (np.arange(decision.cuts) for decision in seen.decisions)
    passed = np.cumsum(BOPS)
    best = 0.0
    for cuts in itertools.product(first, second):
        stage = seen.exit_stage(cuts)
        if passed[stage].mean() <= budget:
            best = max(best, seen.outcome(stage).mean())
    reached = seen.outcome(seen.exit_stage(found)).mean()
    assert best - 1.5 / seen.frames <= reached <= best, "one frame less at most"


def test_a_budget_that_nothing_exceeds_gives_the_most_accurate_thresholds():
    seen = view(scored(3, stages=3, frames=300))
    found = CostGoal(1e9, BOPS).cuts(seen, seen.ones)
    reached = seen.outcome(seen.exit_stage(found)).mean()
    assert reached >= max(right.mean() for right in seen.right)


@some
@given(seeds)
def test_a_larger_budget_never_lowers_a_threshold(seed):
    data = scored(seed)
    chosen = [thresholds_for(data, CostGoal(b, BOPS[:2]))[0] for b in (10, 20, 40, 80, 110)]
    assert chosen == sorted(chosen)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: type(goal).__name__)
@pytest.mark.parametrize("split", ["test", "train"])
def test_no_goal_chooses_on_other_frames(goal, split):
    with pytest.raises(ValueError, match=f"validation split, got '{split}'"):
        goal.choose(view(scored(0, split=split)))
    goal.choose(view(scored(0)))


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: type(goal).__name__)
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_a_weight_counts_as_so_many_copies_of_a_frame(goal, seed):
    data = scored(seed)
    draw = np.random.RandomState(seed)
    weights = draw.randint(0, 3, len(data.labels))
    many = np.repeat(np.arange(len(data.labels)), weights)
    copied = view(ScoredSplit("validation", data.labels[many], tuple(s[many] for s in data.scores)))
    seen = view(data)
    by_weight, by_copy = goal.cuts(seen, weights.astype(float)), goal.cuts(copied, copied.ones)
    if by_weight is None or by_copy is None:
        assert by_weight is by_copy is None
        return
    # A frame of weight 0 may have a level of its own; who leaves is the same.
    np.testing.assert_array_equal(seen.exit_stage(by_weight)[many], copied.exit_stage(by_copy))


def test_what_cannot_be_reached_is_told():
    with pytest.raises(ConfigError, match=r"bops 9: stage 0 alone.* takes 10"):
        thresholds_for(scored(0), CostGoal(9, BOPS[:2]))
    with pytest.raises(
        ConfigError, match="exit_rate has 2 entries, expected one number or a list of 1"
    ):
        thresholds_for(scored(0), ExitRateGoal((0.1, 0.2)))
