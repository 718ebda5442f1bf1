from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hwflow.errors import UnsupportedModelError
from hwflow.export.half_grid import FLOAT32_INTEGERS, Quantiser, half_grid

gains = st.floats(1e-4, 8.0).flatmap(lambda value: st.sampled_from([value, -value]))
biases = st.floats(-6.0, 6.0)
quantisers = st.sampled_from([1, 2, 3, 4, 8]).map(
    lambda bits: Quantiser(bits, 1.0 if bits == 1 else 4.0 / 2**bits)
)
WIDE = Quantiser(8, 1 / 64)
steps = st.integers(-14, 0).map(lambda exponent: 2.0**exponent)


def convert(gain, bias, *, step, bound, quantiser):
    return half_grid(
        np.array([gain]),
        np.array([bias]),
        step=step,
        accumulator_bound=np.array([bound]),
        quantiser=quantiser,
        layer="layer",
    )


def switch_points(quantiser):
    """Exact values at which the code changes, that is, the ties."""
    if quantiser.bits == 1 and not quantiser.signed:
        return [Fraction(0)]
    scale, highest = Fraction(quantiser.scale), 2**quantiser.bits - 1
    lowest = -highest if quantiser.signed else 0
    return [(code + Fraction(1, 2)) * scale for code in range(lowest, highest)]


def exact(grid, step, accumulator):
    return Fraction(grid.gain[0]) * accumulator * Fraction(step) + Fraction(grid.bias[0])


@settings(max_examples=200, deadline=None)
@given(gains, biases, steps, quantisers, st.integers(1, 2**20))
def test_no_tie_can_be_represented(gain, bias, step, quantiser, bound):
    """A tie would ask for a fractional accumulator, whatever the input."""
    try:
        grid = convert(gain, bias, step=step, bound=bound, quantiser=quantiser)
    except UnsupportedModelError:
        assume(False)
    for point in switch_points(quantiser):
        accumulator = (point - Fraction(grid.bias[0])) / (Fraction(grid.gain[0]) * Fraction(step))
        if grid.gain_bits[0]:
            assert accumulator.denominator != 1
        else:  # a constant channel: its switch points lie out of reach
            assert abs(accumulator) > bound


@settings(max_examples=200, deadline=None)
@given(gains, biases, steps, quantisers, st.integers(1, 2**20), st.data())
def test_float32_is_exact_in_the_active_range(gain, bias, step, quantiser, bound, data):
    try:
        grid = convert(gain, bias, step=step, bound=bound, quantiser=quantiser)
    except UnsupportedModelError:
        assume(False)
    assume(grid.gain_bits[0] > 0)
    lowest, highest = ((t - grid.bias[0]) / (grid.gain[0] * step) for t in (0, quantiser.span))
    near = sorted((int(lowest), int(highest)))
    accumulator = data.draw(st.integers(near[0] - 2, near[1] + 2))
    assume(abs(accumulator) <= bound)
    product = np.float32(grid.gain[0]) * np.float32(accumulator * step)
    result = product + np.float32(grid.bias[0])
    assert Fraction(float(result)) == exact(grid, step, accumulator)


@settings(max_examples=100, deadline=None)
@given(gains, biases, steps, quantisers)
def test_close_to_the_trained_batch_norm(gain, bias, step, quantiser):
    try:
        grid = convert(gain, bias, step=step, bound=2**10, quantiser=quantiser)
    except UnsupportedModelError:
        assume(False)
    bits = int(grid.gain_bits[0])
    if bits:
        # Rounding to `bits` significant bits; 1.0 bit patterns round by half a last place.
        assert abs(grid.gain[0] - gain) <= abs(gain) * 2.0**-bits
        assert abs(grid.bias[0] - bias) <= min(2 * abs(gain) * step, quantiser.scale / 2)


def test_gain_keeps_eight_bits_where_there_is_room():
    grid = convert(0.7, 0.1, step=1.0, bound=100, quantiser=Quantiser(4, 0.25))
    assert grid.gain_bits[0] == 8
    assert grid.gain[0] == 179 / 256
    assert (grid.bias[0] * 512) % 2 == 1


def test_gain_gives_up_bits_for_range():
    grid = convert(0.01, 0.1, step=2.0**-13, bound=2**20, quantiser=Quantiser(8, 1 / 64))
    bits = int(grid.gain_bits[0])
    assert 0 < bits < 8
    spacing = 2.0 ** np.floor(np.log2(0.01)) / 2 ** (bits - 1) * 2.0**-13
    assert (255 / 64 + abs(grid.bias[0]) + spacing) * 2 / spacing <= FLOAT32_INTEGERS


def code(value, quantiser):
    """Switch points below an exact ``value``: the code's place among the codes."""
    return sum(value > point for point in switch_points(quantiser))


