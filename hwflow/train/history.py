"""What each epoch reached, as CSV, and as TensorBoard's event files where asked for.

A run that goes on from a checkpoint goes on with its logs from there too: rows of epochs that have
to be trained again are dropped.
"""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from hwflow.config import durable
from hwflow.train.files import write_atomic

TENSORBOARD = "tensorboard"


@dataclass(frozen=True)
class Row:
    """One epoch. ``epoch``: from 1, counted over all phases. ``phase``: float, or w1a1 and so on.

    ``loss``: mean over the epoch's steps. ``validation_accuracy``: a fraction. ``seconds``: wall
    time of the epoch with its validation, without what an interruption lost; ``images_per_s``: its
    training frames by that time.
    """

    epoch: int
    phase: str
    lr: float
    loss: float
    validation_accuracy: float
    seconds: float
    images_per_s: float


class History:
    """``<stage>.csv`` in ``folder``; event files in ``tensorboard/<stage>``, written as it goes.

    ``position``: bytes of the CSV so far, which a checkpoint has to hold; ``epochs``: its rows.
    """

    def __init__(
        self, folder: Path, stage: str, *, position: int, epochs: int, tensorboard: bool
    ) -> None:
        self._file = folder / f"{stage}.csv"
        kept = self._file.read_bytes()[:position] if self._file.is_file() else b""
        write_atomic(self._file, kept or _line(tuple(field.name for field in fields(Row))))
        self._events: Any = None
        if tensorboard:
            from tensorboardX import SummaryWriter

            # TensorBoard drops what earlier files say of these steps and those after.
            # Files are named by the second; the suffix keeps two of one second apart.
            self._events = SummaryWriter(
                str(folder / TENSORBOARD / stage),
                purge_step=epochs + 1,
                filename_suffix=f".{epochs}",
            )

    def settle(self) -> int:
        """Force the CSV to the disk, and return its bytes, for a checkpoint to hold."""
        durable.force(self._file)
        return self._file.stat().st_size

    def add(self, row: Row) -> None:
        """Write ``row``."""
        with self._file.open("ab") as file:
            file.write(_line(astuple(row)))
        if self._events is not None:
            for name in ("loss", "validation_accuracy", "lr", "images_per_s"):
                self._events.add_scalar(name, getattr(row, name), row.epoch)
            self._events.flush()

    def close(self) -> None:
        """Close the event file."""
        if self._events is not None:
            self._events.close()


def positions(saved: dict[str, Any]) -> list[int]:
    """Return the positions that a checkpoint holds; those of old hold one, as a number."""
    told = saved["history"]
    return [int(told)] if isinstance(told, int) else [int(each) for each in told]


def _line(values: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
