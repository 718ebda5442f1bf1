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
from hwflow.errors import ConfigError
from hwflow.train.key import MACHINE, differences, hashed

log = logging.getLogger(__name__)


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


def read_checkpoint(path: Path, key: str) -> dict[str, Any] | None:
    """Return the last whole checkpoint at ``path``, if there is one and it is of ``key``."""
    found = _last_whole(path)
    return None if found is None or found[1].get("key") != key else found[1]


def refuse_foreign(path: Path, inputs: dict[str, Any]) -> None:
    """Make sure that training of ``inputs`` destroys no unfinished run at ``path`` unnoticed.

    Raises:
        ConfigError: the run is of the same recipe, and went on other threads or devices.
    """
    found = _last_whole(path)
    if found is None or found[1].get("key") == hashed(inputs):
        return
    file, checkpoint = found
    there = checkpoint.get("inputs", {})
    told = "; ".join(differences(there, inputs)) if there else "made by an hwflow of before"
    if there and all(there[name] == inputs[name] for name in inputs if name not in MACHINE):
        raise ConfigError(
            f"{file}: an unfinished run with other options ({told}), which give other weights; "
            "go on with the options there, train into another folder (--out), or delete "
            f"{path}* to begin anew"
        )
    done = checkpoint.get("fit", {}).get("epoch", 0)
    log.warning(
        "%s: an unfinished run of another recipe (%s), %d epochs into its phase %d, is thrown away",
        file,
        told,
        done,
        int(checkpoint.get("phase", 0)) + 1,
    )


def _last_whole(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file and content of the last checkpoint that can be read."""
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
        return (file, checkpoint) if isinstance(checkpoint, dict) else None
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
