"""Intervals of a policy's figures by drawing the frames anew (percentile bootstrap)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwflow.cascade.goals import Goal
from hwflow.cascade.view import Cuts, Floats, View

Interval = tuple[float, float]

RESAMPLES = 1000
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class PolicyIntervals:
    """95 % intervals of what fixed thresholds do: fractions, and BOPs per frame.

    ``loss``: accuracy of the last stage less that of the cascade, on the same draws.
    """

    accuracy: Interval
    loss: Interval
    exit_rate: tuple[Interval, ...]
    avg_bops: Interval


@dataclass(frozen=True)
class ThresholdIntervals:
    """95 % intervals of the thresholds that a goal chooses from other frames of the same kind.

    ``unreached``: share of the draws in which the goal could not be reached; they are left out.
    """

    threshold: tuple[Interval, ...]
    unreached: float


def draws(view: View, *, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each frame is drawn, (N,), in each of ``resamples`` draws with replacement.

    As many are drawn as there are independent frames; the translations of one go together. The
    stream of numpy's RandomState does not change with its versions.
    """
    random = np.random.RandomState(seed)
    n = view.independent
    for _ in range(resamples):
        drawn = np.bincount(random.randint(0, n, n), minlength=n)
        yield np.tile(drawn, view.copies).astype(np.float64)


def policy_intervals(
    view: View, cuts: Cuts, bops: Sequence[int], *, resamples: int = RESAMPLES, seed: int = 0
) -> PolicyIntervals:
    """Return the intervals of the figures of ``cuts``.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. An interval of a
    count near 0 or N is too narrow: nothing is drawn that was not seen.
    """
    stage = view.exit_stage(cuts)
    reached = np.cumsum(bops)[stage].astype(np.float64)
    right = view.outcome(stage).astype(np.float64)
    figures = np.stack(
        [right, view.right[-1] - right, reached, *(stage == k for k in range(len(view.right)))]
    )
    # Translations are drawn together, so their mean stands for them.
    each = figures.reshape(len(figures), view.copies, view.independent).mean(axis=1)
    one = View(view.split, view.score, (), view.right[:, : view.independent])
    drawn = [
        each @ weights / view.independent for weights in draws(one, resamples=resamples, seed=seed)
    ]
    accuracy, loss, cost, *rates = _intervals(np.stack(drawn))
    return PolicyIntervals(accuracy=accuracy, loss=loss, exit_rate=tuple(rates), avg_bops=cost)


def threshold_intervals(
    view: View, goal: Goal, *, resamples: int = RESAMPLES, seed: int = 0
) -> ThresholdIntervals:
    """Return the intervals of the thresholds, chosen anew from each draw of validation frames.

    Raises:
        ValueError: ``view`` is not of the validation split.
    """
    if view.split != "validation":
        raise ValueError(f"thresholds are chosen on the validation split, got {view.split!r}")
    chosen = [goal.cuts(view, weights) for weights in draws(view, resamples=resamples, seed=seed)]
    reached = [view.thresholds(cuts) for cuts in chosen if cuts is not None]
    return ThresholdIntervals(
        threshold=_intervals(np.array(reached)) if reached else (),
        unreached=1 - len(reached) / resamples,
    )


def _intervals(values: Floats) -> tuple[Interval, ...]:
    """Return the interval of each column of ``values`` (resamples, figures).

    Ends are values that occurred: a threshold between two integers is none, and infinity less
    infinity no number.
    """
    low, high = np.percentile(values, PERCENTILES, axis=0, method="nearest")
    return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
