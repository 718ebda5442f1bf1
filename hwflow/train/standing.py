"""What a folder holds of a recipe's stages before training; none of it is lost unnoticed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.errors import ConfigError
from hwflow.train.checkpoint import Checkpoint, checkpoint_path, last_checkpoint
from hwflow.train.files import StageResult, intact_stage
from hwflow.train.key import MACHINE, differences, hashed, stage_inputs
from hwflow.train.known import Start, find_start

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """How far a stage is.

    ``inputs``: what its key is the hash of. ``done``: its result, if it is finished.
    ``checkpoint``: the file that it goes on from, if there is one. ``start``: a float start that
    it may take instead of training its own.
    """

    inputs: dict[str, Any]
    done: StageResult | None
    checkpoint: Path | None
    start: Start | None = None


def standings(
    recipe: Recipe,
    folder: Path,
    options: TrainOptions,
    *,
    splits: str | None,
    known: Sequence[Path] = (),
) -> list[Standing]:
    """Return how far each stage of ``recipe`` is in ``folder``; ``splits``: of ``stage_inputs``.

    ``known``: folders of other trainings, whose float starts may be taken.

    What training would throw away as of another recipe is warned of.

    Raises:
        ConfigError: a finished or begun stage is of the same recipe, and of other threads or
            devices.
    """
    every = [
        _Found(folder, stage.name, stage_inputs(recipe, index, options, splits=splits))
        for index, stage in enumerate(recipe.stages)
    ]
    for found in every:
        found.refuse_other_options()
    _warn_of_results(folder, every)
    for found in every:
        found.warn_of_checkpoint()
    folders = (folder, *known)
    return [
        replace(found.standing(), start=find_start(recipe, index, folders, options, splits=splits))
        for index, found in enumerate(every)
    ]


class _Found:
    """The files of stage ``name`` in ``folder``, to be trained of ``inputs``."""

    def __init__(self, folder: Path, name: str, inputs: dict[str, Any]) -> None:
        self.name = name
        self._inputs, self._key = inputs, hashed(inputs)
        self._result_path = folder / f"{name}.json"
        self._path = checkpoint_path(folder, name)
        self._result = intact_stage(folder, name)
        # Beside a finished stage a checkpoint is left over, from a kill between the two files.
        self._checkpoint = None if self._is_done else last_checkpoint(self._path)

    @property
    def _is_done(self) -> bool:
        return self._result is not None and self._result.key == self._key

    @property
    def is_thrown_away(self) -> bool:
        """Whether there is a result, and of something else."""
        return self._result is not None and not self._is_done

    def standing(self) -> Standing:
        """Return what training goes on from."""
        checkpoint = self._checkpoint
        usable = checkpoint is not None and checkpoint.key == self._key
        return Standing(
            self._inputs,
            self._result if self._is_done else None,
            checkpoint.file if checkpoint is not None and usable else None,
        )

    def refuse_other_options(self) -> None:
        """Raise ``ConfigError`` for what the same recipe has come to with other options."""
        if self._result is not None and self._result.key != self._key:
            there = {**self._inputs, **_options(self._result)}
            if hashed(there) == self._result.key:
                path = self._result_path
                raise _other_options(path, "a stage trained", there, self._inputs, delete=path)
        if self._checkpoint is not None and self._checkpoint.key != self._key:
            there = self._checkpoint.inputs
            same = (there.get(name) == self._inputs[name] for name in _of_recipe(self._inputs))
            if there and all(same):
                file, every = self._checkpoint.file, f"{self._path}*"
                raise _other_options(file, "an unfinished run", there, self._inputs, delete=every)

    def warn_of_checkpoint(self) -> None:
        """Tell of a checkpoint that is thrown away."""
        checkpoint = self._checkpoint
        if checkpoint is None or checkpoint.key == self._key:
            return
        log.warning(
            "%s: an unfinished run of another recipe (%s), %d epochs into its phase %d, is thrown "
            "away",
            checkpoint.file,
            _told(checkpoint, self._inputs),
            checkpoint.epoch,
            checkpoint.phase + 1,
        )


def _warn_of_results(folder: Path, every: Sequence[_Found]) -> None:
    names = [found.name for found in every if found.is_thrown_away]
    if names:
        log.warning(
            "%s: finished of another recipe or other data, and so thrown away and trained anew: %s",
            folder,
            ", ".join(names),
        )


def _other_options(
    file: Path, what: str, there: dict[str, Any], here: dict[str, Any], *, delete: object
) -> ConfigError:
    told = "; ".join(differences(there, here))
    return ConfigError(
        f"{file}: {what} with other options ({told}), which give other weights; "
        "go on with the options there, train into another folder (--out), or delete "
        f"{delete} to begin anew"
    )


def _options(result: StageResult) -> dict[str, Any]:
    """Return those of ``MACHINE``, as ``stage_inputs`` has them."""
    return {
        "threads": result.threads,
        "device": str(result.device),
        "devices": result.devices,
    }


def _of_recipe(inputs: dict[str, Any]) -> list[str]:
    return [name for name in inputs if name not in MACHINE]


def _told(checkpoint: Checkpoint, inputs: dict[str, Any]) -> str:
    if not checkpoint.inputs:
        return "made by an hwflow of before"
    return "; ".join(differences(checkpoint.inputs, inputs))
