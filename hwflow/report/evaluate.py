"""Evaluates a cascade on one split: stages, policy, scores. Chooses on validation frames alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from hwflow.cascade.bootstrap import RESAMPLES, policy_intervals, threshold_intervals
from hwflow.cascade.cost import expected_bops, worst_bops
from hwflow.cascade.curves import cost_curve
from hwflow.cascade.decision import run_cascade, top2
from hwflow.cascade.goals import BoundedLossGoal
from hwflow.cascade.interval import wilson
from hwflow.cascade.scores import COMPARED, MARGIN, Score, fit_temperature
from hwflow.cascade.view import Cuts, Ints, ScoredSplit, View, view
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.report.evaluation import (
    CalibrationFigures,
    CascadeFigures,
    CostCurveFigures,
    Evaluation,
    Figure,
    PolicyFigures,
    ScoreFigures,
    StageFigures,
    ThresholdFigures,
)
from hwflow.report.scored import ScoredCascade

Split = Literal["validation", "test"]


def evaluate(
    cascade: ScoredCascade,
    split: Split,
    *,
    scores: Sequence[Score] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Return what ``cascade`` does to the frames of ``split``, by ``scores`` or those of COMPARED.

    Temperatures and the thresholds of other scores come from the validation split, whichever is
    evaluated; without one, temperatures are 1 and nothing is chosen.

    Raises:
        ConfigError: there are no labelled scores of ``split``, or a score needs more classes.
    """
    data = cascade.split(split)
    if scores is None:
        scores = [score for score in COMPARED if score.last <= len(cascade.classes)]
    steps = len(scores) + 2
    progress("policy", 0, steps)
    policy = _policy(cascade, data, resamples=resamples, seed=seed)
    predicted = run_cascade(data.scores, cascade.thresholds).prediction
    progress("thresholds", 1, steps)
    thresholds = choice(cascade, MARGIN, resamples=resamples, seed=seed)
    told = []
    for number, score in enumerate(scores):
        progress(score.name, number + 2, steps)
        told.append(_score(cascade, data, score, resamples=resamples, seed=seed))
    return Evaluation(
        name=cascade.name,
        dataset=cascade.dataset,
        split=split,
        n=data.independent,
        copies=data.copies,
        resamples=resamples,
        seed=seed,
        classes=cascade.classes,
        stages=_stages(cascade, data),
        cascade=CascadeFigures(
            **policy.model_dump(), confusion=_confusion(data, predicted, len(cascade.classes))
        ),
        thresholds=thresholds,
        scores=tuple(told),
    )


def evaluate_both(cascade: ScoredCascade, *, progress: Progress = silent) -> CalibrationFigures:
    """Return what ``cascade`` does to the frames that chose its thresholds, and to test frames."""
    return CalibrationFigures(
        validation=evaluate(cascade, "validation", scores=(MARGIN,), progress=progress),
        test=evaluate(cascade, "test", scores=(MARGIN,), progress=progress)
        if "test" in cascade.splits
        else None,
    )


def choice(
    cascade: ScoredCascade, score: Score, *, resamples: int = RESAMPLES, seed: int = 0
) -> ThresholdFigures | None:
    """Return the thresholds that the calibration's goal chooses by ``score``, on validation frames.

    None where there is no decision, no calibration, or no validation split.
    """
    told = cascade.calibration
    if told is None or len(cascade.stages) < 2 or "validation" not in cascade.splits:
        return None
    seen = _chooser(cascade, score)
    goal = told.goal(cascade.bops)
    found = threshold_intervals(seen, goal, resamples=resamples, seed=seed)
    return ThresholdFigures(
        goal=told,
        n=seen.independent,
        copies=seen.copies,
        threshold=_finite(seen.thresholds(goal.choose(seen))),
        interval95=tuple((_number(low), _number(high)) for low, high in found.threshold),
        unreached=found.unreached,
    )


def _chooser(cascade: ScoredCascade, score: Score) -> View:
    """Return the validation split as the calibration's goal may see it."""
    assert cascade.calibration is not None
    data = cascade.splits["validation"]
    if isinstance(cascade.calibration.goal(cascade.bops), BoundedLossGoal):
        data = data.untranslated()
    return view(data, score, scales=_scales(cascade, temperatures(cascade)))


def temperatures(cascade: ScoredCascade) -> tuple[float, ...]:
    """Return the temperature of each stage, fitted on validation frames, or 1 without them."""
    data = cascade.splits.get("validation")
    if data is None:
        return (1.0,) * len(cascade.stages)
    return tuple(
        fit_temperature(scores, data.labels, scale=stage.score_scale)
        for stage, scores in zip(cascade.stages, data.scores, strict=True)
    )


