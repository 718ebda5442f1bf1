"""The checkpoint of a stage: one file, whole at any moment, read without running code from it."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write tensors and plain values; whoever reads ``path`` finds the old ones or the new.

    It is not forced to the disk, which would hold up training for seconds where the disk is busy: a
    killed process loses nothing by that. A machine that loses power may lose the stage's training;
    a damaged file is noticed.
    """
    part = path.with_name(path.name + ".part")
    torch.save(checkpoint, part)
    part.replace(path)


def read_checkpoint(path: Path, key: str) -> dict[str, Any] | None:
    """Return the checkpoint at ``path`` if it is there, readable, and belongs to ``key``."""
    if not path.is_file():
        return None
    try:
        checkpoint = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        log.warning("%s: unreadable checkpoint, starting anew (%s)", path, error)
        return None
    if not isinstance(checkpoint, dict) or checkpoint.get("key") != key:
        log.info("%s: made for another recipe, starting anew", path)
        return None
    return checkpoint
