"""The numpy model of the controller, against the plain decision rule and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwflow.cascade.controller import (
    NOT_FORCED,
    NOT_SHED,
    Settings,
    alarms,
    delivery,
    run_controller,
)
from hwflow.cascade.decision import run_cascade
from hwflow.cascade.result import (
    FLAG_FORCED,
    FLAG_LONG,
    FLAG_ORDERED,
    FLAG_SHED,
    FLAG_SHORT,
    MARGIN_MAX,
)


def scores_with_margins(*margins):
    """Return per stage (N, 3) scores; stage k says class k with the given margins."""
    result = []
    for stage, row in enumerate(margins):
        scores = np.zeros((len(row), 3), dtype=np.int64)
        scores[:, stage] = row
        result.append(scores)
    return result


def settings_of(thresholds, *, force_stage=None, order=None, may_shed=None):
    count = len(thresholds)
    return Settings(
        np.array(thresholds),
        np.array(force_stage or [NOT_FORCED] * count),
        np.array(order or [False] * count),
        np.array(may_shed or [False] * count),
    )


def test_by_hand():
    scores = scores_with_margins([9, 5, 4, 4], [0, 7, 6, 5], [1, 1, 1, 1])
    settings = settings_of([[5, 6]] * 4, force_stage=[NOT_FORCED, 1, NOT_FORCED, 15])
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
    settings = settings_of([[5], [6], [0]])
    results, _ = run_controller(scores, settings)
    np.testing.assert_array_equal(results.exit_stage, [0, 1, 0])


def test_margin_saturates_but_the_decision_does_not():
    scores = scores_with_margins([MARGIN_MAX + 5, MARGIN_MAX + 5], [3, 3])
    settings = settings_of([[MARGIN_MAX + 5], [MARGIN_MAX + 6]])
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
        run_controller(scores, settings_of([[0]], force_stage=[0, 0]))


def test_a_shed_frame_exits_where_it_was_unsure():
    scores = scores_with_margins([4, 4, 4], [1, 1, 9])
    settings = settings_of([[5, 5]] * 3, order=[True, False, False], may_shed=[True, True, False])
    shed = np.array([0, NOT_SHED, NOT_SHED])
    results, counters = run_controller([*scores, scores[0]], settings, shed_stage=shed)
    np.testing.assert_array_equal(results.exit_stage, [0, 2, 1])
    np.testing.assert_array_equal(results.flags, [FLAG_SHED | FLAG_ORDERED, 0, 0])
    np.testing.assert_array_equal(counters.sheds, [1, 0, 0])


@pytest.mark.parametrize(
    ("margin", "force_stage", "may_shed", "stage", "message"),
    [
        (5, NOT_FORCED, True, 0, "exits at stage 0 anyway"),
        (4, 1, True, 0, "exits at stage 0 anyway"),
        (4, NOT_FORCED, False, 0, "may not be shed"),
        (5, NOT_FORCED, True, 1, "never decided by margin at stage 1"),
        (4, NOT_FORCED, True, 2, "never decided by margin at stage 2"),
    ],
)
def test_frames_that_cannot_have_been_shed_are_refused(
    margin, force_stage, may_shed, stage, message
):
    scores = scores_with_margins([margin], [9], [0])
    settings = settings_of([[5, 10]], force_stage=[force_stage], may_shed=[may_shed])
    with pytest.raises(ValueError, match=message):
        run_controller(scores, settings, shed_stage=np.array([stage]))


def test_order_of_delivery():
    exits, order = np.array([0, 1, 0, 0]), np.array([True, True, False, False])

    def deliver(*frames):
        return delivery(np.array(frames), exit_stage=exits, order=order)

    assert deliver(0, 1, 2, 3) is None
    assert deliver(2, 0, 3, 1) is None
    assert deliver(1, 0, 2, 3) == "ordered frames: 0 leaves after 1"
    assert deliver(0, 3, 1, 2) == "frames that exit at stage 0: 2 leaves after 3"


def test_alarms_fire_at_the_end_of_a_window_beyond_the_limit():
    wishes = np.array([1, 1, 0, 0, 1, 0, 1, 1], dtype=bool)
    np.testing.assert_array_equal(np.flatnonzero(alarms(wishes, window=3, limit=1)), [2])
    np.testing.assert_array_equal(np.flatnonzero(alarms(wishes, window=2, limit=1)), [1, 7])
    assert not alarms(wishes, window=0, limit=0).any()
