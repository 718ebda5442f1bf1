"""Seeds that a model's folder tells of already: others join them, one machine after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwflow.config.base import load
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.reproduce.metrics import METRICS_FILE, Metrics, SeedMetrics
from hwflow.reproduce.publish import BUNDLE
from hwflow.reproduce.variants import comparable


@dataclass(frozen=True)
class Seeds:
    """Seeds of one study, by number: what was measured, and the headline's bundle where it is."""

    metrics: Mapping[int, SeedMetrics]
    bundles: Mapping[int, Path]


def published(folder: Path, recipe: Recipe, study: Study) -> Seeds:
    """Return the seeds of ``study`` in a model's folder that are of this recipe and study.

    Raises:
        ConfigError: its metrics are damaged.
    """
    told = _told(folder)
    if told is None or comparable(told.recipe, told.study) != comparable(recipe, study):
        return Seeds({}, {})
    return Seeds(
        {one.seed: one for one in told.seeds if one.seed in study.seeds},
        {told.bundle.seed: folder / BUNDLE},
    )


def what_is_missing(folder: Path, metrics: Metrics, seeds: Seeds) -> str:
    """Return why ``metrics`` of ``seeds`` may not take the folder's place; empty if they may.

    The seed of the committed networks has to be there, and no seed may be lost.
    """
    wanted = metrics.study.bundle_seed
    if wanted not in seeds.bundles:
        return f"the networks of seed {wanted}, which are the committed ones, are not there"
    told = _told(folder)
    if metrics.is_whole or told is None:
        return ""
    if comparable(told.recipe, told.study) != comparable(metrics.recipe, metrics.study):
        return f"its card is of another study, and of {list(metrics.study.seeds)} some remain"
    lost = {one.seed for one in told.seeds} - {one.seed for one in metrics.seeds}
    return f"its card has seed {min(lost)} too" if lost else ""


def _told(folder: Path) -> Metrics | None:
    path = folder / METRICS_FILE
    return load(Metrics, path) if path.is_file() else None
