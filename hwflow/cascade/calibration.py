"""Choice of the integer exit thresholds on validation scores, and what they do to a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.goals import Goal
from hwflow.cascade.view import ScoredSplit, view

__all__ = ["CascadeStats", "ScoredSplit", "measure", "thresholds_for"]


@dataclass(frozen=True)
class CascadeStats:
    """Behaviour on one split: fraction right, and fraction of frames leaving at each stage."""

    accuracy: float
    exit_rate: tuple[float, ...]


def measure(data: ScoredSplit, thresholds: Sequence[int]) -> CascadeStats:
    """Return accuracy and exit rates of the cascade on ``data``."""
    result = run_cascade(data.scores, thresholds)
    stages = len(data.scores)
    exits = np.bincount(result.exit_stage, minlength=stages) / len(data.labels)
    return CascadeStats(
        accuracy=float(np.mean(result.prediction == data.labels)),
        exit_rate=tuple(float(rate) for rate in exits),
    )


def thresholds_for(data: ScoredSplit, goal: Goal) -> tuple[int, ...]:
    """Return the margin's threshold of each decision that ``goal`` chooses.

    Between two margins that occur, all thresholds route alike: the smallest stands for them.

    Raises:
        ValueError: if ``data`` is not the validation split; test frames must not choose thresholds.
        ConfigError: if no threshold reaches the goal.
    """
    seen = view(data)
    return tuple(int(threshold) for threshold in seen.thresholds(goal.choose(seen)))
