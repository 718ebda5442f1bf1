"""What dummy_stage.sv makes of a frame, in numpy."""

from __future__ import annotations

import numpy as np


def scores_of(frames, *, stage, classes):
    """Return (N, classes) int64 scores of ``frames`` (N, bytes) uint8 at ``stage``."""
    wide = frames.astype(np.int64)
    weights = 2 * np.arange(frames.shape[1], dtype=np.int64) + 1
    total = (wide * weights).sum(axis=1) & 0xFFFF
    scripted = frames[:, stage * classes : (stage + 1) * classes].view(np.int8).astype(np.int64)
    shift = np.arange(classes) % 9
    return scripted * 256 + ((total[:, None] >> shift) & 0xFF)
