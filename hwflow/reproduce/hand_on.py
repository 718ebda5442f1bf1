"""What was trained of a study that is not done, in its model's folder for another machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from hwflow.errors import ConfigError
from hwflow.reproduce.folder import TRAINED
from hwflow.train.collect import collect


def hand_on(trainings: Iterable[tuple[str, Path]], model_dir: Path) -> int:
    """Put each result of ``trainings`` once into the model's folder; return the bytes there.

    ``trainings``: folders and what to call them; what was there before is among them, or goes.

    Raises:
        ConfigError: none of them holds a stage, a float start or a checkpoint.
    """
    named: dict[str, Path] = {}
    for name, folder in trainings:
        tries = (name if number == 1 else f"{name}-{number}" for number in count(1))
        named[next(each for each in tries if each not in named)] = folder
    place, work = model_dir / TRAINED, model_dir / f".{TRAINED}.partial"
    shutil.rmtree(work, ignore_errors=True)
    size = collect(named, work)
    if not size:
        raise ConfigError(
            f"{model_dir}: nothing of it is trained yet; begin with `hwflow reproduce`"
        )
    shutil.rmtree(place, ignore_errors=True)
    work.rename(place)
    return size
