"""``hwflow evaluate``: what a cascade does to the frames of one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from hwflow.cascade.scores import parse_score
from hwflow.cli.files import trained_recipe
from hwflow.cli.output import Output, Stopwatch, shown
from hwflow.config.bundle import BUNDLE_FILE
from hwflow.config.data_root import DataRoot
from hwflow.config.manifest import RUN_FILE
from hwflow.errors import ConfigError
from hwflow.log import Progress

if TYPE_CHECKING:  # the schema comes with the report, which a command line alone does not need
    from hwflow.report.evaluate import Split
    from hwflow.report.evaluation import Evaluation, Figure, PolicyFigures
    from hwflow.report.scored import ScoredCascade

SPLITS: tuple[Split, ...] = ("test", "validation")


@dataclass(frozen=True)
class EvaluateOptions:
    """As given on the command line."""

    split: str
    scores: tuple[str, ...]
    resamples: int
    seed: int
    overrides: tuple[str, ...]


def evaluate(output: Output, source: Path, *, data: DataRoot, options: EvaluateOptions) -> None:
    """Evaluate a bundle, or the networks of a training."""
    from hwflow.report.evaluate import evaluate as run

    split = next((name for name in SPLITS if name == options.split), None)
    if split is None:
        raise ConfigError(f"--split {options.split}: expected {' or '.join(SPLITS)}")
    scores = [parse_score(name) for name in options.scores] or None
    watch = Stopwatch()
    with output.progress("evaluate") as progress:
        cascade = _cascade(source, data, options, progress)
        told = run(
            cascade,
            split,
            scores=scores,
            resamples=options.resamples,
            seed=options.seed,
            progress=progress,
        )
    result = {"command": "evaluate", "source": shown(source), "seconds": watch.seconds}
    output.result(result | told.model_dump(mode="json"), *tables(told))


def _cascade(
    source: Path, data: DataRoot, options: EvaluateOptions, progress: Progress
) -> ScoredCascade:
    from hwflow.report.scored import from_bundle, from_training

    if (source / BUNDLE_FILE).is_file():
        if options.overrides:
            raise ConfigError(
                "--set changes a training's recipe; a bundle's thresholds stand. "
                "`hwflow calibrate` chooses others"
            )
        return from_bundle(source)
    if not (source / RUN_FILE).is_file():
        raise ConfigError(
            f"{source}: neither a bundle (no {BUNDLE_FILE} in it) nor a folder written by "
            "`hwflow train`"
        )
    recipe = trained_recipe(source, overrides=options.overrides)
    return from_training(recipe, source, data=data, test=options.split == "test", progress=progress)


def tables(told: Evaluation) -> tuple[Table | str, ...]:
    """Return what a terminal shows of an evaluation."""
    copies = "" if told.copies == 1 else f", each in {told.copies} translations"
    title = f"{told.name}: {told.n} {told.split} frames of {told.dataset}{copies}"
    shows: list[Table | str] = [f"[bold]{escape(title)}[/]", _stage_table(told)]
    if told.cascade.threshold:
        shows.append(_work(told))
    if len(told.scores) > 1:
        shows += ["By score, thresholds chosen on validation frames:", _score_table(told)]
    how = f"95 % intervals: Wilson (stages), bootstrap of {told.resamples} draws (cascade)"
    return (*shows, f"[dim]{how}; seed {told.seed}[/]")


def _stage_table(told: Evaluation) -> Table:
    table = Table()
    for heading in ("", "accuracy %", "95 % interval", "MBOPs", "exits here %"):
        table.add_column(heading, justify="left" if not heading else "right")
    for stage, leaving in zip(told.stages, told.cascade.exit_rate, strict=True):
        table.add_row(
            escape(stage.name), *_percent(stage.accuracy), f"{stage.bops / 1e6:.2f}",
            f"{100 * leaving.value:.1f}",
        )  # fmt: skip
    if told.cascade.threshold:
        table.add_section()
        cost = told.cascade.avg_bops.value
        table.add_row("cascade", *_percent(told.cascade.accuracy), f"{cost / 1e6:.2f}", "")
    return table


def _work(told: Evaluation) -> str:
    """Return thresholds and work: the worst case stands beside the average."""
    policy = told.cascade
    last = policy.last_bops
    low, high = policy.avg_bops.interval95
    text = (
        f"thresholds {_thresholds(policy.threshold)}; work {policy.avg_bops.value / last:.1%} of "
        f"the last stage's BOPs on average ({low / last:.1%} to {high / last:.1%}), "
        f"{policy.worst_bops / last:.1%} at worst; "
        f"accuracy {_gain(policy.loss.value)} points against the last stage "
        f"({_gain(policy.loss.interval95[1])} to {_gain(policy.loss.interval95[0])})"
    )
    if told.thresholds is not None:
        ends = ", ".join(f"{_one(low)} to {_one(high)}" for low, high in told.thresholds.interval95)
        text += (
            f"\nchosen again on bootstrap draws of the {told.thresholds.n} validation frames, "
            f"thresholds are {ends} in 95 % of them"
        )
    idle = [
        stage.name
        for stage, leaving in zip(told.stages, policy.exit_rate, strict=True)
        if leaving.value == 0
    ]
    if idle:
        text += (
            f"\n[yellow]no frame leaves at {', '.join(idle)}: with these thresholds it is idle[/]"
        )
    return text


def _gain(loss: float) -> str:
    """Return what a loss, a fraction, is in points gained; of nothing, +0.00."""
    return f"{round(-100 * loss, 2) + 0.0:+.2f}"


def _score_table(told: Evaluation) -> Table:
    table = Table()
    for heading in ("score", "threshold", "accuracy %", "95 % interval", "average MBOPs", "worst"):
        table.add_column(heading, justify="left" if heading == "score" else "right")
    for score in told.scores:
        if score.chosen is None:
            table.add_row(score.score, "–", "–", "–", "–", "–")
        else:
            table.add_row(score.score, *policy_row(score.chosen))
    return table


def policy_row(policy: PolicyFigures) -> tuple[str, ...]:
    """Return threshold, accuracy, its interval, average and worst MBOPs."""
    return (
        _thresholds(policy.threshold),
        *_percent(policy.accuracy),
        f"{policy.avg_bops.value / 1e6:.2f}",
        f"{policy.worst_bops / 1e6:.2f}",
    )


def _percent(figure: Figure) -> tuple[str, str]:
    low, high = figure.interval95
    return f"{100 * figure.value:.2f}", f"{100 * low:.1f} – {100 * high:.1f}"


def _thresholds(values: Sequence[float | None]) -> str:
    return ", ".join(_one(value) for value in values)


def _one(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
