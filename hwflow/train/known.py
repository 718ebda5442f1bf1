"""What one training may take from others: stages that are the same, float starts, checkpoints.

The weights of both are those that it would have come to itself, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hwflow.config.base import StrictModel, load
from hwflow.config.bundle import sha256
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.config.training import FloatStart
from hwflow.errors import ConfigError
from hwflow.train.files import intact_stage, read_weights, write_atomic, write_json, write_weights
from hwflow.train.key import hashed, stage_inputs, start_inputs
from hwflow.train.unfinished import take_unfinished

_START = ".start"


class StartResult(StrictModel):
    """A float start: the ``key`` of what made it, and its ``weights``."""

    key: str
    weights: str
    sha256: str


@dataclass(frozen=True)
class Start:
    """The files of the float start of stage ``name`` in ``folder``."""

    folder: Path
    name: str

    def write(self, inputs: dict[str, Any], weights: dict[str, Tensor]) -> None:
        """Write ``weights``, made of ``inputs``, and the rows of the log so far."""
        write_weights(self._weights, weights)
        write_atomic(self._log, (self.folder / f"{self.name}.csv").read_bytes())
        told = StartResult(
            key=hashed(inputs), weights=self._weights.name, sha256=sha256(self._weights)
        )
        write_json(self._result, told)

    def key(self) -> str | None:
        """Return the key of what made it; None if it is not there, or not whole."""
        if not self._result.is_file() or not self._log.is_file():
            return None
        try:
            told = load(StartResult, self._result)
        except ConfigError:
            return None
        whole = self._weights.is_file() and sha256(self._weights) == told.sha256
        return told.key if whole else None

    @property
    def files(self) -> tuple[Path, ...]:
        """Weights, log and what tells of both, where they should be."""
        return self._weights, self._log, self._result

    def read(self) -> dict[str, Tensor]:
        """Return the weights."""
        return read_weights(self._weights)

    def log(self) -> bytes:
        """Return the rows of the log of its epochs."""
        return self._log.read_bytes()

    @property
    def _weights(self) -> Path:
        return self.folder / f"{self.name}{_START}.safetensors"

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}{_START}.csv"

    @property
    def _result(self) -> Path:
        return self.folder / f"{self.name}{_START}.json"


def starts_in(folder: Path) -> Iterator[Start]:
    """Yield the float starts in ``folder``, whole or not."""
    for path in sorted(folder.glob(f"*{_START}.json")):
        yield Start(folder, path.name.removesuffix(f"{_START}.json"))


def take_stages(
    recipe: Recipe,
    folder: Path,
    known: Sequence[Path],
    options: TrainOptions,
    *,
    splits: str | None,
) -> None:
    """Copy stages of ``recipe`` that ``folder`` lacks from the folders ``known``.

    What nobody has finished goes on from the checkpoint of whom it is furthest.
    """
    for index, stage in enumerate(recipe.stages):
        key = hashed(stage_inputs(recipe, index, options, splits=splits))
        if not take(stage.name, key, folder, known):
            take_unfinished(stage.name, key, folder, known)


def take(name: str, key: str, folder: Path, known: Sequence[Path], *, place: str = "") -> bool:
    """Copy the result of any stage with ``key`` from ``known`` as ``name``, if ``folder`` lacks it.

    ``place``: of the results, a folder below each. Returns whether ``folder`` has it now.
    """
    here = intact_stage(folder, name, place=place)
    if here is not None and here.key == key:
        return True
    for other in known:
        for path in sorted((other / place).glob("*.safetensors")):
            is_start = path.stem.endswith(_START)
            there = None if is_start else intact_stage(other, path.stem, place=place)
            log = path.with_suffix(".csv")
            if there is None or there.key != key or not log.is_file():
                continue
            own = folder / place / f"{name}.safetensors"
            write_atomic(own, path.read_bytes())
            write_atomic(own.with_suffix(".csv"), log.read_bytes())
            weights = str(own.relative_to(folder))
            told = there.model_copy(update={"name": name, "weights": weights})
            write_json(own.with_suffix(".json"), told)  # last: it tells of the others
            return True
    return False


def find_start(
    recipe: Recipe,
    index: int,
    folders: Sequence[Path],
    options: TrainOptions,
    *,
    splits: str | None,
) -> Start | None:
    """Return the float start of stage ``index`` in the first of ``folders`` that has it."""
    if not isinstance(recipe.stages[index].training.start, FloatStart):
        return None
    inputs = start_inputs(recipe, index, options, splits=splits)
    starts = (start for folder in folders for start in starts_in(folder))
    return next((start for start in starts if start.key() == hashed(inputs)), None)
