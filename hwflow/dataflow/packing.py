"""Memory files of the XNOR unit: order of folds, lanes and bits, as ``hwf_xnor_mvau.sv`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def fold_weights(weights: IntArray, *, simd: int, pe: int) -> IntArray:
    """Return ``weights`` (MH, MW) as (folds, PE × SIMD) in the order of the ROM.

    Fold = row block × (MW/SIMD) + column block; field = lane × SIMD + column.
    """
    mh, mw = weights.shape
    blocks = weights.reshape(mh // pe, pe, mw // simd, simd)
    return blocks.transpose(0, 2, 1, 3).reshape(-1, pe * simd)


def popcount_thresholds(thresholds: NDArray[Any], mw: int) -> IntArray:
    """Return t with: popcount >= t iff dot product >= ``thresholds``; 0 … mw + 1.

    dot = 2 popcount − mw is an integer, so t = ⌈(⌈threshold⌉ + mw) / 2⌉; outside 0 … mw + 1 the
    answer no longer changes.
    """
    # Rounded up first: the sum with mw could swallow a small fraction.
    whole: IntArray = np.clip(np.ceil(thresholds), -mw, mw + 2).astype(np.int64)
    return (whole + mw + 1) // 2  # 0 … mw + 1


def threshold_bits(mw: int) -> int:
    """Return the bits of a popcount threshold, 0 … mw + 1."""
    return (mw + 1).bit_length()


def score_bits(mw: int) -> int:
    """Return the bits of a signed ±1 dot product of ``mw`` terms, −mw … mw."""
    return mw.bit_length() + 1


def pack_words(fields: IntArray, width: int) -> list[str]:
    """Return one hex word per row of ``fields`` (words, fields), each field ``width`` bits.

    Field 0 is lowest. Python integers, since a word can be thousands of bits wide.
    """
    digits = -(-fields.shape[1] * width // 4)
    words = []
    for row in fields:
        word = 0
        for field in reversed(row.tolist()):
            word = (word << width) | field
        words.append(f"{word:0{digits}x}")
    return words


def write_weights(path: Path, weights: IntArray, *, simd: int, pe: int) -> None:
    """Write ``weights`` (MH, MW) of ±1 as a ``$readmemh`` file, a set bit standing for +1."""
    assert np.all(np.abs(weights) == 1), "weights must be ±1"
    _write(path, pack_words((fold_weights(weights, simd=simd, pe=pe) + 1) // 2, 1))


def write_thresholds(path: Path, thresholds: NDArray[Any], *, mw: int, pe: int) -> None:
    """Write ``thresholds`` (MH,) on the dot product as a ``$readmemh`` file of popcounts."""
    popcounts = popcount_thresholds(thresholds, mw).reshape(-1, pe)
    _write(path, pack_words(popcounts, threshold_bits(mw)))


def _write(path: Path, words: list[str]) -> None:
    path.write_text("\n".join(words) + "\n", encoding="ascii")
