"""Finds and reads what the commands are pointed at."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from hwflow.config import manifest
from hwflow.config.base import load, parse, set_value
from hwflow.config.design import Design
from hwflow.config.recipe import Recipe
from hwflow.errors import ConfigError

DEMO = "digits_cascade"


def demo_file(kind: str, name: str) -> Path:
    """Return the demo's ``recipe.yaml`` (kind ``models``) or ``design.yaml`` (kind ``builds``).

    It lies in the checkout, or in the package when hwflow is installed from a wheel.

    Raises:
        ConfigError: the installation is incomplete.
    """
    package = Path(str(resources.files("hwflow")))
    for path in (package.parent / kind / DEMO / name, package / "_demo" / name):
        if path.is_file():
            return path
    raise ConfigError(f"the demo's {name} is missing from this installation; install hwflow again")


def read_recipe(path: Path, *, seed: int | None, overrides: tuple[str, ...]) -> Recipe:
    """Return the recipe at ``path`` with --set and --seed applied.

    Raises:
        ConfigError: naming file and field.
    """
    chosen = overrides if seed is None else (*overrides, f"seed={seed}")
    return load(Recipe, path, overrides=chosen)


def read_design(path: Path, *, overrides: tuple[str, ...]) -> Design:
    """Return the design at ``path`` with --set applied.

    Raises:
        ConfigError: naming file and field.
    """
    return load(Design, path, overrides=overrides)


def trained_recipe(train_dir: Path, *, overrides: tuple[str, ...]) -> Recipe:
    """Return the recipe that ``train_dir`` was trained by, with --set applied.

    Raises:
        ConfigError: the folder holds no finished training.
    """
    run = finished(train_dir, "train")
    told = dict(run.config)
    for assignment in overrides:
        set_value(told, assignment)
    return parse(Recipe, told, source=f"{train_dir / manifest.RUN_FILE}: config")


def finished(folder: Path, step: str) -> manifest.RunManifest:
    """Return the manifest of ``folder``, which must hold a finished ``step``.

    Raises:
        ConfigError: it does not.
    """
    run = manifest.read(folder)
    if run is None:
        raise ConfigError(
            f"{folder}: expected a folder written by `hwflow {step}`, found no readable "
            f"{manifest.RUN_FILE} there; run `hwflow {step}` first"
        )
    if run.step != step or run.status != "complete":
        raise ConfigError(
            f"{folder}: expected a finished `hwflow {step}`, found step {run.step!r} "
            f"({run.status}); run `hwflow {step}` first"
        )
    return run
