"""Accuracy against threshold of one decision, beside what chance and hindsight would reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.calibration import ScoredSplit
from hwflow.cascade.decision import top2

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One point per threshold at which the routing changes, ascending.

    ``threshold``: (P,) int64; ``exit_rate``, ``accuracy``: (P,) fractions. ``random_accuracy``:
    expected accuracy when as many frames exit, drawn at random. ``oracle_accuracy``: the best that
    any routing with that exit rate reaches.
    """

    threshold: NDArray[np.int64]
    exit_rate: FloatArray
    accuracy: FloatArray
    random_accuracy: FloatArray
    oracle_accuracy: FloatArray


def threshold_curve(data: ScoredSplit, decision: int = 0) -> Curve:
    """Return the curve of the decision between stages ``decision`` and ``decision`` + 1.

    Later stages do not exit further: this is the two-stage cascade of these neighbours.
    """
    count = len(data.labels)
    early_label, margin = top2(data.scores[decision])
    late_label, _ = top2(data.scores[decision + 1])
    early, late = early_label == data.labels, late_label == data.labels
    threshold = np.concatenate([[0], np.unique(margin) + 1]).astype(np.int64)
    exits = margin[None, :] >= threshold[:, None]
    rate = exits.mean(axis=1)
    return Curve(
        threshold=threshold,
        exit_rate=rate,
        accuracy=np.where(exits, early, late).mean(axis=1),
        random_accuracy=rate * early.mean() + (1 - rate) * late.mean(),
        oracle_accuracy=_oracle(early, late, escalated=count - exits.sum(axis=1)) / count,
    )


def _oracle(
    early: NDArray[np.bool_], late: NDArray[np.bool_], *, escalated: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the most frames right when ``escalated`` of them must be sent on."""
    helped = int(np.sum(~early & late))
    harmed = int(np.sum(early & ~late))
    forced_harm = np.maximum(0, escalated - (len(early) - harmed))
    return int(early.sum()) + np.minimum(escalated, helped) - forced_harm
