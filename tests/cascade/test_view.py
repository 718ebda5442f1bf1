"""Cuts and thresholds are two ways to say the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_data import scored

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.scores import confidence, parse_score
from hwflow.cascade.view import ScoredSplit, view

NAMES = st.sampled_from(["margin", "max_softmax", "neg_entropy", "gbvsb_1_3"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), NAMES, st.data())
def test_a_frame_leaves_iff_its_confidence_reaches_the_threshold(seed, name, draw):
    data, score = scored(seed), parse_score(name)
    seen = view(data, score, scales=(0.25, 0.25))
    (decision,) = seen.decisions
    cut = draw.draw(st.integers(0, decision.cuts - 1))
    threshold = decision.threshold(cut)
    sure = confidence(data.scores[0], score, scale=0.25)
    np.testing.assert_array_equal(seen.exit_stage((cut,)) == 0, sure >= threshold)
    assert decision.cut(threshold) == cut
    exits = seen.exit_stage((cut,)) == 0
    assert decision.sums(seen.ones, 0 * seen.ones)[cut] == exits.sum()
    early, late = seen.right
    right = decision.sums(early.astype(float), late.astype(float))[cut]
    assert (
        right == np.where(exits, early, late).sum() == seen.outcome(seen.exit_stage((cut,))).sum()
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_three_stages_route_as_the_hardware_does(seed, thresholds):
    data = scored(seed, stages=3)
    seen = view(data)
    result = run_cascade(data.scores, thresholds)
    stage = seen.exit_stage(seen.cuts(thresholds))
    np.testing.assert_array_equal(stage, result.exit_stage)
    np.testing.assert_array_equal(seen.outcome(stage), result.prediction == data.labels)
    # The smallest threshold of a cut stands for all that route alike.
    for told, meant in zip(seen.thresholds(seen.cuts(thresholds)), thresholds, strict=True):
        assert told <= meant


def test_integers_are_cut_below_the_next_and_floats_at_the_level():
    labels = np.zeros(3, dtype=np.int64)
    data = ScoredSplit("validation", labels, (np.array([[5, 0], [9, 0], [5, 0]]),) * 2)
    (decision,) = view(data).decisions
    assert [decision.threshold(cut) for cut in range(decision.cuts)] == [0, 6, 10]
    (decision,) = view(data, parse_score("max_softmax")).decisions
    low, high, never = (decision.threshold(cut) for cut in range(decision.cuts))
    assert (low, high, never) == (decision.levels[0], decision.levels[1], math.inf)


def test_the_middle_copy_is_the_frame_itself():
    data = ScoredSplit("validation", np.arange(9), (np.arange(18).reshape(9, 2),), copies=3)
    assert data.independent == 3
    assert data.untranslated().labels.tolist() == [3, 4, 5]
    assert data.untranslated().scores[0].tolist() == [[6, 7], [8, 9], [10, 11]]
    assert data.untranslated().copies == 1
    with pytest.raises(ValueError, match="9 frames are not 2 copies"):
        ScoredSplit("validation", np.arange(9), (), copies=2)


def test_a_scale_per_stage():
    with pytest.raises(ValueError, match="2 stages, but 1 scales"):
        view(scored(0), scales=(1.0,))