def _scales(cascade: ScoredCascade, temperature: Sequence[float]) -> tuple[float, ...]:
    pairs = zip(cascade.stages, temperature, strict=True)
    return tuple(stage.score_scale / value for stage, value in pairs)


def _stages(cascade: ScoredCascade, data: ScoredSplit) -> tuple[StageFigures, ...]:
    told = []
    for stage, scores in zip(cascade.stages, data.scores, strict=True):
        predicted, _ = top2(scores)
        right = float(np.mean(predicted == data.labels))
        told.append(
            StageFigures(
                name=stage.name,
                bops=stage.bops,
                accuracy=Figure(value=right, interval95=wilson(right, data.independent)),
                confusion=_confusion(data, predicted, len(cascade.classes)),
            )
        )
    return tuple(told)


def _confusion(data: ScoredSplit, predicted: Ints, classes: int) -> tuple[tuple[int, ...], ...]:
    pairs = data.labels.astype(np.int64) * classes + predicted
    table = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return tuple(tuple(int(count) for count in row) for row in table)


def _policy(
    cascade: ScoredCascade, data: ScoredSplit, *, resamples: int, seed: int
) -> PolicyFigures:
    seen = view(data)
    cuts = seen.cuts(cascade.thresholds)
    told = _figures(cascade, seen, cuts, resamples=resamples, seed=seed)
    return told.model_copy(update={"threshold": tuple(float(t) for t in cascade.thresholds)})


def _figures(
    cascade: ScoredCascade, seen: View, cuts: Cuts, *, resamples: int, seed: int
) -> PolicyFigures:
    stage = seen.exit_stage(cuts)
    rates = np.bincount(stage, minlength=len(seen.right)) / seen.frames
    right = float(seen.outcome(stage).mean())
    spread = policy_intervals(seen, cuts, cascade.bops, resamples=resamples, seed=seed)
    return PolicyFigures(
        threshold=_finite(seen.thresholds(cuts)),
        accuracy=Figure(value=right, interval95=spread.accuracy),
        loss=Figure(value=float(seen.right[-1].mean()) - right, interval95=spread.loss),
        exit_rate=tuple(
            Figure(value=float(rate), interval95=interval)
            for rate, interval in zip(rates, spread.exit_rate, strict=True)
        ),
        avg_bops=Figure(
            value=expected_bops(cascade.bops, rates.tolist()), interval95=spread.avg_bops
        ),
        worst_bops=worst_bops(cascade.bops),
        last_bops=cascade.bops[-1],
    )


def _score(
    cascade: ScoredCascade, data: ScoredSplit, score: Score, *, resamples: int, seed: int
) -> ScoreFigures:
    temperature = temperatures(cascade)
    seen = view(data, score, scales=_scales(cascade, temperature))
    return ScoreFigures(
        score=score.name,
        temperature=temperature,
        chosen=_chosen(cascade, seen, score, resamples=resamples, seed=seed),
        curve=curve_figures(seen, cascade.bops),
    )


def _chosen(
    cascade: ScoredCascade, seen: View, score: Score, *, resamples: int, seed: int
) -> PolicyFigures | None:
    """Return what thresholds chosen on validation frames do to ``seen``."""
    if cascade.calibration is None or "validation" not in cascade.splits or not seen.decisions:
        return None
    chooser = _chooser(cascade, score)
    try:
        cuts = cascade.calibration.goal(cascade.bops).choose(chooser)
    except ConfigError:  # this score does not reach the goal; its curve says what it does
        return None
    there = seen.cuts(chooser.thresholds(cuts))
    told = _figures(cascade, seen, there, resamples=resamples, seed=seed)
    return told.model_copy(update={"threshold": _finite(chooser.thresholds(cuts))})


def curve_figures(seen: View, bops: Sequence[int]) -> CostCurveFigures:
    """Return accuracy against average BOPs of ``seen``."""
    curve = cost_curve(seen, bops)
    return CostCurveFigures(
        threshold=tuple(_finite(row) for row in curve.threshold.tolist()),
        exit_rate=tuple(tuple(row) for row in curve.exit_rate.tolist()),
        avg_bops=tuple(curve.avg_bops.tolist()),
        accuracy=tuple(curve.accuracy.tolist()),
        random_accuracy=tuple(curve.random_accuracy.tolist()),
        oracle_accuracy=tuple(curve.oracle_accuracy.tolist()),
        worst_bops=curve.worst_bops,
    )


def _finite(thresholds: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(_number(value) for value in thresholds)


def _number(value: float) -> float | None:
    """Return ``value``, or None for the infinity that lets nothing leave: JSON has none."""
    return float(value) if math.isfinite(value) else None