@pytest.mark.parametrize("gain", [0.0, 1e-20, -1e-20])
@pytest.mark.parametrize(
    "bias",
    [-1.0, -1e-9, 0.0, 1e-9, 0.3, 0.5, 9.0, -9.0, 1e6 + 0.3, 2.0**25 + 4, -1e9, 1e30],
)
@pytest.mark.parametrize(
    "quantiser",
    [
        Quantiser(1, 1.0),
        Quantiser(4, 0.25),
        Quantiser(8, 1 / 64),
        Quantiser(1, 1.0, signed=True),
        Quantiser(4, 0.25, signed=True),
    ],
)
def test_vanishing_gain_gives_a_constant_channel(gain, bias, quantiser):
    bound, step = 2**18, 2.0**-6
    grid = convert(gain, bias, step=step, bound=bound, quantiser=quantiser)
    assert grid.gain[0] != 0.0  # a zero would ask for infinite thresholds
    codes = set()
    for accumulator in (-bound, -1, 0, 1, bound):
        value = exact(grid, step, accumulator)
        assert value not in switch_points(quantiser)
        codes.add(code(value, quantiser))
    assert len(codes) == 1
    assert np.array_equal(np.float32([grid.gain[0], grid.bias[0]]), [grid.gain[0], grid.bias[0]])
    if quantiser.lowest <= bias <= quantiser.span:
        # Within one quarter of a step of the trained bias, so at most a neighbouring code.
        assert abs(grid.bias[0] - bias) <= quantiser.scale / 4
    else:  # clamped, which changes no code
        assert codes == {code(Fraction(bias), quantiser)}


def test_gain_between_constant_and_exact_is_refused():
    with pytest.raises(UnsupportedModelError, match=r"layer, channel 0.*too small"):
        convert(1e-6, 0.0, step=1.0, bound=2**23, quantiser=Quantiser(8, 2.0))


@pytest.mark.parametrize(
    ("gain", "bias"), [(1.0, 1e7), (-1.0, -1e7), (3.0, -1e9), (-0.01, 1e30), (1e28, -1e38)]
)
@pytest.mark.parametrize(
    "quantiser", [Quantiser(1, 1.0), Quantiser(4, 0.25), Quantiser(4, 0.25, signed=True)]
)
def test_a_saturated_channel_is_constant(gain, bias, quantiser):
    """Its bias has no place in float32, and needs none: no accumulator reaches a switch point."""
    bound, step = 1000, 2.0**-7
    grid = convert(gain, bias, step=step, bound=bound, quantiser=quantiser)
    assert grid.gain_bits[0] == 0
    trained = {code(Fraction(gain * a * step + bias), quantiser) for a in (-bound, 0, bound)}
    assert trained == {0 if bias < 0 else len(switch_points(quantiser))}
    for accumulator in (-bound, 0, bound):
        assert {code(exact(grid, step, accumulator), quantiser)} == trained


@pytest.mark.parametrize(("bias", "saturated"), [(75_000.0, False), (100_005.0, True)])
def test_a_channel_is_saturated_only_if_no_accumulator_reaches_the_codes(bias, saturated):
    """Accumulators reach from -100,000 to 100,000, codes from 0 to 4."""
    if saturated:
        assert convert(1.0, bias, step=1.0, bound=100_000, quantiser=WIDE).gain_bits[0] == 0
    else:
        with pytest.raises(UnsupportedModelError, match="the accumulator does reach"):
            convert(1.0, bias, step=1.0, bound=100_000, quantiser=WIDE)


def test_a_saturated_channel_that_float32_holds_stays_as_it_was():
    grid = convert(1.0, 100.3, step=1.0, bound=10, quantiser=Quantiser(4, 0.25))
    assert grid.gain_bits[0] == 8
    assert abs(grid.bias[0] - 100.3) <= 2.0**-8


@pytest.mark.parametrize(("gain", "bias"), [(1e28, 1e30), (-1e28, 1e30), (20.0, 1e7)])
def test_a_bias_that_is_the_cause_is_named(gain, bias):
    with pytest.raises(
        UnsupportedModelError, match=rf"bias -?{re.escape(f'{bias:.3e}')} is too large"
    ):
        convert(gain, -bias if gain < 0 else bias, step=1.0, bound=2**23, quantiser=WIDE)


def test_a_gain_beyond_float32_is_refused():
    with pytest.raises(UnsupportedModelError, match=r"gain 1.000e\+39 is beyond float32's"):
        convert(1e39, 0.1, step=1.0, bound=100, quantiser=WIDE)


def test_errors_name_layer_and_channel():
    def call(**changes):
        arguments = {
            "gain": np.array([1.0, 1.0]),
            "bias": np.array([0.0, 0.0]),
            "step": 1.0,
            "accumulator_bound": np.array([10, 10]),
            "quantiser": Quantiser(4, 0.25),
            "layer": "conv3",
        } | changes
        return half_grid(arguments.pop("gain"), arguments.pop("bias"), **arguments)

    with pytest.raises(UnsupportedModelError, match=r"'conv3, channel 1'.*not finite"):
        call(gain=np.array([1.0, np.nan]))
    with pytest.raises(UnsupportedModelError, match=r"'conv3, channel 1'.*reaches 16777216"):
        call(accumulator_bound=np.array([10, 2**24]))
    with pytest.raises(UnsupportedModelError, match=r"'conv3'.*accumulator step is 0.3"):
        call(step=0.3)
    with pytest.raises(UnsupportedModelError, match=r"'conv3'.*activation scale is 0.1"):
        call(quantiser=Quantiser(4, 0.1))


def test_tie_detection():
    quantiser = Quantiser(2, 0.5)  # codes 0..3, ties at 0.25, 0.75, 1.25
    values = np.array([-0.25, 0.0, 0.25, 0.26, 0.75, 1.25, 1.75, 2.25])
    expected = [False, False, True, False, True, True, False, False]
    assert quantiser.on_tie(values).tolist() == expected
    assert Quantiser(1, 1.0).on_tie(np.array([-0.5, 0.0, 0.5])).tolist() == [False, True, False]
