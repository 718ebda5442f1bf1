from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hwflow.cascade.decision import run_cascade, top2

SCORES = arrays(
    np.int32,
    st.tuples(st.integers(1, 12), st.integers(2, 5)),
    elements=st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3),
)


def test_ties_go_to_the_lowest_class():
    label, margin = top2(np.array([[1, 5, 5], [7, 7, 7], [0, 1, 2]]))
    assert label.tolist() == [1, 0, 2]
    assert margin.tolist() == [0, 0, 1]


@given(SCORES)
def test_top2_against_sorting(scores):
    label, margin = top2(scores)
    for row, best, gap in zip(scores.tolist(), label, margin, strict=True):
        first, second = sorted(row, reverse=True)[:2]
        assert best == row.index(first)
        assert gap == first - second  # beyond 32 bits for the extremes


def test_margin_equal_to_threshold_exits():
    scores = (np.array([[3, 0], [2, 0]]), np.array([[0, 9], [0, 9]]))
    result = run_cascade(scores, (3,))
    assert result.exit_stage.tolist() == [0, 1]
    assert result.prediction.tolist() == [0, 1]
    assert result.margin.tolist() == [3, 9]


@given(SCORES, st.data())
def test_three_stages_frame_by_frame(first, data):
    stages = [first] + [
        data.draw(arrays(np.int32, first.shape, elements=st.integers(-9, 9))) for _ in range(2)
    ]
    thresholds = data.draw(st.tuples(st.integers(0, 10), st.integers(0, 10)))
    result = run_cascade(stages, thresholds)
    for frame in range(len(first)):
        for stage in range(3):
            label, margin = top2(stages[stage][frame : frame + 1])
            if stage == 2 or margin[0] >= thresholds[stage]:
                break
        assert result.exit_stage[frame] == stage
        assert result.prediction[frame] == label[0]
        assert result.margin[frame] == margin[0]


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="classes >= 2"):
        top2(np.zeros((3, 1), dtype=np.int32))
    with pytest.raises(ValueError, match="2 stages need 1 thresholds"):
        run_cascade((np.zeros((1, 2), int),) * 2, ())
