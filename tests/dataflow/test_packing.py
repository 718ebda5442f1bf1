"""Memory words of the XNOR unit, read back the way the RTL reads them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hwflow.dataflow.packing import (
    fold_weights,
    pack_words,
    popcount_thresholds,
    score_bits,
    threshold_bits,
)

small = st.integers(1, 4)


@given(sf=small, nf=small, simd=small, pe=small, seed=st.integers(0, 2**32 - 1))
def test_every_weight_is_where_the_rtl_looks(sf, nf, simd, pe, seed):
    weights = np.random.default_rng(seed).choice(np.array([-1, 1]), size=(nf * pe, sf * simd))
    words = pack_words((fold_weights(weights, simd=simd, pe=pe) + 1) // 2, 1)
    assert len(words) == sf * nf
    for row in range(nf * pe):
        for column in range(sf * simd):
            word = int(words[(row // pe) * sf + column // simd], 16)
            bit = word >> ((row % pe) * simd + column % simd) & 1
            assert 2 * bit - 1 == weights[row, column]


@given(mw=st.integers(1, 300), threshold=st.floats(-400, 400, width=32))
def test_popcount_threshold_decides_like_the_dot_product(mw, threshold):
    (bound,) = popcount_thresholds(np.array([threshold]), mw)
    assert 0 <= bound < 1 << threshold_bits(mw)
    for popcount in {0, 1, mw // 2, mw - 1, mw, max(0, bound - 1), min(mw, bound)}:
        assert (popcount >= bound) == (2 * popcount - mw >= threshold)


@given(mw=st.integers(1, 5000))
def test_scores_fit_their_bits(mw):
    assert mw < 1 << (score_bits(mw) - 1)
    assert score_bits(mw) == 2 or mw >= 1 << (score_bits(mw) - 2)
