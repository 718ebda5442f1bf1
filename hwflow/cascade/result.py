"""The 64-bit result word: layout of ``m_axis_result_tdata`` (contract header of hwf_cascade.sv).

Bits 15:0 sample id, 27:16 label, 31:28 exit stage, 55:32 margin (saturated), 63:56 flags.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]

FLAG_SHORT = 1  # the frame's tlast came early; it was padded with zeros
FLAG_LONG = 2  # the frame had no tlast on its last beat; the rest was discarded
FLAG_FORCED = 4  # the exit stage was forced by the driver
FLAG_SHED = 8  # it exited early because the next stage's queue was full
FLAG_ORDERED = 16  # its result left in order of acceptance

ID_MODULO = 1 << 16
MARGIN_MAX = (1 << 24) - 1

# name -> (lowest bit, bits)
_LAYOUT = {
    "sample_id": (0, 16),
    "label": (16, 12),
    "exit_stage": (28, 4),
    "margin": (32, 24),
    "flags": (56, 8),
}


@dataclass(frozen=True)
class Results:
    """Results of N frames; every field is (N,) int64.

    ``margin`` is the exit stage's, at most MARGIN_MAX; ``flags`` is an OR of FLAG_*.
    """

    sample_id: IntArray
    label: IntArray
    exit_stage: IntArray
    margin: IntArray
    flags: IntArray


def unpack(words: NDArray[np.unsignedinteger]) -> Results:
    """Return the fields of result ``words``, (N,) uint64."""
    wide = np.asarray(words, dtype=np.uint64)
    if wide.ndim != 1:
        raise ValueError(f"words: expected (N,), got {wide.shape}")
    fields = {
        name: ((wide >> np.uint64(low)) & np.uint64((1 << bits) - 1)).astype(np.int64)
        for name, (low, bits) in _LAYOUT.items()
    }
    return Results(**fields)


def pack(results: Results) -> WordArray:
    """Return ``results`` as (N,) uint64 words.

    Raises:
        ValueError: naming the field and the first value that its bits cannot hold.
    """
    words = np.zeros(results.sample_id.shape, dtype=np.uint64)
    for name, (low, bits) in _LAYOUT.items():
        values = np.asarray(getattr(results, name), dtype=np.int64)
        if values.shape != words.shape:
            raise ValueError(f"{name}: expected shape {words.shape}, got {values.shape}")
        outside = np.flatnonzero((values < 0) | (values >= 1 << bits))
        if outside.size:
            first = int(outside[0])
            raise ValueError(
                f"{name}: expected 0..{(1 << bits) - 1}, got {values[first]} at {first}"
            )
        words |= values.astype(np.uint64) << np.uint64(low)
    return words
