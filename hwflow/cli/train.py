"""``hwflow train``."""

from __future__ import annotations

from pathlib import Path

from hwflow.cli import jobs
from hwflow.cli.commands import OUT, Data, read_json, single
from hwflow.cli.files import read_recipe
from hwflow.cli.output import Output
from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.config.training import Precision


def train(
    output: Output,
    recipe: Path,
    *,
    data: DataRoot,
    out: Path | None,
    seed: int | None,
    precision: Precision | None,
    overrides: tuple[str, ...],
    options: TrainOptions,
    dry_run: bool,
) -> None:
    """Train a recipe; ``precision`` replaces that of every stage."""
    told = _read(recipe, seed=seed, precision=precision, overrides=overrides)
    folder = out or OUT / told.name / jobs.TRAIN

    def details() -> Data:
        result = read_json(folder / "train.json")
        return {
            "seed": told.seed,
            "stages": [
                {"name": stage["name"], "accuracy": stage["accuracy"]} for stage in result["stages"]
            ],
        }

    if dry_run:
        from hwflow.train import check

        check(told, options)
    job = jobs.train_job(told, out=folder, data=data, options=options)
    single(output, job, details, dry_run=dry_run)


def _read(
    path: Path, *, seed: int | None, precision: Precision | None, overrides: tuple[str, ...]
) -> Recipe:
    told = read_recipe(path, seed=seed, overrides=overrides)
    if precision is None:
        return told
    every = tuple(
        f"stages.{index}.training.precision={precision}" for index in range(len(told.stages))
    )
    return read_recipe(path, seed=seed, overrides=(*overrides, *every))
