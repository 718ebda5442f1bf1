"""What ``hwflow evaluate`` and ``hwflow calibrate`` tell of a cascade, as typed JSON."""

from __future__ import annotations

from typing import Literal

from hwflow.config.base import StrictModel
from hwflow.config.calibration import CalibrationRecipe

Interval = tuple[float, float]


class Figure(StrictModel):
    """A value and its 95 % interval over frames: Wilson's of a stage alone, else a bootstrap's."""

    value: float
    interval95: Interval


class StageFigures(StrictModel):
    """One stage alone. ``confusion``: per true class, frames given each class."""

    name: str
    bops: int
    accuracy: Figure
    confusion: tuple[tuple[int, ...], ...]


class PolicyFigures(StrictModel):
    """What thresholds do to a split.

    ``threshold``: per decision, in the score's own unit; None lets nothing leave there. ``loss``:
    accuracy of the last stage less that of the cascade. ``exit_rate``: per stage, fractions of all
    frames. ``avg_bops``, ``worst_bops``: per frame, on average and of one that passes every stage;
    ``last_bops``: the last stage alone.
    """

    threshold: tuple[float | None, ...]
    accuracy: Figure
    loss: Figure
    exit_rate: tuple[Figure, ...]
    avg_bops: Figure
    worst_bops: int
    last_bops: int


class CascadeFigures(PolicyFigures):
    """The cascade at its policy. ``confusion`` as of a stage."""

    confusion: tuple[tuple[int, ...], ...]


class ThresholdFigures(StrictModel):
    """Thresholds that a goal chooses on validation frames, and how far other frames move them.

    ``interval95``: per decision, of a bootstrap that chooses anew on each draw; an end is None
    where nothing would leave. ``unreached``: share of the draws in which the goal could not be
    reached, left out. ``n``: independent frames; each counts in ``copies`` translations.
    """

    goal: CalibrationRecipe
    n: int
    copies: int
    threshold: tuple[float | None, ...]
    interval95: tuple[tuple[float | None, float | None], ...]
    unreached: float


class CostCurveFigures(StrictModel):
    """Accuracy of a cascade against average BOPs per frame, and its bounds at equal exit rates.

    One entry per point, cheapest last. ``random_accuracy``: as many frames leave at each stage,
    drawn at random (expected). ``oracle_accuracy``: the best routing with these exit rates.
    """

    threshold: tuple[tuple[float | None, ...], ...]
    exit_rate: tuple[tuple[float, ...], ...]
    avg_bops: tuple[float, ...]
    accuracy: tuple[float, ...]
    random_accuracy: tuple[float, ...]
    oracle_accuracy: tuple[float, ...]
    worst_bops: int


class ScoreFigures(StrictModel):
    """One confidence score. ``temperature``: per stage, fitted on validation frames, or 1.

    ``chosen``: thresholds for the same goal, chosen on validation frames by this score, on the
    split; None where there are no validation scores or no goal. ``curve``: every exit rate.
    """

    score: str
    temperature: tuple[float, ...]
    chosen: PolicyFigures | None
    curve: CostCurveFigures


class Evaluation(StrictModel):
    """``hwflow evaluate``: a cascade on ``n`` independent frames of ``split``.

    ``copies``: translations in which each counts. ``resamples``, ``seed``: of the bootstrap.
    """

    schema_version: Literal[1] = 1
    name: str
    dataset: str
    split: Literal["validation", "test"]
    n: int
    copies: int
    resamples: int
    seed: int
    classes: tuple[str, ...]
    stages: tuple[StageFigures, ...]
    cascade: CascadeFigures
    thresholds: ThresholdFigures | None
    scores: tuple[ScoreFigures, ...]


class CalibrationFigures(StrictModel):
    """``calibration.json``: new thresholds on the frames that chose them, and on test frames.

    ``test``: None where the bundle's golden frames have no labels.
    """

    validation: Evaluation
    test: Evaluation | None
