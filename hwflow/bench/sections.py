"""The sections of a bench: measured one by one, and each recorded as soon as it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwflow.bench.figures import Figure
from hwflow.bench.record import TOOLS, Record, read_record, section, write_record
from hwflow.config.manifest import git_state
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent


@dataclass(frozen=True)
class Result:
    """Figures of one section, and the tables that they sum up."""

    figures: tuple[Figure, ...]
    details: dict[str, Any] = field(default_factory=dict)


def quiet(part: Callable[[], Result]) -> Callable[[Progress], Result]:
    """Return ``part`` as a section that tells no progress: its steps are commands of their own."""
    return lambda _: part()


def measure(
    bench: str,
    sections: Mapping[str, Callable[[Progress], Result]],
    record_file: Path,
    *,
    out: Path,
    only: Iterable[str] = (),
    progress: Progress = silent,
    tools: tuple[str, ...] = TOOLS,
) -> Record:
    """Measure the sections ``only`` (or all) of ``bench``; write each into ``record_file`` at once.

    ``out``: where they work. ``tools``: packages whose versions are recorded.

    Raises:
        ConfigError: an unknown section; a file or folder that cannot be written; the record of
            another bench. All of these before anything is measured.
    """
    chosen = tuple(only) or tuple(sections)
    for name in chosen:
        if name not in sections:
            raise ConfigError(f"no section {name!r}; there are {', '.join(sections)}")
    _check_folder(out, option="--out")
    _check_folder(record_file.parent, option="--record")
    if record_file.is_dir():
        raise ConfigError(f"{record_file}: a folder; name a file with --record")
    record = read_record(record_file, bench)
    git = git_state()  # before the record, which the repository keeps, is changed
    for number, name in enumerate(chosen):
        progress(name, number, len(chosen))
        begin = time.monotonic()
        result = sections[name](progress)
        record.sections[name] = section(
            result.figures,
            result.details,
            command=f"hwflow bench {bench} --only {name}",
            seconds=time.monotonic() - begin,
            git=git,
            tools=tools,
        )
        write_record(record, record_file)
    progress("done", len(chosen), len(chosen))
    return record


def _check_folder(folder: Path, *, option: str) -> None:
    """Make ``folder`` and see that files can be made in it."""
    probe = folder / ".hwflow-bench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written ({error.strerror}); choose another place with {option}"
        ) from error
