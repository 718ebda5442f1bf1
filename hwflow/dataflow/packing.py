"""Memory files of the matrix units: order of folds, lanes and bits, as ``hwf_mac_core`` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Operands:
    """How a matrix unit reads its weights and activations.

    Bipolar ones are bits b of value 2b − 1; other weights are two's complement. ``dsp``: products
    are exact, else they are made of bit planes (``hwf_dot_lut``).
    """

    weight_bits: int
    weight_bipolar: bool
    act_bits: int
    act_signed: bool
    act_bipolar: bool
    dsp: bool

    @property
    def act_shift(self) -> int:
        """Factor of the raw sum, as a power of two: a bit b of value 2b − 1 counts twice."""
        return int(self.act_bipolar)

    @property
    def constant_init(self) -> bool:
        """Whether accumulators start from one value in all rows, whatever the weights are."""
        return not self.act_bipolar and (self.dsp or not self.weight_bipolar)


def fold_weights(weights: IntArray, *, simd: int, pe: int) -> IntArray:
    """Return ``weights`` (MH, MW) as (folds, PE × SIMD) in the order of the ROM.

    Fold = row block × (MW/SIMD) + column block; field = lane × SIMD + column.
    """
    mh, mw = weights.shape
    blocks = weights.reshape(mh // pe, pe, mw // simd, simd)
    return blocks.transpose(0, 2, 1, 3).reshape(-1, pe * simd)


def weight_planes(folds: IntArray, bits: int, *, simd: int) -> IntArray:
    """Return codes (folds, PE × SIMD) as bits (folds, PE × bits × SIMD), planes within a lane."""
    codes = folds.reshape(len(folds), -1, 1, simd)
    planes = codes >> np.arange(bits)[:, None] & 1
    return planes.reshape(len(folds), -1)


def plane_excess(weights: IntArray, operands: Operands) -> IntArray:
    """Return (MH,) what the raw sum of each row is when all activation codes are 0.

    Each pair of planes (j of the weight, i of the activation) counts 2^(i+j) for each set bit; the
    pairs of negative weight are inverted, so that they count where the product bit is 0.
    """
    mh, mw = weights.shape
    if operands.dsp:
        return np.zeros(mh, np.int64)
    excess = np.zeros(mh, np.int64)
    for j in range(operands.weight_bits):
        for i in range(operands.act_bits):
            negative = operands.act_signed and i == operands.act_bits - 1
            negative ^= not operands.weight_bipolar and j == operands.weight_bits - 1
            # XNOR with 0 is set where the weight is −1, AND with 0 nowhere.
            ones = (weights < 0).sum(axis=1) if operands.weight_bipolar else 0 * excess
            excess += (mw - ones if negative else ones) << (i + j)
    return excess


def initial_values(weights: IntArray, operands: Operands) -> IntArray:
    """Return (MH,) what the accumulators start from, so that they end in the dot product.

    ``weights``: (MH, MW). Dot product and raw sum differ by this constant of the row, which shows
    where all activation codes are 0.
    """
    at_zero = -weights.sum(axis=1) if operands.act_bipolar else np.zeros(len(weights), np.int64)
    value: IntArray = at_zero - (plane_excess(weights, operands) << operands.act_shift)
    return value


def popcount_thresholds(thresholds: NDArray[Any], mw: int) -> IntArray:
    """Return t with: popcount >= t iff dot product >= ``thresholds``; 0 … mw + 1.

    dot = 2 popcount − mw is an integer, so t = ⌈(⌈threshold⌉ + mw) / 2⌉; outside 0 … mw + 1 the
    answer no longer changes.
    """
    # Rounded up first: the sum with mw could swallow a small fraction.
    whole: IntArray = np.clip(np.ceil(thresholds), -mw, mw + 2).astype(np.int64)
    return (whole + mw + 1) // 2  # 0 … mw + 1


def initial_popcounts(thresholds: NDArray[Any], mw: int) -> IntArray:
    """Return where popcounts start so that bit ``mw.bit_length()`` says "threshold reached"."""
    value: IntArray = (1 << mw.bit_length()) - popcount_thresholds(thresholds, mw)
    return value


def initial_scores(mw: int, pe: int) -> IntArray:
    """Return (pe,) where popcounts start so that twice the sum, and 1 if mw is odd, is the score.

    The unit appends the lowest bit: 2 popcount − mw = 2 (popcount − ⌈mw/2⌉) + (mw mod 2).
    """
    return np.full(pe, -((mw + 1) // 2), np.int64)


def score_bits(mw: int) -> int:
    """Return the bits of a signed ±1 dot product of ``mw`` terms, −mw … mw."""
    return mw.bit_length() + 1


def pack_words(fields: IntArray, width: int) -> list[str]:
    """Return one hex word per row of ``fields`` (words, fields), each field ``width`` bits.

    Field 0 is lowest; negative fields are two's complement. Python integers, since a word can be
    thousands of bits wide.
    """
    digits = -(-fields.shape[1] * width // 4)
    mask = (1 << width) - 1
    words = []
    for row in fields:
        word = 0
        for field in reversed(row.tolist()):
            word = (word << width) | (field & mask)
        words.append(f"{word:0{digits}x}")
    return words


def write_weights(path: Path, weights: IntArray, *, bits: int, simd: int, pe: int) -> None:
    """Write ``weights`` (MH, MW) as a ``$readmemh`` file of bit planes.

    ``bits`` = 1: bipolar weights, a set bit standing for +1; else two's complement.
    """
    if bits == 1:
        assert np.all(np.abs(weights) == 1), "weights must be ±1"
        weights = (weights + 1) // 2
    else:
        assert weights.min() >= -(1 << (bits - 1)), "weights need more bits"
        assert weights.max() < 1 << (bits - 1), "weights need more bits"
    folds = fold_weights(weights, simd=simd, pe=pe)
    _write(path, pack_words(weight_planes(folds, bits, simd=simd), 1))


def write_initial(path: Path, values: IntArray, *, bits: int, pe: int) -> None:
    """Write ``values`` (rows,), a multiple of ``pe``, as a ``$readmemh`` file, a block a word."""
    _write(path, pack_words(values.reshape(-1, pe), bits))


def _write(path: Path, words: list[str]) -> None:
    path.write_text("\n".join(words) + "\n", encoding="ascii")
