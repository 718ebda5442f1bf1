"""Memory words of the matrix units, read back the way the RTL reads them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwflow.dataflow.packing import (
    Operands,
    fold_weights,
    initial_popcounts,
    initial_scores,
    initial_values,
    pack_words,
    popcount_thresholds,
    score_bits,
    weight_planes,
)

small = st.integers(1, 4)


@given(sf=small, nf=small, simd=small, pe=small, seed=st.integers(0, 2**32 - 1))
def test_every_weight_is_where_the_rtl_looks(sf, nf, simd, pe, seed):
    weights = np.random.default_rng(seed).choice(np.array([-1, 1]), size=(nf * pe, sf * simd))
    codes = (fold_weights(weights, simd=simd, pe=pe) + 1) // 2
    words = pack_words(weight_planes(codes, 1, simd=simd), 1)
    assert len(words) == sf * nf
    for row in range(nf * pe):
        for column in range(sf * simd):
            word = int(words[(row // pe) * sf + column // simd], 16)
            bit = word >> ((row % pe) * simd + column % simd) & 1
            assert 2 * bit - 1 == weights[row, column]


@given(mw=st.integers(1, 300), threshold=st.floats(-400, 400, width=32))
def test_popcount_threshold_decides_like_the_dot_product(mw, threshold):
    (bound,) = popcount_thresholds(np.array([threshold]), mw)
    assert 0 <= bound <= mw + 1
    for popcount in {0, 1, mw // 2, mw - 1, mw, max(0, bound - 1), min(mw, bound)}:
        assert (popcount >= bound) == (2 * popcount - mw >= threshold)
        (start,) = initial_popcounts(np.array([threshold]), mw)
        assert 0 <= start + popcount < 1 << score_bits(mw)
        assert (start + popcount) >> mw.bit_length() == (2 * popcount - mw >= threshold)


@given(mw=st.integers(1, 5000))
def test_scores_fit_their_bits(mw):
    assert mw < 1 << (score_bits(mw) - 1)
    assert score_bits(mw) == 2 or mw >= 1 << (score_bits(mw) - 2)


@given(mw=st.integers(1, 300), popcount=st.integers(0, 300))
def test_scores_are_twice_the_sum_and_the_lowest_bit(mw, popcount):
    popcount %= mw + 1
    (start,) = initial_scores(mw, 1)
    bits = mw.bit_length()
    total = (start + popcount) & ((1 << bits) - 1)
    code = total << 1 | mw & 1
    assert (code ^ 1 << bits) - (1 << bits) == 2 * popcount - mw


def raw_sum(codes, weights, operands):
    """What ``hwf_dot_lut`` counts, written down from its header."""
    total = 0
    for code, weight in zip(codes, weights, strict=True):
        for j in range(operands.weight_bits):
            for i in range(operands.act_bits):
                a = code >> i & 1
                w = int(weight > 0) if operands.weight_bipolar else weight >> j & 1
                bit = 1 - (a ^ w) if operands.weight_bipolar else a & w
                if not operands.weight_bipolar and j == operands.weight_bits - 1:
                    bit ^= 1
                if operands.act_signed and i == operands.act_bits - 1:
                    bit ^= 1
                total += bit << (i + j)
    return total << operands.act_shift


@given(
    weight_bits=st.integers(1, 4),
    act_bits=st.integers(1, 4),
    act_signed=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_initial_values_turn_raw_sums_into_dot_products(weight_bits, act_bits, act_signed, seed):
    random = np.random.default_rng(seed)
    bipolar = weight_bits == 1
    operands = Operands(weight_bits, bipolar, act_bits, act_signed, act_bits == 1, dsp=False)
    if operands.act_bipolar and act_signed:
        return  # bits have no sign
    half = 1 << (weight_bits - 1)
    weights = random.choice([-1, 1], (3, 5)) if bipolar else random.integers(-half, half, (3, 5))
    codes = random.integers(0, 1 << act_bits, 5)
    values = codes - (act_signed * (codes >> (act_bits - 1)) << act_bits)
    values = 2 * values - 1 if operands.act_bipolar else values
    start = initial_values(weights, operands)
    for row, dot in enumerate(weights @ values):
        assert start[row] + raw_sum(codes.tolist(), weights[row].tolist(), operands) == dot
    if operands.constant_init:
        assert len(set(start.tolist())) == 1
