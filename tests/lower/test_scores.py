"""Integer scores have the order of real ones: brute force over every two accumulators."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwflow.lower.lowering.builder import Bounds
from hwflow.lower.lowering.integer_scores import SCORE_BITS, integer_scores

SCALES = st.one_of(
    st.sampled_from([0.25, 0.5, 1.0, 1.5, 3.0]),
    st.floats(0.125, 4.0, width=32),
)
OFFSETS = st.integers(-(2**20), 2**20).map(lambda k: k / 2**15)


@st.composite
def classes(draw, *, even=False):
    count = draw(st.integers(2, 4))
    scales = [draw(SCALES)] * count if even else [draw(SCALES) for _ in range(count)]
    offsets = [draw(OFFSETS) for _ in range(count)]
    lows = [draw(st.integers(-20, 5)) for _ in range(count)]
    highs = [low + draw(st.integers(0, 30)) for low in lows]
    return np.array(scales), np.array(offsets), Bounds(np.array(lows), np.array(highs))


def signs(scale, offset, bounds, left, right):
    """Return the order (A, B) of every accumulator of one class against each of another."""
    values = [
        [
            int(a) * Fraction(scale[k]) + Fraction(offset[k])
            for a in range(bounds.lows[k], bounds.highs[k] + 1)
        ]
        for k in (left, right)
    ]
    return np.array([[(a > b) - (a < b) for b in values[1]] for a in values[0]])


def check(scale, offset, bounds):
    result = integer_scores(scale, offset, bounds)
    assert result is not None
    ends = result.multiplier * np.stack([bounds.lows, bounds.highs]) + result.offset
    assert np.abs(ends).max() < 2 ** (SCORE_BITS - 1)
    whole = [int(value) for value in result.multiplier], [int(value) for value in result.offset]
    for left in range(len(scale)):
        for right in range(left):
            real = signs(scale, offset, bounds, left, right)
            if result.proven:
                np.testing.assert_array_equal(signs(*whole, bounds, left, right), real)
    return result


@settings(max_examples=60, deadline=None)
@given(classes(even=True))
def test_a_bias_per_class_always_has_an_exact_order(drawn):
    assert check(*drawn).proven


@settings(max_examples=30, deadline=None)
@given(classes())
def test_scales_per_class(drawn):
    scale, offset, bounds = drawn
    result = check(scale, offset, bounds)
    assert result.proven or result.rounding(scale, offset, bounds) <= scale.min() / 2


def test_a_wrong_offset_would_be_seen():
    scale, offset = np.array([1.0, 1.0]), np.array([0.5, 0.0])
    bounds = Bounds(np.array([-3, -3]), np.array([3, 3]))
    real = signs(scale, offset, bounds, 0, 1)
    assert (signs([2, 2], [0, 0], bounds, 0, 1) != real).any()


def test_dyadic_scales_are_exact_and_short():
    bounds = Bounds(np.array([-100, -100]), np.array([100, 100]))
    result = check(np.array([0.75, 0.5]), np.array([0.25, -1.0]), bounds)
    assert (result.multiplier.tolist(), result.offset.tolist()) == ([3, 2], [1, -4])
    assert result.scale == 0.25


def test_too_wide_an_accumulator_has_no_scores():
    bounds = Bounds(np.full(3, -(2**24)), np.full(3, 2**24))
    assert integer_scores(np.array([0.1, 0.1 * 2**0.5, 0.7]), np.zeros(3), bounds) is None


def test_a_close_order_that_is_not_exact_says_so():
    bounds = Bounds(np.full(3, -(2**12)), np.full(3, 2**12))
    scale = np.array([0.1, 0.1 * 2**0.5, 0.1 * 3**0.5])
    result = integer_scores(scale, np.zeros(3), bounds)
    assert not result.proven
    assert 0 < result.rounding(scale, np.zeros(3), bounds) <= 0.05
