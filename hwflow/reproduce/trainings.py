"""Folders of trainings, found without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from hwflow.config.joint import PLACE
from hwflow.errors import ConfigError


def trainings(root: Path) -> list[Path]:
    """Return the folders of trainings below ``root``, or ``root`` itself; finished or not."""
    names = ("*.safetensors", "*.checkpoint.pt")
    found = {path.parent for name in names for path in root.absolute().rglob(name)}
    return sorted({each.parent if _is_place(each) else each for each in found})


def known_trainings(root: Path) -> list[Path]:
    """Return the same of a folder that a user names.

    Raises:
        ConfigError: there are none.
    """
    found = trainings(root)
    if not found:
        raise ConfigError(f"--known {root}: no trained stages below it (*.safetensors)")
    return found


def _is_place(folder: Path) -> bool:
    """Return whether ``folder`` is of joint results, in that of the stages trained alone.

    A training's own folder may have that name too.
    """
    if folder.name != PLACE:
        return False
    unfinished = folder / f"{PLACE}.checkpoint.pt"
    return unfinished.is_file() or any(told.startswith(f"{PLACE}/") for told in _weights(folder))


def _weights(folder: Path) -> Iterator[str]:
    """Yield the weights that results in ``folder`` tell of, from the training's own."""
    for path in folder.glob("*.json"):
        try:
            told = json.loads(path.read_bytes())["weights"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(told, str):
            yield told
