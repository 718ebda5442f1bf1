"""From variants to seeds, from seeds to ``metrics.json``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hwflow.config.bundle import load_bundle
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.log import Progress, silent
from hwflow.report.scored import from_bundle
from hwflow.reproduce.compare import Candidate, Fitter, compare, mark_front, within_limits
from hwflow.reproduce.metrics import (
    Metrics,
    Number,
    SeedMetrics,
    SingleMetrics,
    VariantMetrics,
)
from hwflow.reproduce.summary import reached, summarise
from hwflow.reproduce.variants import (
    CONTINUED,
    SEPARATE,
    cascades,
    headline,
    single_name,
    single_variant,
    unpruned,
)

SEED_FILE = "seed.json"

FitOf = Callable[[VariantMetrics, Sequence[int]], Fitter]
"""Returns the fitter of some of a variant's stages, by their indices."""


def assemble_seed(
    recipe: Recipe,
    study: Study,
    found: Mapping[str, VariantMetrics],
    bundles: Mapping[str, Path],
    *,
    fit_of: FitOf,
    progress: Progress = silent,
) -> SeedMetrics:
    """Return everything of one seed. ``found``, ``bundles``: every variant, by name.

    Raises:
        ConfigError: a bundle is damaged.
    """
    shown = cascades(recipe, study)
    progress("single networks", 0, len(shown) + 1)
    singles = mark_front(tuple(_singles(recipe, study, found, fit_of)))
    comparisons = []
    for number, name in enumerate(shown):
        progress(name, number + 1, len(shown) + 1)
        variant = found[name]
        candidate = Candidate(
            name=name,
            seed=variant.seed,
            scored=from_bundle(bundles[name]),
            policy=variant.policy,
            fit=fit_of(variant, range(len(variant.stages))),
        )
        limited = within_limits(candidate, found[unpruned(recipe)], study, singles)
        told = compare(candidate, singles)
        comparisons.append(told.model_copy(update={"limited": limited}))
    return SeedMetrics(
        seed=found[shown[-1]].seed,
        variants=tuple(
            told if told.name in shown else told.model_copy(update={"curve": None})
            for told in found.values()
        ),
        singles=singles,
        comparisons=tuple(comparisons),
    )


def assemble(
    recipe: Recipe, study: Study, seeds: Sequence[SeedMetrics], *, bundle_dir: Path
) -> Metrics:
    """Return the metrics of ``seeds``.

    ``bundle_dir``: the headline's, of the study's seed or the first that is done.

    Raises:
        ConfigError: the bundle is damaged, or a goal names no figure.
    """
    bundle, summary = load_bundle(bundle_dir), summarise(seeds)
    return Metrics(
        recipe=recipe,
        study=study,
        classes=bundle.classes,
        headline=headline(recipe),
        seeds=tuple(seeds),
        summary=summary,
        goals=reached(study.goals, summary, seeds=len(seeds)),
        provenance=bundle.provenance,
    )


def to_json(metrics: Metrics) -> str:
    """Return ``metrics.json``: a line per value with what it is of, and per list of numbers."""
    text = metrics.model_dump_json(indent=1, exclude_none=True)
    for innermost in (r"\[[^][{}]*\]", r"\{[^{}]*\}"):
        text = re.sub(innermost, lambda found: " ".join(found[0].split()), text)
    return text + "\n"


def _singles(
    recipe: Recipe, study: Study, found: Mapping[str, VariantMetrics], fit_of: FitOf
) -> Iterator[SingleMetrics]:
    alone = SEPARATE if recipe.joint is None else CONTINUED
    yield _single(f"{recipe.stages[0].name} alone", found[alone], 0, fit_of)
    for bits in study.single_bits:
        variant = found[single_variant(recipe, bits)]
        yield _single(single_name(bits), variant, len(recipe.stages) - 1, fit_of)


def _single(name: str, variant: VariantMetrics, index: int, fit_of: FitOf) -> SingleMetrics:
    stage = variant.stages[index]
    return SingleMetrics(
        name=name,
        variant=variant.name,
        is_first=index == 0,
        bops=Number(
            value=float(stage.bops), unit="BOPs", provenance="estimated", seed=variant.seed
        ),
        accuracy=stage.accuracy,
        hardware=fit_of(variant, (index,))((1.0,)),
    )
