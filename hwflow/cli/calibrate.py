"""``hwflow calibrate``: other thresholds for a bundle."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwflow.cascade.scores import parse_score
from hwflow.cli import commands, jobs
from hwflow.cli.evaluate import policy_row, tables
from hwflow.cli.output import Output, shown
from hwflow.config.base import parse
from hwflow.config.bundle import load_bundle
from hwflow.config.calibration import CalibrationChoice, CalibrationRecipe
from hwflow.errors import ConfigError

Data = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """What thresholds are wanted for, as given on the command line; None where not given."""

    eps: float | None = None
    criterion: str | None = None
    confidence: float | None = None
    accuracy: float | None = None
    exit_rate: str | None = None
    bops: float | None = None

    def chosen(self) -> CalibrationRecipe:
        """Return the one target.

        Raises:
            ConfigError: none or several, one out of its range, or an option without its target.
        """
        targets = {
            "--eps": self.eps,
            "--target-accuracy": self.accuracy,
            "--target-exit-rate": self.exit_rate,
            "--target-bops": self.bops,
        }
        given = [name for name, value in targets.items() if value is not None]
        if len(given) != 1:
            found = f"{' and '.join(given)} exclude each other" if given else "no target"
            raise ConfigError(f"{found}: give one of {', '.join(targets)}")
        for name, value in (("--criterion", self.criterion), ("--confidence", self.confidence)):
            if value is not None and self.eps is None:
                raise ConfigError(f"{name} belongs to --eps: add that, or leave it out")
        if self.criterion is not None and self.confidence is not None:
            raise ConfigError(
                "--confidence bounds the losses: leave --criterion out, which says what to count "
                "without a bound"
            )
        source = given[0] if self.confidence is None else "--eps, --confidence"
        return parse(CalibrationChoice, {"calibration": self._told()}, source=source).calibration

    def _told(self) -> Data:
        if self.confidence is not None:
            return {"kind": "eps_bound", "eps": self.eps, "confidence": self.confidence}
        if self.eps is not None:
            return {"kind": "eps", "eps": self.eps, "criterion": self.criterion or "accuracy"}
        if self.accuracy is not None:
            return {"kind": "accuracy", "accuracy": self.accuracy}
        if self.bops is not None:
            return {"kind": "cost", "bops": self.bops}
        assert self.exit_rate is not None
        return {"kind": "exit_rate", "exit_rate": _rates(self.exit_rate)}


def _rates(text: str) -> float | list[float]:
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--target-exit-rate {text}: expected a number, or one per stage but the last, such as "
            "0.8 or 0.6,0.5"
        ) from error
    return rates[0] if len(rates) == 1 else rates


def calibrate(
    output: Output,
    bundle: Path,
    *,
    target: Target,
    score: str,
    frames: Path | None,
    out: Path | None,
    dry_run: bool,
) -> None:
    """Write the bundle with thresholds for ``target``, or tell what another score would choose."""
    chosen = target.chosen()
    load_bundle(bundle)  # a damaged bundle is named before anything starts
    if frames is not None and frames.is_dir():
        raise ConfigError(f"--frames {frames}: a folder; expected a file, .npz with 'label'")
    if not parse_score(score).is_integer:
        if frames is not None or out is not None or dry_run:
            raise ConfigError(
                f"--score {score}: the hardware decides by the margin, so that no bundle is "
                "written for it; leave out --out, --frames and --dry-run to see what it would do"
            )
        _compare(output, bundle, chosen, score)
        return
    folder = out or bundle.absolute().parent / jobs.CALIBRATED
    job = jobs.calibrate_job(bundle, chosen, frames=frames, out=folder)
    if dry_run:
        commands.single(output, job, dict, dry_run=True)
        return
    outcome, seconds = commands.work(output, job)
    told = json.loads((folder / jobs.CALIBRATION_FILE).read_text(encoding="utf-8"))
    data = {
        "command": "calibrate",
        "out": shown(folder),
        "reused": outcome.reused,
        "seconds": seconds,
        "threshold_int": list(load_bundle(folder).policy.threshold_int),
        **told,
    }
    output.result(data, *_shown(told))


def _shown(told: Data) -> tuple[object, ...]:
    from hwflow.report.evaluation import CalibrationFigures

    figures = parse(CalibrationFigures, told, source=jobs.CALIBRATION_FILE)
    splits = (figures.validation, figures.test)
    return tuple(item for split in splits if split is not None for item in tables(split))


def _compare(output: Output, bundle: Path, chosen: CalibrationRecipe, score: str) -> None:
    """Tell what thresholds on ``score`` would do, beside those on the margin."""
    from rich.table import Table

    from hwflow.report.evaluate import choice, evaluate
    from hwflow.report.scored import from_bundle

    cascade = dataclasses.replace(from_bundle(bundle), calibration=chosen)
    wanted = (parse_score("margin"), parse_score(score))
    cascade.split("validation")
    figures = evaluate(cascade, "validation", scores=wanted).scores
    thresholds = [choice(cascade, each) for each in wanted]
    data = {
        "command": "calibrate",
        "out": None,
        "goal": chosen.model_dump(mode="json"),
        "scores": [
            {
                "score": figure.score,
                "temperature": list(figure.temperature),
                "thresholds": None if found is None else found.model_dump(mode="json"),
                "validation": None
                if figure.chosen is None
                else figure.chosen.model_dump(mode="json"),
            }
            for figure, found in zip(figures, thresholds, strict=True)
        ],
    }
    table = Table(title="on validation frames; nothing is written", title_justify="left")
    for heading in ("score", "threshold", "accuracy %", "95 % interval", "average MBOPs", "worst"):
        table.add_column(heading)
    for figure in figures:
        if figure.chosen is not None:
            table.add_row(figure.score, *policy_row(figure.chosen))
    output.result(data, table)
