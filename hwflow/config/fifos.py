"""``fifos.json``: the depth of every FIFO of an accelerator, and how it was found."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from hwflow.config.base import StrictModel, load
from hwflow.errors import ConfigError

FIFOS_FILE = "fifos.json"

FifoSource = Literal["formula", "simulated", "given"]


class Fifo(StrictModel):
    """One FIFO. Of a file that is read back, only ``name`` and ``depth_words`` count.

    ``bits``: of a word. ``found``: how its depth was found. ``memory``: where its words lie.
    ``peak_words``: the most that it held while frames came at the stage's pace and every FIFO was
    as deep as it liked; None if that was not simulated.
    """

    name: str
    depth_words: int = Field(ge=1, le=2**20)
    bits: int | None = None
    found: FifoSource | None = None
    memory: str | None = None
    peak_words: int | None = None


class StageFifos(StrictModel):
    """The FIFOs of one stage, in stream order; the rest is there if they were simulated.

    ``ii_bound_cycles``: as in ``design.json``. ``unbounded_ii_cycles``: simulated without limits;
    ``ii_cycles``: at these depths. ``simulations``: how many runs it took.
    """

    name: str
    fifos: tuple[Fifo, ...]
    ii_bound_cycles: int | None = None
    unbounded_ii_cycles: float | None = None
    ii_cycles: float | None = None
    simulations: int | None = None


class Fifos(StrictModel):
    """``fifos.json``. ``seeds``: of the random pauses that the depths were tried under."""

    schema_version: Literal[1]
    stages: tuple[StageFifos, ...]
    seeds: tuple[int, ...] = ()


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
