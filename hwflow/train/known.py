"""What one training may take from others: stages that are the same, and float starts.

The weights of both are those that it would have come to itself, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def is_of(self, inputs: dict[str, Any]) -> bool:
        """Return whether the start is there, whole, and made of ``inputs``."""
        if not self._result.is_file() or not self._log.is_file():
            return False
        try:
            told = load(StartResult, self._result)
        except ConfigError:
            return False
        whole = self._weights.is_file() and sha256(self._weights) == told.sha256
        return whole and told.key == hashed(inputs)

    def read(self) -> dict[str, Tensor]:
        """Return the weights."""
        return read_weights(self._weights)

    def log(self) -> bytes:
        """Return the rows of the log of its epochs."""
        return self._log.read_bytes()

    @property
    def _weights(self) -> Path:
        return self.folder / f"{self.name}.start.safetensors"

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.start.csv"

    @property
    def _result(self) -> Path:
        return self.folder / f"{self.name}.start.json"


def take_stages(
    recipe: Recipe,
    folder: Path,
    known: Sequence[Path],
    options: TrainOptions,
    *,
    splits: str | None,
) -> None:
    """Copy finished stages of ``recipe`` that ``folder`` lacks from the folders ``known``."""
    for index, stage in enumerate(recipe.stages):
        key = hashed(stage_inputs(recipe, index, options, splits=splits))
        take(stage.name, key, folder, known)


def take(name: str, key: str, folder: Path, known: Sequence[Path], *, place: str = "") -> None:
    """Copy the result of stage ``name`` with ``key`` from ``known``, if ``folder`` lacks it.

    ``place``: of the results, a folder below each.
    """
    here = intact_stage(folder, name, place=place)
    if here is not None and here.key == key:
        return
    for other in known:
        there = intact_stage(other, name, place=place)
        if there is not None and there.key == key:
            for suffix in ("safetensors", "csv", "json"):  # the result last: it tells of the others
                file = Path(place) / f"{name}.{suffix}"
                write_atomic(folder / file, (other / file).read_bytes())
            return


def find_start(
    recipe: Recipe,
    index: int,
    folders: Sequence[Path],
    options: TrainOptions,
    *,
    splits: str | None,
) -> Start | None:
    """Return the float start of stage ``index`` in the first of ``folders`` that has it."""
    stage = recipe.stages[index]
    if not isinstance(stage.training.start, FloatStart):
        return None
    inputs = start_inputs(recipe, index, options, splits=splits)
    starts = (Start(folder, stage.name) for folder in folders)
    return next((start for start in starts if start.is_of(inputs)), None)
