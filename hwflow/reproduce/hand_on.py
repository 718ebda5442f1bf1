"""What was trained of a study that is not done, in its model's folder for another machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from hwflow.errors import ConfigError
from hwflow.reproduce.folder import TRAINED, kept_while_replaced, partial_of, settle
from hwflow.reproduce.trainings import known_trainings, trainings
from hwflow.train.collect import collect

_TRAININGS = (".safetensors", ".csv", ".json", ".pt", ".pt.before", ".part")


def hand_on(model_dir: Path, root: Path, seeds: Iterable[int], known: Iterable[Path] = ()) -> int:
    """Put each result once into the model's folder, and return the bytes there.

    ``root``: the working folder; of its ``seeds``, of the trainings below ``known``, and of what
    the model's folder has already.

    Raises:
        ConfigError: nowhere is a stage, a float start or a checkpoint, or nothing below one of
            ``known``.
    """
    settle(model_dir)
    if (model_dir / TRAINED).exists() and not (model_dir / TRAINED).is_dir():
        raise ConfigError(f"{model_dir / TRAINED}: not a folder; move it away")
    place, work = model_dir / TRAINED, partial_of(model_dir / TRAINED)
    found: list[tuple[str, Path]] = []
    for seed in seeds:
        base = root.absolute() / f"seed{seed}"
        for each in trainings(
            base
        ):  # …/<variant>/train, or not finished …/<variant>/.train.partial
            variant = next(iter(each.relative_to(base).parts), ".")
            found.append((f"seed{seed}/{variant}", each))
    for path in known:
        found += [(_below(path, training), training) for training in known_trainings(path)]
    found += [(_below(place, training), training) for training in trainings(place)]
    old = kept_while_replaced(place)
    for path in (work, old):
        shutil.rmtree(path, ignore_errors=True)
    size = collect(_named(found), work)
    if size and place.is_dir():
        _keep_the_rest(place, work)
    if not size:
        raise ConfigError(
            f"{model_dir}: nothing of it is trained yet; begin with `hwflow reproduce`"
        )
    if place.exists():
        place.rename(old)  # from here to the next line `settle` is needed after a kill
    work.rename(place)
    shutil.rmtree(old, ignore_errors=True)
    return size


def _keep_the_rest(place: Path, work: Path) -> None:
    """Keep files that are no training's, such as notes."""
    for path in place.rglob("*"):
        if path.is_file() and not path.name.endswith(_TRAININGS):
            own = work / path.relative_to(place)
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, own)


def _below(root: Path, training: Path) -> str:
    """Return what to call ``training``: its place below ``root``, if it lies there."""
    base = root.absolute()
    return str(training.relative_to(base)) if training.is_relative_to(base) else training.name


def _named(found: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Return the folders by name; of two of one name the second is called ``<name>-2``."""
    named: dict[str, Path] = {}
    for name, folder in found:
        tries = (name if number == 1 else f"{name}-{number}" for number in count(1))
        named[next(each for each in tries if each not in named)] = folder
    return named
