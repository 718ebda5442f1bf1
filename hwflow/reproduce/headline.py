"""The README's table of all models that have been reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwflow.config.base import load
from hwflow.errors import ConfigError
from hwflow.reproduce.metrics import CARD_FILE, METRICS_FILE, Metrics
from hwflow.reproduce.variants import unpruned
from hwflow.reproduce.verdict import verdicts
from hwflow.reproduce.words import millions, percent, prose, ratio

PLACE = "models"
_NONE = "No model has been reproduced yet.\n"


def read_models(models: Path) -> tuple[Metrics, ...]:
    """Return the metrics of every model below ``models`` that has some, by name.

    Raises:
        ConfigError: a file is damaged, or there is no such folder.
    """
    if not models.is_dir():
        raise ConfigError(f"{models}: no such folder; name that of the models with --models")
    return tuple(load(Metrics, path) for path in sorted(models.glob(f"*/{METRICS_FILE}")))


def table(every: Sequence[Metrics], *, models: str = "models") -> str:
    """Return the table as markdown; ``models``: their folder, for links."""
    if not every:
        return _NONE
    names = (
        "model, cascade",
        *("seeds", "first stage", "last stage", "unpruned last stage", "cascade", "BOPs"),
        *("of the unpruned last stage", "of two single networks in turn"),
        "better than the single networks",
    )
    rows = [f"| {' | '.join(names)} |", f"|---{'|---:' * (len(names) - 2)}|---|"]
    told = (
        _row(each, comparison.cascade, models)
        for each in every
        for comparison in each.bundle.comparisons
    )
    return "\n".join([*rows, *told]) + "\n"


def _row(metrics: Metrics, cascade: str, models: str) -> str:
    told, name, done = metrics.summary, metrics.recipe.name, len(metrics.seeds)
    found = verdicts(metrics, cascade)
    better = [each.single for each in found if each.is_claimed]
    shown = f"{prose(better)} of {len(found)}" if better else f"none of {len(found)}"
    of_unpruned = told.get(f"{cascade}.bops_of_unpruned", told[f"{cascade}.bops_ratio"])
    label = f"**`{cascade}`**" if cascade == metrics.headline else f"`{cascade}`"
    cells = (
        f"[{name}]({models}/{name}/{CARD_FILE}), {label}",
        str(done) if metrics.is_whole else f"{done} of {len(metrics.study.seeds)}",
        percent(told[f"{cascade}.stage0_accuracy"]),
        percent(told[f"{cascade}.last_accuracy"]),
        percent(told[f"{unpruned(metrics.recipe)}.last_accuracy"]),
        percent(told[f"{cascade}.cascade_accuracy"]),
        millions(told[f"{cascade}.avg_bops"]),
        ratio(of_unpruned),
        ratio(told.get(f"{cascade}.bops_of_mixed")),
        shown,
    )
    return "| " + " | ".join(cells) + " |"
