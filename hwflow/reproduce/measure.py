"""What one variant reached, from its scores and its training's folder."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hwflow.cascade.routing import oracle_accuracy, random_accuracy
from hwflow.cascade.scores import MARGIN
from hwflow.cascade.view import view
from hwflow.config.joint import PLACE
from hwflow.config.recipe import Recipe
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.report.evaluate import Split, evaluate
from hwflow.report.evaluation import CostCurveFigures, Evaluation, Figure, PolicyFigures
from hwflow.report.scored import ScoredCascade
from hwflow.reproduce.metrics import (
    CurveMetrics,
    Number,
    PolicyMetrics,
    ScoreMetrics,
    StageMetrics,
    VariantMetrics,
)
from hwflow.reproduce.source import Source, StageShape
from hwflow.train.files import intact_stage

VARIANT_FILE = "variant.json"
SPLITS: tuple[Split, ...] = ("validation", "test")
# Draws of the bootstrap: intervals are read to a tenth of a point.
RESAMPLES = 400
POINTS = 40


def measure(
    name: str,
    about: str,
    source: Source,
    recipe: Recipe,
    *,
    train_dir: Path,
    progress: Progress = silent,
) -> VariantMetrics:
    """Return what the variant of ``source``, trained by ``recipe`` in ``train_dir``, reached.

    Raises:
        ConfigError: there are no labelled scores of a split, or no log of the training.
    """
    cascade, seed = source.cascade, recipe.seed
    test = evaluate(cascade, "test", resamples=RESAMPLES, progress=progress)
    policy_alone = evaluate(
        cascade, "validation", scores=(MARGIN,), resamples=RESAMPLES, progress=progress
    )
    told: dict[Split, Evaluation] = {"validation": policy_alone, "test": test}
    return VariantMetrics(
        name=name,
        about=about,
        seed=seed,
        threshold=cascade.thresholds,
        stages=tuple(_stage(shape, index, told, seed) for index, shape in enumerate(source.shapes)),
        policy={split: _policy(cascade, told[split], seed) for split in SPLITS},
        scores={score.score: _score(score.chosen, test, seed) for score in test.scores},
        curve=_curve(test.scores[0].curve, test, seed),
        exactness=source.exactness,
        training=Number(
            value=training_minutes(recipe, train_dir),
            unit="minutes",
            provenance="measured",
            seed=seed,
        ),
        in_float32=_in_float32(recipe, train_dir),
        frames={split: told[split].n for split in SPLITS},
        copies=told["validation"].copies,
    )


def training_minutes(recipe: Recipe, folder: Path) -> float:
    """Return the wall time of all epochs behind the networks in ``folder``, in minutes.

    Those of stages that were taken from another training count too, with the time of what was
    trained beside them. Stages that were trained together have the same times in their logs, which
    count once; where the last stage teaches, the logs of the others have its time.

    Raises:
        ConfigError: there is no log.
    """
    alone = [_seconds(path) for path in sorted(folder.glob("*.csv")) if not _is_start(path)]
    joint, last = recipe.joint, recipe.stages[-1].name
    teaches = joint is not None and joint.distillation.weight > 0
    together = {
        _seconds(path)
        for path in folder.glob(f"{PLACE}/*.csv")
        if not (teaches and path.stem == last)
    }
    if not alone:
        raise ConfigError(f"{folder}: no log of a training (*.csv); run `hwflow reproduce` again")
    return sum(map(sum, [*alone, *together])) / 60


def _in_float32(recipe: Recipe, folder: Path) -> tuple[str, ...] | None:
    """Return the stages that were trained in float32 though the recipe asks for bf16."""
    found = []
    for stage in recipe.stages:
        asked = {"": stage.training.precision}
        if recipe.joint is not None:
            asked[PLACE] = recipe.joint.precision
        for place, precision in asked.items():
            told = intact_stage(folder, stage.name, place=place)
            if told is None or told.precision is None:
                return None
            if told.precision is not precision and stage.name not in found:
                found.append(stage.name)
    return tuple(found)


def _is_start(path: Path) -> bool:
    """Return whether ``path`` repeats the first rows of another log, for others to take over."""
    return path.name.endswith(".start.csv")


def _seconds(path: Path) -> tuple[float, ...]:
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(float(row["seconds"]) for row in csv.DictReader(file))


def accuracy_number(told: Figure, *, n: int, split: Split, seed: int) -> Number:
    """Return an accuracy, loss or rate that was counted on frames."""
    return Number(
        value=told.value,
        unit="fraction",
        provenance="measured",
        n=n,
        split=split,
        seed=seed,
        interval95=told.interval95,
    )


def _stage(shape: StageShape, index: int, told: dict[Split, Evaluation], seed: int) -> StageMetrics:
    return StageMetrics(
        **asdict(shape),
        accuracy={
            split: accuracy_number(found.stages[index].accuracy, n=found.n, split=split, seed=seed)
            for split, found in told.items()
        },
    )


def _policy(cascade: ScoredCascade, told: Evaluation, seed: int) -> PolicyMetrics:
    data, policy = cascade.split(told.split), told.cascade
    seen = view(data)
    exits = np.bincount(
        seen.exit_stage(seen.cuts(cascade.thresholds)), minlength=len(cascade.stages)
    )[None, :]

    def counted(figure: Figure) -> Number:
        return accuracy_number(figure, n=told.n, split=told.split, seed=seed)

    def bound(value: float) -> Number:
        return Number(
            value=value,
            unit="fraction",
            provenance="measured",
            n=told.n,
            split=told.split,
            seed=seed,
        )

    return PolicyMetrics(
        accuracy=counted(policy.accuracy),
        loss=counted(policy.loss),
        avg_bops=_bops(policy, told, seed),
        exit_rate=tuple(counted(rate) for rate in policy.exit_rate),
        random=bound(float(random_accuracy(seen.right, exits)[0])),
        oracle=bound(float(oracle_accuracy(seen.right, exits)[0])),
    )


def _bops(policy: PolicyFigures, told: Evaluation, seed: int) -> Number:
    return Number(
        value=policy.avg_bops.value,
        unit="BOPs",
        provenance="estimated",
        n=told.n,
        split=told.split,
        seed=seed,
        interval95=policy.avg_bops.interval95,
    )


def _score(chosen: PolicyFigures | None, told: Evaluation, seed: int) -> ScoreMetrics:
    if chosen is None:
        return ScoreMetrics(accuracy=None, avg_bops=None)
    return ScoreMetrics(
        accuracy=accuracy_number(chosen.accuracy, n=told.n, split=told.split, seed=seed),
        avg_bops=_bops(chosen, told, seed),
    )


def _curve(curve: CostCurveFigures, told: Evaluation, seed: int) -> CurveMetrics:
    keep = _thinned(len(curve.avg_bops))

    def some(values: Sequence[float], digits: int) -> tuple[float, ...]:
        return tuple(round(values[index], digits) for index in keep)

    return CurveMetrics(
        n=told.n,
        split=told.split,
        seed=seed,
        avg_bops=some(curve.avg_bops, 0),
        accuracy=some(curve.accuracy, 6),
        random=some(curve.random_accuracy, 6),
        oracle=some(curve.oracle_accuracy, 6),
    )


def _thinned(count: int) -> list[int]:
    """Return at most ``POINTS`` of ``count`` indices at even distances, both ends among them."""
    places = np.linspace(0, count - 1, min(count, POINTS))
    return sorted({round(place) for place in places.tolist()})
