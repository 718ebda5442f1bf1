"""``hwflow train``."""

from __future__ import annotations

from pathlib import Path

from hwflow.cli import jobs
from hwflow.cli.commands import OUT, Data, read_json, single
from hwflow.cli.expected import expected
from hwflow.cli.files import read_recipe
from hwflow.cli.output import Output
from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.config.training import Precision
from hwflow.errors import ConfigError


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
    target_ii: int | None,
    dry_run: bool,
) -> None:
    """Train a recipe; ``precision`` replaces that of every stage.

    ``target_ii``: of a dry run, for which the hardware of the networks is estimated.
    """
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
    if target_ii is not None:
        if not dry_run:
            raise ConfigError(
                "--target-ii tells what to expect and trains nothing: add --dry-run, or leave it "
                "out"
            )
        found, table = expected(told, data, target_ii)
        output.result({"command": "train", "dry_run": True, "expected": found}, table)
        return
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
