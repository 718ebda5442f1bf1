"""The README's table of all models that have been reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwflow.config.base import load
from hwflow.errors import ConfigError
from hwflow.reproduce.metrics import CARD_FILE, METRICS_FILE, Metrics
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
    rows = [
        "| model | seeds | first stage | last stage | cascade | BOPs | of the unpruned last stage "
        "| better than the single networks |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    return "\n".join([*rows, *(_row(each, models) for each in every)]) + "\n"


def _row(metrics: Metrics, models: str) -> str:
    head, told = metrics.headline, metrics.summary
    name = metrics.recipe.name
    found = verdicts(metrics, head)
    better = [each.single for each in found if each.is_claimed]
    shown = f"{prose(better)} of {len(found)}" if better else f"none of {len(found)}"
    last = f"{head}.bops_of_unpruned"
    cells = (
        f"[{name}]({models}/{name}/{CARD_FILE})",
        str(len(metrics.seeds)),
        percent(told[f"{head}.stage0_accuracy"]),
        percent(told[f"{head}.last_accuracy"]),
        percent(told[f"{head}.cascade_accuracy"]),
        millions(told[f"{head}.avg_bops"]),
        ratio(told.get(last, told[f"{head}.bops_ratio"])),
        shown,
    )
    return "| " + " | ".join(cells) + " |"
