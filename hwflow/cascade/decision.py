"""Integer decision rule of the cascade, exactly as the controller decides in hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class CascadeResult:
    """What the accelerator returns for each of N frames.

    ``prediction``, ``exit_stage``, ``margin``: (N,) int64; the margin is that of the exit stage.
    """

    prediction: IntArray
    exit_stage: IntArray
    margin: IntArray


def top2(scores: NDArray[np.integer]) -> tuple[IntArray, IntArray]:
    """Return (label, margin), each (N,) int64, of ``scores`` (N, classes >= 2) integers.

    The label is the lowest index among equal best scores; the margin is best - second best, so a
    shared first place has margin 0.
    """
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError(f"scores: expected (N, classes >= 2), got {scores.shape}")
    wide = scores.astype(np.int64)
    label = np.argmax(wide, axis=1)
    ordered = np.partition(wide, -2, axis=1)
    return label.astype(np.int64), ordered[:, -1] - ordered[:, -2]


def run_cascade(scores: Sequence[NDArray[np.integer]], thresholds: Sequence[int]) -> CascadeResult:
    """Return the result of each frame for per-stage ``scores``, each (N, classes) integers.

    A frame exits at the first stage k whose margin >= ``thresholds[k]``; the last stage always
    exits. ``thresholds`` has one entry fewer than ``scores``.
    """
    if len(thresholds) != len(scores) - 1:
        raise ValueError(f"{len(scores)} stages need {len(scores) - 1} thresholds")
    prediction, margin = top2(scores[-1])
    exit_stage = np.full(prediction.shape, len(scores) - 1, dtype=np.int64)
    for stage in range(len(scores) - 2, -1, -1):
        label, stage_margin = top2(scores[stage])
        leaves = stage_margin >= thresholds[stage]
        prediction = np.where(leaves, label, prediction)
        margin = np.where(leaves, stage_margin, margin)
        exit_stage = np.where(leaves, stage, exit_stage)
    return CascadeResult(prediction, exit_stage, margin)
