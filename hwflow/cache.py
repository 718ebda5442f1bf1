"""The user's cache folder: compiled simulations, Verilator's runtime objects, synthesis results."""

from __future__ import annotations

import os
from pathlib import Path

from hwflow.errors import ConfigError


def cache_dir(*parts: str) -> Path:
    """Return ``parts`` under $HWFLOW_CACHE, $XDG_CACHE_HOME/hwflow or ~/.cache/hwflow; makes it.

    Raises:
        ConfigError: if the folder cannot be made, or has a space in its path (make refuses those).
    """
    chosen = os.environ.get("HWFLOW_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = Path(chosen) if chosen else Path(base) / "hwflow"
    folder = root.absolute().joinpath(*parts)
    if any(character.isspace() for character in str(folder)):
        raise ConfigError(
            f"{folder}: make cannot work in a folder with a space in its path; "
            "set HWFLOW_CACHE to another one"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be made ({error.strerror}); set HWFLOW_CACHE to a folder of yours"
        ) from error
    return folder
