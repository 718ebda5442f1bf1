"""What yosys mapped modules to before, by the content of all that it read."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hwflow.cache import cache_dir
from hwflow.synth.statistics import Cells

FOLDER = "synth"
# Stands for the module's name, so that modules that differ in nothing else share one entry.
ANONYMOUS = "_module_"

_ENTRY = TypeAdapter(tuple[Cells, ...])


def key(module: str, *, script: str, version: str, files: Mapping[str, bytes]) -> str:
    """Return the name of the entry of ``module``, made by ``script`` of yosys from ``files``."""
    digest = hashlib.sha256(version.encode())
    for name, content in [("", script.encode()), *files.items()]:
        for part in (name.encode(), content):
            anonymous = part.replace(module.encode(), ANONYMOUS.encode())
            digest.update(len(anonymous).to_bytes(8, "little") + anonymous)
    return digest.hexdigest()


def recall(name: str) -> tuple[Cells, ...] | None:
    """Return the entry ``name``, one for each module of the run, or None if none can be read."""
    try:
        return _ENTRY.validate_json((_folder() / name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def keep(name: str, cells: tuple[Cells, ...]) -> None:
    """Write the entry ``name``; at no time is half of it there."""
    with tempfile.NamedTemporaryFile(dir=_folder(), delete=False) as stream:
        stream.write(_ENTRY.dump_json(cells))
    Path(stream.name).replace(_folder() / name)


def _folder() -> Path:
    return cache_dir(FOLDER)
