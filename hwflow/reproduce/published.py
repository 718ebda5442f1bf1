"""Seeds that a model's folder tells of already: others join them, one machine after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.errors import ConfigError
from hwflow.reproduce.assemble import assemble
from hwflow.reproduce.folder import BUNDLE
from hwflow.reproduce.metrics import METRICS_FILE, Metrics, SeedMetrics
from hwflow.reproduce.variants import comparable


@dataclass(frozen=True)
class Published:
    """What a model's folder tells of. ``bundle``: the committed networks', if these are whole."""

    metrics: Metrics | None = None
    bundle: Path | None = None

    def is_of(self, recipe: Recipe, study: Study) -> bool:
        """Return whether its seeds and those of ``recipe`` and ``study`` fit into one card."""
        told = self.metrics
        return told is not None and comparable(told.recipe, told.study) == comparable(recipe, study)

    def seeds(self, recipe: Recipe, study: Study) -> dict[int, SeedMetrics]:
        """Return those of its seeds that fit into a card of ``recipe`` and ``study``."""
        if self.metrics is None or not self.is_of(recipe, study):
            return {}
        return {one.seed: one for one in self.metrics.seeds if one.seed in study.seeds}


def published(folder: Path) -> Published:
    """Return what is in a model's folder.

    Raises:
        ConfigError: metrics or bundle are damaged, or the bundle is of another seed than these say.
    """
    path = folder / METRICS_FILE
    if not path.exists():
        return Published()
    try:
        told = load(Metrics, path)
        if not (folder / BUNDLE).exists():
            return Published(told)
        seed = load_bundle(folder / BUNDLE).provenance.get("seed")
    except ConfigError as error:
        raise ConfigError(
            f"{error}\nWhat {folder} tells of cannot be kept; move {path.name} out of it, and all "
            "seeds are measured anew"
        ) from error
    if seed != str(told.bundle.seed):
        raise ConfigError(
            f"{folder / BUNDLE}: networks of seed {seed}, where {path.name} tells of seed "
            f"{told.bundle.seed}; restore both, or move {path.name} away to measure all seeds anew"
        )
    return Published(told, folder / BUNDLE)


@dataclass(frozen=True)
class Joined:
    """Metrics of all seeds that there are, with the headline's networks of one of them.

    ``missing``: why they may not take the place of what the model's folder tells of; empty if they
    may.
    """

    metrics: Metrics
    bundle_dir: Path
    missing: str


def join(
    recipe: Recipe,
    study: Study,
    found: Mapping[int, tuple[SeedMetrics, Path]],
    before: Published,
) -> Joined:
    """Join ``found``, metrics and headline's bundle by seed, with what was told before.

    Published are the committed networks' seed and those that join it; a seed that was told of is
    lost only where the study no longer wants it, or is another one, and whole.

    Raises:
        ConfigError: a bundle is damaged.
    """
    seeds, bundles = before.seeds(recipe, study), {}
    if before.metrics is not None and before.bundle is not None and seeds:
        bundles[before.metrics.bundle.seed] = before.bundle
    for seed, (one, bundle_dir) in found.items():
        seeds[seed], bundles[seed] = one, bundle_dir
    told = [seeds[seed] for seed in study.seeds if seed in seeds]
    bundle_dir = bundles.get(study.bundle_seed, next(iter(bundles.values())))
    metrics = assemble(recipe, study, told, bundle_dir=bundle_dir)
    missing = ""
    if study.bundle_seed not in bundles:
        missing = (
            f"the committed networks are to be those of seed {study.bundle_seed}; go on with "
            f"--seeds {study.bundle_seed}"
        )
    elif before.metrics is not None and not metrics.is_whole and not before.is_of(recipe, study):
        left = [seed for seed in study.seeds if seed not in seeds]
        missing = f"its card is of another recipe or study; seeds {left} of this one remain"
    return Joined(metrics, bundle_dir, missing)
