"""What thresholds are chosen for: a bounded loss, an accuracy, an exit rate or an average cost.

A goal turns a view of the validation split into cuts. ``weights`` (N,) says how often each frame
counts: once, or as often as a bootstrap has drawn it. None stands for a goal that no cut reaches.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hwflow.cascade.interval import most_losses
from hwflow.cascade.priced import most_accurate
from hwflow.cascade.view import Bools, Cuts, Decision, Floats, View
from hwflow.errors import ConfigError

Criterion = Literal["accuracy", "losses"]
ROUNDING = 1e-9  # of counts: the rounding of 0.29 * 100 must not decide a threshold


class Goal(ABC):
    """One way to choose thresholds."""

    @abstractmethod
    def cuts(self, view: View, weights: Floats) -> Cuts | None:
        """Return the cut of each decision, or None where the goal cannot be reached."""

    @abstractmethod
    def unreachable(self, view: View) -> str:
        """Return why no cut reaches the goal, and what to do."""

    def choose(self, view: View) -> Cuts:
        """Return the cut of each decision.

        Raises:
            ValueError: ``view`` is not of the validation split; test frames choose nothing.
            ConfigError: no cut reaches the goal.
        """
        if view.split != "validation":
            raise ValueError(f"thresholds are chosen on the validation split, got {view.split!r}")
        found = self.cuts(view, view.ones)
        if found is None:
            raise ConfigError(self.unreachable(view))
        return found


class _Pick(ABC):
    """Choice of one cut, given which frames are right here and which behind."""

    @abstractmethod
    def cut(self, decision: Decision, here: Bools, behind: Bools) -> int:
        """Return the cut."""


def _from_the_last(view: View, pick: _Pick) -> Cuts:
    """Return cuts chosen from the last decision to the first.

    Each sees what the cascade behind it makes of a frame that it sends on.
    """
    behind: Bools = view.right[-1]
    found: Cuts = ()
    for index in range(len(view.decisions) - 1, -1, -1):
        decision, here = view.decisions[index], view.right[index]
        cut = pick.cut(decision, here, behind)
        behind = np.where(decision.rank >= cut, here, behind)
        found = (cut, *found)
    return found


@dataclass(frozen=True)
class LossGoal(Goal):
    """Lose at most ``eps`` (a fraction) against the last stage alone, at the highest exit rate.

    ``accuracy`` counts the difference of the accuracies; ``losses`` the frames that the last stage
    has right and the cascade wrong, without credit for the opposite. From the last decision to the
    first, each takes the smallest threshold at which the cascade of its stage and those behind
    keeps the goal. Sending everything on loses nothing, so there is one.
    """

    eps: float
    criterion: Criterion = "accuracy"

    def cuts(self, view: View, weights: Floats) -> Cuts | None:
        """Return the smallest cuts within the loss."""
        return _within(
            view, weights, math.floor(self.eps * weights.sum() + ROUNDING), self.criterion
        )

    def unreachable(self, view: View) -> str:
        """Never: sending everything on loses nothing."""
        raise AssertionError("every view has a cut that loses nothing")


@dataclass(frozen=True)
class BoundedLossGoal(Goal):
    """Lose at most ``eps`` with ``confidence``: of frames to come, not only of those at hand.

    Lost are frames that the last stage has right and the cascade wrong, so that the accuracy falls
    by no more. As many may be lost here as leave the one-sided Clopper-Pearson bound within
    ``eps``. The bound stands for a threshold that was chosen by it too: the loss falls with the
    threshold, so that choosing one whose true loss exceeds ``eps`` needs a count within the bound
    at the largest such threshold, and that is as rare as 1 − ``confidence``. With more than one
    decision the earlier one is chosen with thresholds found on the same frames, and the confidence
    is nominal. Frames must be independent: translations are left out.
    """

    eps: float
    confidence: float = 0.95

    def cuts(self, view: View, weights: Floats) -> Cuts | None:
        """Return the smallest cuts whose loss is bounded."""
        assert view.copies == 1, "translations are no independent frames"
        allowed = most_losses(int(weights.sum()), self.eps, confidence=self.confidence)
        return None if allowed is None else _within(view, weights, allowed, "losses")

    def unreachable(self, view: View) -> str:
        """Return how many frames it takes."""
        if self.eps <= 0:
            return "eps 0: no number of frames proves that nothing is lost; give an eps above 0"
        needed = math.ceil(math.log(1 - self.confidence) / math.log1p(-self.eps))
        return (
            f"eps {self.eps:g} at confidence {self.confidence:g}: {view.frames} validation frames "
            f"cannot show it even if none is lost; it takes {needed}, or a larger eps"
        )


@dataclass(frozen=True)
class _Within(_Pick):
    """The smallest cut that loses at most ``allowed`` of the frames right at the ``last`` stage."""

    weights: Floats
    last: Bools
    allowed: int
    criterion: Criterion

    def cut(self, decision: Decision, here: Bools, behind: Bools) -> int:
        w, last = self.weights, self.last
        lost = decision.sums(w * (last & ~here), w * (last & ~behind))
        if self.criterion == "accuracy":
            lost -= decision.sums(w * (~last & here), w * (~last & behind))
        within = np.flatnonzero(lost <= self.allowed + ROUNDING)
        assert within.size, "sending everything on loses what was allowed behind"
        return int(within[0])


def _within(view: View, weights: Floats, allowed: int, criterion: Criterion) -> Cuts:
    return _from_the_last(view, _Within(weights, view.right[-1], allowed, criterion))


@dataclass(frozen=True)
class AccuracyGoal(Goal):
    """Be right on at least ``accuracy`` (a fraction) of the frames, at the highest exit rate.

    From the last decision to the first, each takes the smallest threshold at which the cascade of
    its stage and those behind reaches it, or the most accurate one where none does yet.
    """

    accuracy: float

    def cuts(self, view: View, weights: Floats) -> Cuts | None:
        """Return the smallest cuts that are right often enough."""
        wanted = math.ceil(self.accuracy * weights.sum() - ROUNDING)
        found = _from_the_last(view, _Reach(weights, wanted))
        right = weights @ view.outcome(view.exit_stage(found))
        return found if right >= wanted - ROUNDING else None

    def unreachable(self, view: View) -> str:
        """Return the most that the cascade reaches."""
        best = _from_the_last(view, _Reach(view.ones, view.frames))
        most = float(view.outcome(view.exit_stage(best)).mean())
        return (
            f"accuracy {self.accuracy:g}: no threshold reaches it on {view.frames} validation "
            f"frames; the most accurate ones reach {most:.4f}. Ask for less, or train further"
        )


@dataclass(frozen=True)
class _Reach(_Pick):
    """The smallest cut with at least ``wanted`` frames right, or else with the most."""

    weights: Floats
    wanted: int

    def cut(self, decision: Decision, here: Bools, behind: Bools) -> int:
        right = decision.sums(self.weights * here, self.weights * behind)
        return int(np.argmax(right >= min(self.wanted - ROUNDING, right.max() - ROUNDING)))


@dataclass(frozen=True)
class ExitRateGoal(Goal):
    """Let at least this share of the frames leave at each decision that they reach.

    ``rate``: one number for every decision, or one each. The thresholds are the largest that do, so
    that of the frames that may leave the surest do.
    """

    rate: float | tuple[float, ...]

    def cuts(self, view: View, weights: Floats) -> Cuts | None:
        """Return the largest cuts that let enough leave."""
        return self.exits(view, weights)[0]

    def exits(self, view: View, weights: Floats) -> tuple[Cuts, tuple[float, ...]]:
        """Return the cuts, and the share of all frames that leaves at each stage."""
        count = len(view.decisions)
        rates = self.rate if isinstance(self.rate, tuple) else (self.rate,) * count
        if len(rates) != count:
            raise ConfigError(
                f"exit_rate has {len(rates)} entries, expected one number or a list of {count} "
                "(one per stage but the last)"
            )
        here, nothing, total = weights, np.zeros_like(weights), float(weights.sum())
        found, left, remaining = [], [], total
        for decision, rate in zip(view.decisions, rates, strict=True):
            leaving = decision.sums(here, nothing)
            cut = int(np.flatnonzero(leaving >= rate * remaining - ROUNDING)[-1])
            here = np.where(decision.rank >= cut, 0.0, here)
            found.append(cut)
            left.append(float(leaving[cut]) / total)
            remaining -= float(leaving[cut])
        return tuple(found), (*left, remaining / total)

    def unreachable(self, view: View) -> str:
        """Never: threshold 0 lets everything leave."""
        raise AssertionError("every view has a cut that lets everything leave")


@dataclass(frozen=True)
class CostGoal(Goal):
    """Take at most ``budget`` BOPs per frame on average.

    ``bops``: per stage. One decision takes the largest threshold that does, so that of the frames
    that may leave the surest do. Several take the most accurate thresholds that are found.
    """

    budget: float
    bops: tuple[int, ...]

    def cuts(self, view: View, weights: Floats) -> Cuts | None:
        """Return cuts that cost no more."""
        if len(view.decisions) > 1:
            return most_accurate(view, weights, self.bops, self.budget)
        if self.bops[0] > self.budget:
            return None
        sent_on = (self.budget * (1 + ROUNDING) - self.bops[0]) / self.bops[1]
        return ExitRateGoal(min(1.0, max(0.0, 1.0 - sent_on))).cuts(view, weights)

    def unreachable(self, view: View) -> str:
        """Return the least that a frame costs."""
        return (
            f"bops {self.budget:g}: stage 0 alone, which every frame passes, takes "
            f"{self.bops[0]}; ask for at least that"
        )
