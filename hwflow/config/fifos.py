"""``fifos.json``: the depth of every FIFO of an accelerator, and how it was found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from hwflow.config.base import StrictModel, load
from hwflow.errors import ConfigError

FIFOS_FILE = "fifos.json"

# More than a part holds, and than the counters of a FIFO are tested for.
MAX_DEPTH_WORDS = 2**20

FifoSource = Literal["formula", "simulated", "given"]
# As ``hwflow.cost.fifo.FifoMemory`` calls them.
FifoPlace = Literal["registers", "distributed", "block"]


class Fifo(StrictModel):
    """One FIFO. Of a file that is read back, ``name`` and ``depth_words`` are taken.

    ``bits``: of a word; must be the accelerator's. ``found``: how its depth was found. ``memory``:
    where its words lie. ``peak_words``: the most words that were in it while frames came at the
    stage's pace and no FIFO had a limit, so it can be more than the depth; None if that was not
    simulated.
    """

    name: str
    depth_words: int
    bits: int | None = None
    found: FifoSource | None = None
    memory: str | None = None
    peak_words: int | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for field, least in (("depth_words", 1), ("bits", 1), ("peak_words", 0)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise ValueError(f"FIFO {self.name}: {field} is {value}, give at least {least}")
        if self.depth_words > MAX_DEPTH_WORDS:
            raise ValueError(
                f"FIFO {self.name}: depth_words is {self.depth_words}, give at most "
                f"{MAX_DEPTH_WORDS}"
            )
        if self.memory is not None and self.memory not in get_args(FifoPlace):
            raise ValueError(
                f"FIFO {self.name}: memory is {self.memory!r}, one of "
                f"{', '.join(get_args(FifoPlace))}; or leave it out, depth and width decide"
            )
        return self


class StageFifos(StrictModel):
    """The FIFOs of one stage, in stream order; the rest is there if they were simulated.

    ``ii_bound_cycles``: as in ``design.json``. ``unbounded_ii_cycles``: simulated without limits;
    ``ii_cycles``: at these depths. ``frames``: of such a run. ``simulations``: how many it took.
    """

    name: str
    fifos: tuple[Fifo, ...]
    ii_bound_cycles: int | None = Field(default=None, gt=0)
    unbounded_ii_cycles: float | None = Field(default=None, gt=0)
    ii_cycles: float | None = Field(default=None, gt=0)
    frames: int | None = Field(default=None, gt=0)
    simulations: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _once(self) -> Self:
        _refuse_twice(f"stage {self.name}: FIFO", (fifo.name for fifo in self.fifos))
        return self


class Fifos(StrictModel):
    """``fifos.json``. ``seeds``: of the random pauses that the depths were tried under."""

    schema_version: Literal[1]
    stages: tuple[StageFifos, ...]
    seeds: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        _refuse_twice("stage", (stage.name for stage in self.stages))
        return self


def _refuse_twice(what: str, names: Iterable[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name} is there twice; keep one")
        seen.add(name)


def load_fifos(path: Path) -> Fifos:
    """Return the FIFOs of a file, or of the accelerator folder ``path``.

    Raises:
        ConfigError: there is none, or it is not of the schema.
    """
    file = path / FIFOS_FILE if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{file}: no such file; `hwflow build` writes one into the accelerator")
    return load(Fifos, file)


def write_fifos(fifos: Fifos, folder: Path) -> None:
    """Write ``fifos.json`` into the accelerator ``folder``."""
    text = fifos.model_dump_json(indent=2, exclude_none=True) + "\n"
    (folder / FIFOS_FILE).write_text(text, encoding="utf-8")
