"""The requantiser search: equal everywhere or None, and None only where there is nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hwflow.dataflow.requant import Requant, find_requant
from hwflow.errors import UnsupportedModelError
from hwflow.export.half_grid import Quantiser, half_grid
from hwflow.lower.evaluate import apply
from hwflow.lower.network import Tensor, Threshold


def counted(thresholds, low, accumulators):
    """Return ``low`` + the number of thresholds reached, (N, C), by the integer network itself."""
    channels, steps = thresholds.shape
    shape = (1, 1, channels)
    output = Tensor("out", shape, low, low + steps)
    layer = Threshold("act", "act", ("in",), output, thresholds)
    values = np.repeat(accumulators[:, None, None, None], channels, axis=3)
    return apply(layer, {"in": values})[:, 0, 0, :]


def assert_equal_everywhere(requant, thresholds, low, acc_low, acc_high):
    accumulators = np.arange(acc_low, acc_high + 1)
    got = requant.apply(np.repeat(accumulators[:, None], len(thresholds), axis=1))
    np.testing.assert_array_equal(got, counted(thresholds, low, accumulators))


def staircase(multiplier, bias, shift, *, low, steps, acc_low, acc_high):
    """Return where ⌊(a·M + B) / 2^S⌋ reaches low + 1 … low + steps, (C, steps)."""
    levels = np.arange(low + 1, low + steps + 1) << shift
    at = -((bias[:, None] - levels) // multiplier[:, None])
    return np.clip(at, acc_low, acc_high + 1)


@st.composite
def lines(draw):
    """Multipliers, biases, a shift, and the range that they are used on."""
    channels, shift = draw(st.integers(1, 4)), draw(st.integers(0, 14))
    acc_low = draw(st.integers(-300, 300))
    acc_high = acc_low + draw(st.integers(0, 400))
    multiplier = np.array([draw(st.integers(1, 2**10)) for _ in range(channels)])
    scale = 1 << shift
    centres = [draw(st.integers(acc_low, acc_high)) for _ in range(channels)]
    bias = np.array([draw(st.integers(-2 * scale, 2 * scale)) for _ in range(channels)])
    bias -= multiplier * np.array(centres)
    return multiplier, bias, shift, acc_low, acc_high


@settings(max_examples=300, deadline=None)
@given(lines(), st.integers(-8, 3), st.integers(1, 40))
def test_what_a_requantiser_makes_is_found_again(line, low, steps):
    multiplier, bias, shift, acc_low, acc_high = line
    limits = {"acc_low": acc_low, "acc_high": acc_high}
    thresholds = staircase(multiplier, bias, shift, low=low, steps=steps, **limits)
    found = find_requant(thresholds, low=low, **limits, max_multiplier_bits=10)
    assert found is not None
    assert_equal_everywhere(found, thresholds, low, acc_low, acc_high)
    # Narrowest: at most the shift and the bits that made it.
    assert found.shift <= shift
    assert found.multiplier.max() <= multiplier.max()


@settings(max_examples=300, deadline=None)
@given(lines(), st.integers(1, 40), st.data())
def test_a_moved_switch_point_is_never_met_wrongly(line, steps, data):
    multiplier, bias, shift, acc_low, acc_high = line
    limits = {"acc_low": acc_low, "acc_high": acc_high}
    thresholds = staircase(multiplier, bias, shift, low=0, steps=steps, **limits)
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.integers(0, len(thresholds) - 1))
        column = data.draw(st.integers(0, steps - 1))
        thresholds[row, column] += data.draw(st.integers(-3, 3))
    thresholds = np.sort(np.clip(thresholds, acc_low, acc_high + 1), axis=1)
    found = find_requant(thresholds, low=0, **limits)
    if found is not None:
        assert_equal_everywhere(found, thresholds, 0, acc_low, acc_high)


def exists(thresholds, acc_low, acc_high, *, most_shift, most_multiplier):
    """Try every shift, multiplier and bias of one channel."""
    accumulators = np.arange(acc_low, acc_high + 1)
    steps = thresholds.shape[1]
    want = counted(thresholds, 0, accumulators)[:, 0]
    for shift in range(most_shift + 1):
        for multiplier in range(most_multiplier + 1):
            reach = multiplier * max(abs(acc_low), abs(acc_high)) + ((steps + 1) << shift)
            bias = np.arange(-reach, reach + 1)[:, None]
            got = (accumulators * multiplier + bias) >> shift
            # The clip may also lie at the outermost levels that occur.
            if np.any(np.all(np.clip(got, want.min(), want.max()) == want, axis=1)):
                return True
    return False


@settings(max_examples=150, deadline=None)
@given(st.integers(-4, 2), st.lists(st.integers(-4, 6), min_size=1, max_size=4))
def test_none_means_that_there_is_nothing(acc_low, switches):
    acc_high = acc_low + 7
    thresholds = np.clip(np.sort(np.array([switches])), acc_low, acc_high + 1)
    found = find_requant(thresholds, low=0, acc_low=acc_low, acc_high=acc_high)
    # Eight accumulators and four levels: a slope that fits has a denominator below 2^4, or none.
    assert (found is not None) == exists(
        thresholds, acc_low, acc_high, most_shift=4, most_multiplier=70
    )
    if found is not None:
        assert_equal_everywhere(found, thresholds, 0, acc_low, acc_high)


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-2, 4.0), st.floats(-6.0, 6.0), st.integers(-12, -4), st.sampled_from([3, 4, 8]))
def test_half_grid_layers_need_eight_bits(gain, bias, exponent, bits):
    """Each gain of a half-grid batch norm has at most eight significant bits, its bias half one."""
    step, bound, quantiser = 2.0**exponent, 2**15, Quantiser(bits, 4.0 / 2**bits)
    try:
        grid = half_grid(
            np.array([gain]),
            np.array([bias]),
            step=step,
            accumulator_bound=np.array([bound]),
            quantiser=quantiser,
            layer="layer",
        )
    except UnsupportedModelError:
        assume(False)
    assume(grid.gain_bits[0] > 0)
    # Code k is reached where gain·step·a + bias >= (k − ½)·scale; all of these are dyadic.
    ties = (np.arange(1, 2**bits) - 0.5) * quantiser.scale
    at = np.ceil((ties - grid.bias[0]) / (grid.gain[0] * step)).astype(np.int64)
    thresholds = np.clip(at, -bound, bound + 1)[None]
    found = find_requant(thresholds, low=0, acc_low=-bound, acc_high=bound, max_multiplier_bits=8)
    assert found is not None
    assert_equal_everywhere(found, thresholds, 0, -bound, bound)


def test_a_layer_of_512_channels_and_255_thresholds_is_decided_in_seconds():
    random = np.random.default_rng(11)
    bound = 2**17
    gain = random.uniform(0.3, 1.0, size=512) * 255 / bound
    bias = random.uniform(-10, 128, size=512)
    at = (np.arange(1, 256) - 0.5 - bias[:, None]) / gain[:, None]
    thresholds = np.clip(np.ceil(at).astype(np.int64), -bound, bound + 1)
    began = time.process_time()
    found = find_requant(thresholds, low=0, acc_low=-bound, acc_high=bound, max_multiplier_bits=27)
    assert time.process_time() - began < 5
    assert found is not None
    some = np.arange(0, 512, 73)
    part = Requant(found.multiplier[some], found.bias[some], found.shift, found.low, found.high)
    assert_equal_everywhere(part, thresholds[some], 0, -bound, bound)


def test_a_channel_that_never_changes_has_multiplier_0():
    thresholds = np.array([[-8, -8, 8, 8], [-3, 0, 3, 6], [-8, -8, -8, -8], [8, 8, 8, 8]])
    found = find_requant(thresholds, low=-2, acc_low=-8, acc_high=7)
    assert found is not None
    assert (found.multiplier[[0, 2, 3]] == 0).all()
    assert found.multiplier[1] > 0
    assert_equal_everywhere(found, thresholds, -2, -8, 7)
    constant = find_requant(thresholds[[2]], low=-2, acc_low=-8, acc_high=7)
    assert constant is not None
    assert (constant.low, constant.high) == (2, 2)


def test_levels_that_no_channel_leaves_or_reaches_are_left_to_the_clip():
    """A ReLU in front of a signed quantiser: codes below 0 never occur, a line would pass them."""
    thresholds = np.array([[-50] * 8 + [4, 12, 20, 28, 36, 44, 51]])
    found = find_requant(thresholds, low=-8, acc_low=-50, acc_high=50)
    assert found is not None
    assert (found.low, found.high) == (0, 6)
    assert_equal_everywhere(found, thresholds, -8, -50, 50)


def test_jumps_of_several_levels():
    # Three levels an accumulator: a multiplier above 2^shift.
    thresholds = np.array([[1, 1, 1, 2, 2, 2, 3, 3, 3]])
    found = find_requant(thresholds, low=0, acc_low=-5, acc_high=5)
    assert found is not None
    assert_equal_everywhere(found, thresholds, 0, -5, 5)
    # A jump in the middle of a slow slope is no line.
    assert find_requant(np.array([[0, 4, 4, 4, 8, 12]]), low=0, acc_low=-20, acc_high=20) is None


def test_widths_are_kept():
    limits = {"low": 0, "acc_low": 0, "acc_high": 2**20}
    thresholds = np.array([[1000, 334321, 667642]])
    found = find_requant(thresholds, **limits)
    assert found is not None
    needed = found.multiplier_bits - 1
    assert find_requant(thresholds, **limits, max_multiplier_bits=needed) is not None
    assert find_requant(thresholds, **limits, max_multiplier_bits=needed - 1) is None
    assert find_requant(thresholds, **limits, max_bias_bits=found.bias_bits) is not None
    assert find_requant(thresholds, **limits, max_bias_bits=found.bias_bits - 1) is None


def test_one_shift_for_channels_of_different_gains():
    """The steep channel alone needs one bit; beside a fine one it takes that one's shift."""
    thresholds = np.array([[4, 8, 12], [10, 11, 12]])
    steep = find_requant(thresholds[[1]], low=0, acc_low=0, acc_high=15)
    both = find_requant(thresholds, low=0, acc_low=0, acc_high=15)
    assert steep is not None
    assert both is not None
    assert (steep.shift, both.shift) == (0, 2)
    assert both.multiplier.tolist() == [1, 3]
    assert find_requant(thresholds, low=0, acc_low=0, acc_high=15, max_multiplier_bits=2)
    assert find_requant(thresholds, low=0, acc_low=0, acc_high=15, max_multiplier_bits=1) is None


@pytest.mark.parametrize("bits", [0, 1, 5])
def test_shift_is_arithmetic(bits):
    requant = Requant(np.array([3]), np.array([-10]), bits, -1000, 1000)
    accumulators = np.arange(-20, 20)[:, None]
    expected = np.floor((3 * accumulators - 10) / 2**bits)
    np.testing.assert_array_equal(requant.apply(accumulators), expected)
