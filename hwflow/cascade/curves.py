"""Accuracy of a cascade against its thresholds, beside what chance and hindsight would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.cost import expected_bops, worst_bops
from hwflow.cascade.goals import ExitRateGoal
from hwflow.cascade.routing import oracle_accuracy, random_accuracy
from hwflow.cascade.view import ScoredSplit, View, view

FloatArray = NDArray[np.float64]

POINTS = 200  # steps of the share that leaves, in a curve against the cost


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
    pair = ScoredSplit(data.split, data.labels, data.scores[decision : decision + 2])
    seen = view(pair)
    (only,) = seen.decisions
    early, late = seen.right.astype(np.float64)
    leaving = np.rint(only.sums(seen.ones, np.zeros(seen.frames))).astype(np.int64)
    exits = np.stack([leaving, seen.frames - leaving], axis=1)
    return Curve(
        threshold=np.array([only.threshold(cut) for cut in range(only.cuts)], dtype=np.int64),
        exit_rate=leaving / seen.frames,
        accuracy=only.sums(early, late) / seen.frames,
        random_accuracy=random_accuracy(seen.right, exits),
        oracle_accuracy=oracle_accuracy(seen.right, exits),
    )


@dataclass(frozen=True)
class CostCurve:
    """Accuracy against average BOPs of a whole cascade, from no early exit to exits at stage 0.

    ``threshold``: (P, decisions); ``exit_rate``: (P, stages) fractions of the frames; ``avg_bops``,
    ``accuracy``: (P,). ``random_accuracy`` and ``oracle_accuracy`` have the same exit rates, so the
    same cost. ``worst_bops``: what a frame takes that passes every stage, at every point.
    """

    threshold: FloatArray
    exit_rate: FloatArray
    avg_bops: FloatArray
    accuracy: FloatArray
    random_accuracy: FloatArray
    oracle_accuracy: FloatArray
    worst_bops: int


def cost_curve(seen: View, bops: Sequence[int], *, points: int = POINTS) -> CostCurve:
    """Return the curve of ``seen`` for stages of ``bops`` BOPs.

    One point per share, 0 to 1 in ``points`` steps, of the frames that leave at each decision that
    they reach, where it routes differently from the point before. With more than one decision,
    other ratios of the shares may do better.
    """
    found = [ExitRateGoal(step / points).cuts(seen, seen.ones) for step in range(points + 1)]
    cuts = [each for each in dict.fromkeys(found) if each is not None]
    stages = [seen.exit_stage(each) for each in cuts]
    exits = np.stack([np.bincount(stage, minlength=len(seen.right)) for stage in stages])
    rates = exits / seen.frames
    return CostCurve(
        threshold=np.array([seen.thresholds(each) for each in cuts], dtype=np.float64),
        exit_rate=rates,
        avg_bops=np.array([expected_bops(bops, row.tolist()) for row in rates]),
        accuracy=np.array([seen.outcome(stage).mean() for stage in stages]),
        random_accuracy=random_accuracy(seen.right, exits),
        oracle_accuracy=oracle_accuracy(seen.right, exits),
        worst_bops=worst_bops(bops),
    )
