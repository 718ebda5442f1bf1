"""The checkpoint of a stage: one file, whole at any moment, read without running code from it.

The one before it is kept, and taken where the last one is damaged.
"""

from __future__ import annotations

import logging
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hwflow.config import durable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """What was written, and the ``file`` that it was read from."""

    file: Path
    content: dict[str, Any]

    @property
    def key(self) -> str | None:
        """The key of the stage that it is of."""
        return self.content.get("key")

    @property
    def inputs(self) -> dict[str, Any]:
        """What the key is the hash of; nothing in files of old."""
        inputs: dict[str, Any] = self.content.get("inputs", {})
        return inputs

    @property
    def phase(self) -> int:
        """Phases done."""
        return int(self.content.get("phase", 0))

    @property
    def epoch(self) -> int:
        """Epochs done of the phase after."""
        return int(self.content.get("fit", {}).get("epoch", 0))


def checkpoint_path(folder: Path, stage: str) -> Path:
    """Return where the checkpoint of ``stage`` lies."""
    return folder / f"{stage}.checkpoint.pt"


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path``, on the disk; what stood there is kept beside it.

    Whenever the process ends or the machine loses power, one of the two is whole: a damaged file
    at ``path`` does not take the place of the one before.
    """
    part = path.with_name(path.name + ".part")
    torch.save(checkpoint, part)
    if _is_whole(path):
        durable.force(part)  # until it is on the disk, all names stay
        path.replace(_before(path))
    durable.replace(part, path)


def last_checkpoint(path: Path) -> Checkpoint | None:
    """Return the last whole checkpoint at ``path``, if there is one; warn of a damaged one."""
    for file in (path, _before(path)):
        if not file.is_file():
            continue
        try:
            content = read_checkpoint(file)
        except _UNREADABLE as error:
            log.warning(
                "%s: damaged checkpoint (%s); going on from the one before, or anew", file, error
            )
            continue
        return Checkpoint(file, content) if isinstance(content, dict) else None
    return None


def remove_checkpoints(path: Path) -> None:
    """Remove what ``write_checkpoint`` has left."""
    for file in (path, _before(path)):
        file.unlink(missing_ok=True)


_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def read_checkpoint(file: Path) -> Any:
    """Return what ``file`` holds, on the CPU; one of ``_UNREADABLE`` is raised if it is damaged."""
    # torch.load (2.x) takes tensors as they lie in the archive and leaves their checksums alone.
    _check(file)
    return torch.load(file, weights_only=True, map_location="cpu")


def _check(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged}: wrong checksum")


def _is_whole(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        _check(file)
    except _UNREADABLE:
        return False
    return True


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".before")
