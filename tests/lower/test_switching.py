"""Thresholds by bisection, and the direction of functions, against trying every integer."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwflow.lower.lowering.switching import COMPLETE, directions, grid, switch_points


@given(
    st.integers(-50, 0),
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=40), min_size=1, max_size=3),
    st.integers(-3, 3),
)
def test_switch_points_are_the_first_to_reach_a_level(low, steps, start):
    length = max(len(row) for row in steps)
    table = np.array([np.pad(row, (0, length - len(row))) for row in steps]).cumsum(axis=1) + start
    high = low + length - 1
    levels = np.arange(start - 1, table.max() + 3)

    def codes(integers):
        assert integers.min() >= low
        assert integers.max() <= high
        return np.take_along_axis(table, integers - low, axis=1)

    found = switch_points(codes, channels=len(table), low=low, high=high, levels=levels)
    for row, thresholds in zip(table, found, strict=True):
        expected = [
            next((low + k for k, code in enumerate(row) if code >= level), high + 1)
            for level in levels
        ]
        assert thresholds.tolist() == expected


def test_directions_per_channel():
    values = np.array([[0, 0, 1], [2, 1, 1], [3, 3, 3]])
    assert directions(values).tolist() == [1, -1, 0]
    assert directions(np.array([[0, 1, 0]])) is None


def test_a_small_range_is_tried_completely_and_a_large_one_sampled():
    points, complete = grid(4, -3, 5)
    assert complete
    assert points[2].tolist() == list(range(-3, 6))
    points, complete = grid(4, -COMPLETE, COMPLETE)
    assert not complete
    assert {-COMPLETE, -1, 0, 1, COMPLETE} <= set(points[0].tolist())
