"""The numpy model of the controller, against the plain decision rule and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwflow.cascade.controller import NOT_FORCED, Settings, run_controller
from hwflow.cascade.decision import run_cascade
from hwflow.cascade.result import FLAG_FORCED, FLAG_LONG, FLAG_SHORT, MARGIN_MAX


def scores_with_margins(*margins):
    """Return per stage (N, 3) scores; stage k says class k with the given margins."""
    result = []
    for stage, row in enumerate(margins):
        scores = np.zeros((len(row), 3), dtype=np.int64)
        scores[:, stage] = row
        result.append(scores)
    return result


def test_by_hand():
    scores = scores_with_margins([9, 5, 4, 4], [0, 7, 6, 5], [1, 1, 1, 1])
    settings = Settings(
        np.array([[5, 6], [5, 6], [5, 6], [5, 6]]), np.array([NOT_FORCED, 1, NOT_FORCED, 15])
    )
    flags = np.array([0, FLAG_SHORT, FLAG_LONG, 0])
    results, counters = run_controller(scores, settings, flags=flags, first_id=65534)
    np.testing.assert_array_equal(results.sample_id, [65534, 65535, 0, 1])
    np.testing.assert_array_equal(results.exit_stage, [0, 1, 1, 2])
    np.testing.assert_array_equal(results.label, [0, 1, 1, 2])
    np.testing.assert_array_equal(results.margin, [9, 7, 6, 1])
    np.testing.assert_array_equal(
        results.flags, [0, FLAG_SHORT | FLAG_FORCED, FLAG_LONG, FLAG_FORCED]
    )
    assert (counters.frames_in, counters.frames_short, counters.frames_long) == (4, 1, 1)
    np.testing.assert_array_equal(counters.exits, [1, 2, 1])


def test_a_threshold_belongs_to_its_frame():
    scores = scores_with_margins([5, 5, 5], [1, 1, 1])
    settings = Settings(np.array([[5], [6], [0]]), np.full(3, NOT_FORCED))
    results, _ = run_controller(scores, settings)
    np.testing.assert_array_equal(results.exit_stage, [0, 1, 0])


def test_margin_saturates_but_the_decision_does_not():
    scores = scores_with_margins([MARGIN_MAX + 5, MARGIN_MAX + 5], [3, 3])
    settings = Settings(np.array([[MARGIN_MAX + 5], [MARGIN_MAX + 6]]), np.full(2, NOT_FORCED))
    results, _ = run_controller(scores, settings)
    np.testing.assert_array_equal(results.exit_stage, [0, 1])
    np.testing.assert_array_equal(results.margin, [MARGIN_MAX, 3])


@given(
    st.integers(1, 4).flatmap(
        lambda stages: st.tuples(
            st.lists(
                st.lists(
                    st.lists(st.integers(-20, 20), min_size=3, max_size=3),
                    min_size=stages,
                    max_size=stages,
                ),
                min_size=1,
            ),
            st.lists(st.integers(0, 25), min_size=stages - 1, max_size=stages - 1),
        )
    )
)
def test_equals_the_decision_rule(case):
    rows, thresholds = case
    scores = list(np.array(rows, dtype=np.int64).transpose(1, 0, 2))
    expected = run_cascade(scores, thresholds)
    results, counters = run_controller(scores, Settings.constant(len(rows), thresholds))
    np.testing.assert_array_equal(results.label, expected.prediction)
    np.testing.assert_array_equal(results.exit_stage, expected.exit_stage)
    np.testing.assert_array_equal(results.margin, expected.margin)
    assert not results.flags.any()
    assert counters.exits.sum() == len(rows)


def test_shapes_are_checked():
    scores = scores_with_margins([1], [1])
    with pytest.raises(ValueError, match="thresholds: expected"):
        run_controller(scores, Settings.constant(1, [1, 2]))
    with pytest.raises(ValueError, match="force_stage: expected"):
        run_controller(scores, Settings(np.zeros((1, 1), np.int64), np.zeros(2, np.int64)))
