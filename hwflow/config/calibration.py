"""The ``calibration`` part of a recipe: what the thresholds are chosen for, on validation frames.

A tagged union (``kind``); without a tag it is ``eps``, as it was when that was the only one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from hwflow.cascade.goals import (
    AccuracyGoal,
    BoundedLossGoal,
    CostGoal,
    ExitRateGoal,
    Goal,
    LossGoal,
)
from hwflow.config.base import GrownModel, StrictModel

Share = Annotated[float, Field(ge=0, le=1)]


class CalibrationGoal(GrownModel, ABC):
    """What every member has.

    ``score``: what a decision compares with its threshold.
    """

    score: Literal["margin"] = "margin"

    @property
    def shift(self) -> int:
        """Pixels by which validation frames are moved; 0: they are not."""
        return 0

    @abstractmethod
    def goal(self, bops: Sequence[int]) -> Goal:
        """Return the goal for stages of ``bops`` BOPs."""


class Translated(CalibrationGoal):
    """A goal that may count translations of its frames.

    ``max_shift``: each validation frame counts in all translations by up to so many pixels per
    axis. A few hundred frames hold too few hard ones to place a threshold; their translations fill
    the gap, if training used them too.
    """

    max_shift: Annotated[int, Field(ge=0, le=8)] = 0

    @property
    def shift(self) -> int:
        """See ``max_shift``."""
        return self.max_shift


class EpsCalibration(Translated):
    """The highest exit rate that loses no more than ``eps``.

    ``eps``: accuracy the cascade may lose there against its last stage, as a fraction.
    ``criterion``: what counts as lost. ``accuracy`` takes the difference of the accuracies;
    ``losses`` counts the frames that the last stage alone has right and the cascade wrong, and
    gives no credit for the opposite. The difference of two small counts is noise: ``losses``
    generalises better from few frames, at a lower exit rate.
    """

    later: ClassVar[frozenset[str]] = frozenset({"kind"})

    kind: Literal["eps"] = "eps"
    eps: Annotated[float, Field(ge=0, lt=1)] = 0.0
    criterion: Literal["accuracy", "losses"] = "accuracy"

    def goal(self, bops: Sequence[int]) -> Goal:
        """Return the loss allowed."""
        return LossGoal(self.eps, self.criterion)


class EpsBoundCalibration(CalibrationGoal):
    """The highest exit rate whose loss, with ``confidence``, is at most ``eps`` on new frames too.

    Frames that the last stage has right and the cascade wrong are lost. It takes many: at least
    ln(1 − confidence) / ln(1 − eps), none of them lost. Translations are not independent, so there
    is no ``max_shift``.
    """

    kind: Literal["eps_bound"]
    eps: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95

    def goal(self, bops: Sequence[int]) -> Goal:
        """Return the loss allowed with confidence."""
        return BoundedLossGoal(self.eps, self.confidence)


class AccuracyCalibration(Translated):
    """The highest exit rate at which the cascade has at least ``accuracy``, a fraction."""

    kind: Literal["accuracy"]
    accuracy: Annotated[float, Field(gt=0, le=1)]

    def goal(self, bops: Sequence[int]) -> Goal:
        """Return the accuracy wanted."""
        return AccuracyGoal(self.accuracy)


class ExitRateCalibration(Translated):
    """At least this share of the frames that reach a decision leaves there.

    ``exit_rate``: one number, or one per stage but the last.
    """

    kind: Literal["exit_rate"]
    exit_rate: Share | Annotated[tuple[Share, ...], Field(min_length=1)]

    def goal(self, bops: Sequence[int]) -> Goal:
        """Return the share wanted."""
        return ExitRateGoal(self.exit_rate)


class CostCalibration(Translated):
    """A frame takes at most ``bops`` BOPs on average: Σ MACs × weight bits × activation bits."""

    kind: Literal["cost"]
    bops: Annotated[float, Field(gt=0)]

    def goal(self, bops: Sequence[int]) -> Goal:
        """Return the budget."""
        return CostGoal(self.bops, tuple(bops))


def kind(value: Any) -> Any:
    """Return the tag of a calibration; messages name this function, so it is named as its field."""
    return value.get("kind", "eps") if isinstance(value, dict) else getattr(value, "kind", None)


# `Tag`s, not a plain discriminator: an untagged calibration is one of `eps`.
CalibrationRecipe = Annotated[
    Annotated[EpsCalibration, Tag("eps")]
    | Annotated[EpsBoundCalibration, Tag("eps_bound")]
    | Annotated[AccuracyCalibration, Tag("accuracy")]
    | Annotated[ExitRateCalibration, Tag("exit_rate")]
    | Annotated[CostCalibration, Tag("cost")],
    Discriminator(kind),
]


# All but eps: what a bundle records in another way than it records eps.
OtherGoal = Annotated[
    EpsBoundCalibration | AccuracyCalibration | ExitRateCalibration | CostCalibration,
    Field(discriminator="kind"),
]


class CalibrationChoice(StrictModel):
    """A calibration by itself, as a command line gives it."""

    calibration: CalibrationRecipe
