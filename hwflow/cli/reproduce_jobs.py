"""The steps of `hwflow reproduce`: of each variant, and of each seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwflow.cli import jobs
from hwflow.cli.jobs import Job
from hwflow.cli.step_code import CODE, TOOLS
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.data_root import DataRoot
from hwflow.config.manifest import Step
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.config.train_options import TrainOptions
from hwflow.log import Progress
from hwflow.reproduce.trainings import known_trainings
from hwflow.reproduce.variants import Variant, cascades, comparable, variants

MEASURED, COMPARED = "measured", "compared"


@dataclass(frozen=True)
class VariantJobs:
    """The steps of one variant at one seed, in ``folder``."""

    variant: Variant
    folder: Path
    chain: tuple[Job, ...]

    @property
    def bundle(self) -> Path:
        """Folder of the exported networks."""
        return self.folder / jobs.BUNDLE_DIR

    @property
    def measured(self) -> Path:
        """Folder of what was measured of them."""
        return self.folder / MEASURED


@dataclass(frozen=True)
class SeedJobs:
    """All steps of one seed: its variants, then their comparison."""

    seed: int
    variants: tuple[VariantJobs, ...]
    comparison: Job

    @property
    def steps(self) -> tuple[tuple[str, Job], ...]:
        """Every step in order, behind the name of its variant."""
        every = [(each.variant.name, job) for each in self.variants for job in each.chain]
        return (*every, (COMPARED, self.comparison))

    def bundle_of(self, variant: str) -> Path:
        """Return the bundle's folder of that variant."""
        return next(each.bundle for each in self.variants if each.variant.name == variant)


def seed_jobs(
    recipe: Recipe,
    study: Study,
    *,
    seed: int,
    out: Path,
    data: DataRoot,
    options: TrainOptions,
    known: tuple[Path, ...] = (),
) -> SeedJobs:
    """Return the steps of ``seed`` below ``out``.

    ``known``: folders below which other trainings lie; what is the same is taken from them, and
    between variants.

    Raises:
        ConfigError: the recipe cannot be at the study's bits.
    """
    root = out.absolute() / f"seed{seed}"
    others = tuple(folder for path in known for folder in known_trainings(path))
    found: list[VariantJobs] = []
    for variant in variants(recipe, study, seed=seed):
        folder = root / variant.name
        train_dir = folder / jobs.TRAIN
        before = (each.folder / jobs.TRAIN for each in found)
        training = jobs.train_job(
            variant.recipe, out=train_dir, data=data, options=options, known=(*before, *others)
        )
        chain = [training]
        bundle_dir = folder / jobs.BUNDLE_DIR if variant.name in cascades(recipe, study) else None
        if bundle_dir is not None:
            chain.append(
                jobs.export_job(variant.recipe, train_dir=train_dir, out=bundle_dir, data=data)
            )
        chain.append(
            measure_job(
                variant,
                bundle_dir=bundle_dir,
                train_dir=train_dir,
                data=data,
                out=folder / MEASURED,
            )
        )
        found.append(VariantJobs(variant, folder, tuple(chain)))
    comparison = compare_job(recipe, study, found, seed=seed, out=root / COMPARED)
    return SeedJobs(seed, tuple(found), comparison)


def measure_job(
    variant: Variant,
    *,
    bundle_dir: Path | None,
    train_dir: Path,
    data: DataRoot,
    out: Path,
) -> Job:
    """Measure a variant on validation and test frames: its bundle, or else its training."""

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.reproduce.measure import VARIANT_FILE, measure
        from hwflow.reproduce.source import exported, trained

        if bundle_dir is None:
            source = trained(variant.recipe, train_dir, data=data, progress=progress)
        else:
            source = exported(bundle_dir)
        told = measure(
            variant.name,
            variant.about,
            source,
            variant.recipe,
            train_dir=train_dir,
            progress=progress,
        )
        (folder / VARIANT_FILE).write_text(told.model_dump_json(indent=1), encoding="utf-8")

    inputs = {"train": train_dir}
    if bundle_dir is not None:
        inputs["bundle"] = bundle_dir
    step = Step(
        "measure",
        out,
        {"name": variant.name, "about": variant.about},
        inputs=inputs,
        packages=CODE["measure"],
        tools=TOOLS["measure"],
        seed=variant.recipe.seed,
    )
    return Job(step, action)


def compare_job(
    recipe: Recipe, study: Study, found: list[VariantJobs], *, seed: int, out: Path
) -> Job:
    """Compare the variants of one seed, whose steps are done."""
    by_name = {each.variant.name: each for each in found}
    shown = cascades(recipe, study)
    inputs = {f"{name} measured": each.measured for name, each in by_name.items()}
    inputs |= {f"{name} bundle": by_name[name].bundle for name in shown}

    def action(folder: Path, progress: Progress) -> None:
        from hwflow.reproduce.assemble import SEED_FILE, assemble_seed
        from hwflow.reproduce.fits import fit_of
        from hwflow.reproduce.measure import VARIANT_FILE
        from hwflow.reproduce.metrics import VariantMetrics

        told = {
            name: load(VariantMetrics, each.measured / VARIANT_FILE)
            for name, each in by_name.items()
        }
        recipes = {name: each.variant.recipe for name, each in by_name.items()}
        bundles = {name: by_name[name].bundle for name in shown}
        classes = len(load_bundle(by_name[shown[0]].bundle).classes)
        fits = fit_of(recipes, study, classes=classes)
        one = assemble_seed(recipe, study, told, bundles, fit_of=fits, progress=progress)
        (folder / SEED_FILE).write_text(one.model_dump_json(indent=1), encoding="utf-8")

    step = Step(
        "compare",
        out,
        comparable(recipe, study),
        inputs=inputs,
        packages=CODE["compare"],
        tools=TOOLS["compare"],
        seed=seed,
    )
    return Job(step, action)
