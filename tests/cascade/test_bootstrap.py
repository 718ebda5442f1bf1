"""Bootstrap intervals: seeded, of whole frames, and as wide as theory says."""

from __future__ import annotations

import numpy as np
import pytest
from score_data import scored

from hwflow.cascade.bootstrap import _intervals, draws, policy_intervals, threshold_intervals
from hwflow.cascade.goals import AccuracyGoal, BoundedLossGoal, CostGoal, ExitRateGoal, LossGoal
from hwflow.cascade.view import ScoredSplit, view

BOPS = (10, 100)


def test_a_seed_gives_its_draws_and_another_gives_others():
    seen = view(scored(0))
    first, again, other = (
        np.stack(list(draws(seen, resamples=5, seed=seed))) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.sum(axis=1).tolist() == [80] * 5


def test_translations_of_a_frame_are_drawn_together():
    seen = view(scored(0, frames=90, copies=9))
    for weights in draws(seen, resamples=5, seed=0):
        blocks = weights.reshape(9, 10)
        assert np.all(blocks == blocks[0])
        assert blocks[0].sum() == 10


def test_copies_make_no_interval_narrower():
    """The same frames nine times over are no more evidence than once."""
    once = scored(3, frames=200)
    nine = ScoredSplit(
        "validation", np.tile(once.labels, 9), tuple(np.tile(s, (9, 1)) for s in once.scores), 9
    )
    for data in (once, nine):
        assert policy_intervals(view(data), (12,), BOPS, resamples=50) == policy_intervals(
            view(once), (12,), BOPS, resamples=50
        )
        got = threshold_intervals(view(data), LossGoal(0.02), resamples=50)
        assert got == threshold_intervals(view(once), LossGoal(0.02), resamples=50)


def test_an_interval_leaves_out_a_fortieth_on_either_side():
    counted = np.arange(1001.0)
    assert _intervals(np.stack([counted, -counted], axis=1)) == ((25.0, 975.0), (-975.0, -25.0))


def test_intervals_are_as_wide_as_the_normal_approximation():
    data = scored(5, frames=2000)
    seen = view(data)
    cuts = ExitRateGoal(0.6).choose(seen)
    stage = seen.exit_stage(cuts)
    got = policy_intervals(seen, cuts, BOPS, resamples=2000, seed=1)

    def expect(values):
        values = np.asarray(values, dtype=float)
        half = 1.96 * values.std() / np.sqrt(2000)
        return values.mean() - half, values.mean() + half

    right = seen.outcome(stage)
    reached = np.where(stage == 0, 10, 110)
    for interval, values, spread in (
        (got.accuracy, right, 0.003),
        (got.loss, seen.right[-1].astype(int) - right, 0.003),
        (got.exit_rate[0], stage == 0, 0.004),
        (got.exit_rate[1], stage == 1, 0.004),
        (got.avg_bops, reached, 0.4),
    ):
        # An end's own error is about 1.6 standard errors over the root of the resamples times two.
        assert interval == pytest.approx(expect(values), abs=spread)


@pytest.mark.parametrize(
    "goal",
    [
        LossGoal(0.02, "losses"),
        BoundedLossGoal(0.03),
        AccuracyGoal(0.8),
        ExitRateGoal(0.5),
        CostGoal(60, BOPS),
    ],
)
def test_the_interval_of_a_threshold_covers_those_of_other_samples(goal):
    """95 % of the thresholds that fresh samples choose, give or take what 60 samples tell."""
    seen = view(scored(7, frames=1000))
    ((low, high),) = threshold_intervals(seen, goal, resamples=300, seed=0).threshold
    (chosen,) = seen.thresholds(goal.choose(seen))
    assert low <= chosen <= high
    assert low < high
    fresh = [view(scored(100 + k, frames=1000)) for k in range(60)]
    others = [each.thresholds(goal.choose(each))[0] for each in fresh]
    # The interval is centred on this sample, not on the truth: two such errors add up.
    width = max(high - low, 1)
    assert np.mean([low - width / 2 <= t <= high + width / 2 for t in others]) > 0.9
    assert float(low).is_integer()
    assert float(high).is_integer()


def test_draws_in_which_a_goal_is_out_of_reach_are_counted():
    seen = view(scored(2, frames=60))
    best = seen.right[-1].mean()
    got = threshold_intervals(seen, AccuracyGoal(float(best)), resamples=200, seed=0)
    assert 0.2 < got.unreached < 0.8
    assert threshold_intervals(seen, CostGoal(1, BOPS), resamples=20).threshold == ()
    assert threshold_intervals(seen, CostGoal(1, BOPS), resamples=20).unreached == 1.0


def test_thresholds_are_chosen_on_validation_frames():
    with pytest.raises(ValueError, match="validation split, got 'test'"):
        threshold_intervals(view(scored(0, split="test")), LossGoal(0.1))
