"""``card.md`` from ``metrics.json``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hwflow.config import durable
from hwflow.config.calibration import (
    AccuracyCalibration,
    CalibrationRecipe,
    CostCalibration,
    EpsBoundCalibration,
    ExitRateCalibration,
)
from hwflow.config.dataset import Dataset, HeldOut
from hwflow.reproduce.assemble import to_json
from hwflow.reproduce.curve import draw
from hwflow.reproduce.metrics import (
    CARD_FILE,
    CURVE_FILE,
    METRICS_FILE,
    HardwareMetrics,
    Metrics,
    SeedMetrics,
    VariantMetrics,
)
from hwflow.reproduce.summary import LIMITS, figures
from hwflow.reproduce.template import render
from hwflow.reproduce.verdict import claim, verdicts
from hwflow.reproduce.words import percent


def card(metrics: Metrics) -> str:
    """Return the text of the card."""
    one = metrics.bundle
    head = one.variant(metrics.headline)
    compared = [each.cascade for each in one.comparisons]
    links = [k for each in metrics.seeds for v in each.variants for k in v.exactness]
    test = head.policy["test"]
    return render(
        "card.md.j2",
        m=metrics,
        one=one,
        head=head,
        data=metrics.recipe.dataset,
        training=_training_frames(metrics.recipe.dataset),
        shape=metrics.recipe.dataset.frame_shape,
        frames={split: f"{count:,}" for split, count in head.frames.items()},
        seeds=[str(each.seed) for each in metrics.seeds],
        planned=[str(seed) for seed in metrics.study.seeds],
        in_float32=_in_float32(metrics),
        goal=_goal(metrics.recipe.calibration),
        early=f"{100 * (1.0 - test.exit_rate[-1].value):.1f}",
        bops_share=f"{100 * test.avg_bops.value / head.stages[-1].bops:.0f}",
        worst=sum(stage.bops for stage in head.stages),
        compared=compared,
        verdicts={name: verdicts(metrics, name) for name in compared},
        claims={name: claim(metrics, name) for name in compared},
        equals={name: list(_equals(metrics, name)) for name in compared},
        fronts=_fronts(metrics),
        fits=_fits(metrics),
        limits=_limits(metrics),
        compared_integers=sum(link.compared for link in links),
        mismatches=sum(link.mismatches for link in links),
        activations=_compared(head, "activations"),
        scores=_compared(head, "scores"),
    )


def write_documents(metrics: Metrics, folder: Path) -> None:
    """Write metrics, card and chart into ``folder``, each at once."""
    texts = {
        METRICS_FILE: to_json(metrics),
        CARD_FILE: card(metrics),
        CURVE_FILE: draw(metrics),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        durable.replace(part, folder / name)


def _in_float32(metrics: Metrics) -> dict[int, list[str]]:
    """Return the stages of each seed that were trained in float32 instead of bf16, if any were."""
    found = {}
    for one in metrics.seeds:
        names = {name for v in one.variants for name in v.in_float32 or ()}
        if names:
            found[one.seed] = sorted(names)
    return found


def _training_frames(dataset: Dataset) -> str | None:
    """Return the number of training frames, where the publisher decides it."""
    if isinstance(dataset, HeldOut) and dataset.published is not None:
        return f"{dataset.published - dataset.validation:,}"
    return None


def _compared(variant: VariantMetrics, kind: str) -> int:
    return sum(link.compared for link in variant.exactness if link.link.endswith(kind))


def _goal(told: CalibrationRecipe) -> str:
    """Return what the thresholds are chosen for."""
    if isinstance(told, AccuracyCalibration):
        return f"as many frames leave early as still give {100 * told.accuracy:g} % accuracy"
    if isinstance(told, ExitRateCalibration):
        return f"shares of {told.exit_rate} leave at the decisions"
    if isinstance(told, CostCalibration):
        return f"frames take {told.bops / 1e6:g} M BOPs on average, or fewer"
    sure = f", with confidence {told.confidence}" if isinstance(told, EpsBoundCalibration) else ""
    if isinstance(told, EpsBoundCalibration) or told.criterion == "losses":
        lost = "of them are wrong that the last stage gets right"
    else:
        lost = "accuracy is lost against the last stage"
    return f"as many frames leave early as can while at most {100 * told.eps} % {lost}{sure}"


def _equals(metrics: Metrics, cascade: str) -> Iterator[str]:
    """Yield what is said of equal accuracy: the rival may be another in each seed."""
    for one in metrics.seeds:
        told = one.comparison(cascade)
        reached = one.variant(cascade).policy["test"].accuracy
        rival = next(each for each in one.singles if each.name == told.equal_single)
        beyond = rival.accuracy["test"]
        which = (
            "cheapest single network that is at least as"
            if beyond.value >= reached.value
            else "most"
        )
        yield (
            f"Seed {one.seed}: {percent(reached)} for {told.equal_accuracy.value:.3f} of the BOPs "
            f"of {rival.name}, the {which} accurate, which has {percent(beyond)}; "
            + _against_mixed(one, cascade)
        )


def _against_mixed(one: SeedMetrics, cascade: str) -> str:
    told = figures(one).get(f"{cascade}.bops_of_mixed")
    if told is None:
        return "no single network is so accurate."
    return f"{told.value:.3f} of those of two single networks in turn."


@dataclass(frozen=True)
class _LimitRow:
    """``key``: the beginning of its figures. ``kept``, ``rivals``: of each seed that keeps it."""

    cascade: str
    loss: str
    budget: str
    key: str
    kept: int
    rivals: tuple[str, ...]


def _limits(metrics: Metrics) -> list[_LimitRow]:
    """Return what each cascade may lose, and may take."""
    rows = []
    for told in metrics.bundle.comparisons:
        for place, each in enumerate(told.limited):
            every = [one.comparison(told.cascade).limited[place] for one in metrics.seeds]
            rows.append(
                _LimitRow(
                    cascade=told.cascade,
                    loss=f"{100 * each.limit:g} %" if each.of == "loss" else "",
                    budget=f"{each.limit:g}" if each.of == "bops" else "",
                    key=f"{told.cascade}.{LIMITS[each.of]}_{each.limit:g}",
                    kept=sum(limited.point is not None for limited in every),
                    rivals=tuple(x.equal_single for x in every if x.equal_single is not None),
                )
            )
    return rows


def _fronts(metrics: Metrics) -> dict[str, int]:
    names = [single.name for single in metrics.bundle.singles]
    every = [single for one in metrics.seeds for single in one.singles]
    return {name: sum(s.on_front for s in every if s.name == name) for name in names}


def _fits(metrics: Metrics) -> dict[str, HardwareMetrics]:
    one = metrics.bundle
    cascades = {f"`{told.cascade}`": told.hardware for told in one.comparisons}
    return cascades | {single.name: single.hardware for single in one.singles}
