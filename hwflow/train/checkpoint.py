"""The checkpoint of a stage: one file, whole at any moment, read without running code from it.

The one before it is kept, and taken where the last one is damaged.
"""

from __future__ import annotations

import logging
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from hwflow.config import durable

log = logging.getLogger(__name__)


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write tensors and plain values to ``path``, on the disk; what stood there is kept beside it.

    Whenever the process ends or the machine loses power, one of the two is whole.
    """
    part = path.with_name(path.name + ".part")
    torch.save(checkpoint, part)
    if path.is_file():
        path.replace(_before(path))
    durable.replace(part, path)


def read_checkpoint(path: Path, key: str) -> dict[str, Any] | None:
    """Return the last whole checkpoint at ``path``, if there is one and it is of ``key``."""
    for file in (path, _before(path)):
        if not file.is_file():
            continue
        try:
            checkpoint = _read(file)
        except _UNREADABLE as error:
            log.warning(
                "%s: damaged checkpoint (%s); going on from the one before, or anew", file, error
            )
            continue
        if not isinstance(checkpoint, dict) or checkpoint.get("key") != key:
            log.info("%s: made for another recipe, starting anew", file)
            return None
        return checkpoint
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


def _read(file: Path) -> Any:
    # torch.load (2.x) takes tensors as they lie in the archive and leaves their checksums alone.
    with zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged}: wrong checksum")
    return torch.load(file, weights_only=True, map_location="cpu")


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".before")
