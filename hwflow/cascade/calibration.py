"""Choice of the integer exit thresholds on validation scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import run_cascade, top2

Criterion = Literal["accuracy", "losses"]


@dataclass(frozen=True)
class ScoredSplit:
    """Integer scores of every stage on one split.

    ``labels``: (N,) integers; ``scores``: per stage (N, classes) integers.
    """

    split: str
    labels: NDArray[np.integer]
    scores: tuple[NDArray[np.integer], ...]


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


def choose_thresholds(
    data: ScoredSplit, *, eps: float, criterion: Criterion = "accuracy"
) -> tuple[int, ...]:
    """Return the smallest threshold of each decision that loses at most ``eps`` (a fraction).

    Works from the last decision to the first: each takes the smallest integer at which the cascade
    of its stage and those behind loses no more against the last stage alone. ``accuracy``: the
    difference of the accuracies. ``losses``: frames that the last stage has right and the cascade
    wrong, without credit for the opposite. Escalating everything loses nothing, so there is one.

    Raises:
        ValueError: if ``data`` is not the validation split; test frames must not choose thresholds.
    """
    if data.split != "validation":
        raise ValueError(f"thresholds are chosen on the validation split, got {data.split!r}")
    chosen: tuple[int, ...] = ()
    last = top2(data.scores[-1])[0] == data.labels
    # Counts, not fractions: the rounding of 0.29 * 100 must not decide a threshold.
    allowed = int(np.floor(eps * len(data.labels) + 1e-9))
    for stage in range(len(data.scores) - 2, -1, -1):
        _, margin = top2(data.scores[stage])
        # Between two margins that occur, all thresholds route alike: the smallest stands for them.
        for threshold in (0, *(int(value) + 1 for value in np.unique(margin))):
            result = run_cascade(data.scores[stage:], (threshold, *chosen))
            right = result.prediction == data.labels
            lost, gained = int(np.sum(last & ~right)), int(np.sum(right & ~last))
            if lost - (gained if criterion == "accuracy" else 0) <= allowed:
                chosen = (threshold, *chosen)
                break
    assert len(chosen) == len(data.scores) - 1
    return chosen
