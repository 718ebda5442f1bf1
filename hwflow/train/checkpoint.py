"""The checkpoint of a stage: one file, whole at any moment, read without running code from it."""

from __future__ import annotations

import io
import logging
import pickle
from pathlib import Path
from typing import Any

import torch

from hwflow.train.files import write_atomic

log = logging.getLogger(__name__)


def write_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write tensors and plain values; ``path`` holds the old ones until the new are on the disk."""
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    write_atomic(path, buffer.getvalue())


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
