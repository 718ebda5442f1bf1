"""Gathers what trainings came to, each stage once, for another machine to go on from."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hwflow.config.joint import PLACE
from hwflow.train.checkpoint import checkpoint_path
from hwflow.train.files import intact_stage
from hwflow.train.known import starts_in
from hwflow.train.unfinished import Unfinished, unfinished_in


def collect(trainings: Mapping[str, Path], out_dir: Path) -> int:
    """Copy stages, float starts and checkpoints of ``trainings`` to ``out_dir``; return the bytes.

    ``trainings``: folders, by their names below ``out_dir``; finished or not. What several hold is
    taken from the first, of unfinished runs the furthest. Each copy is as good for ``train``'s
    ``known`` as the folder itself.
    """
    found: dict[str, dict[Path, Path]] = {}
    for name, folder in trainings.items():
        for key, files in _results(folder):
            found.setdefault(key, {file: Path(name, kept) for file, kept in files.items()})
    runs: dict[str, tuple[Unfinished, dict[Path, Path]]] = {}
    for name, folder in trainings.items():
        for run, files in _unfinished(folder):
            key = str(run.checkpoint.key)
            if key not in runs or run.reached > runs[key][0].reached:
                runs[key] = run, {file: Path(name, kept) for file, kept in files.items()}
    # Nobody goes on with what another has finished.
    found = {key: files for key, (_, files) in runs.items()} | found
    for files in found.values():
        for file, kept in files.items():
            own = out_dir / kept
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, own)
    return sum(path.stat().st_size for path in out_dir.rglob("*") if path.is_file())


_Files = dict[Path, Path]
"""Files, and where each belongs below the folder of a training."""


def _results(folder: Path) -> Iterator[tuple[str, _Files]]:
    """Yield the key of each whole result in ``folder``, and its files."""
    starts = list(starts_in(folder))
    for start in starts:
        key = start.key()
        if key is not None:
            yield key, _below(folder, start.files)
    named = {file for start in starts for file in start.files}
    for place in ("", PLACE):
        for weights in sorted((folder / place).glob("*.safetensors")):
            told = None if weights in named else intact_stage(folder, weights.stem, place=place)
            log, result = weights.with_suffix(".csv"), weights.with_suffix(".json")
            if told is not None and log.is_file():
                yield told.key, _below(folder, (weights, log, result))


def _unfinished(folder: Path) -> Iterator[tuple[Unfinished, _Files]]:
    """Yield each run in ``folder`` that has a checkpoint, and its files."""
    for place in (folder, folder / PLACE):
        for found in unfinished_in(place):
            own = checkpoint_path(place, found.name).relative_to(folder)
            yield found, _below(folder, found.logs) | {found.checkpoint.file: own}


def _below(folder: Path, files: Iterable[Path]) -> _Files:
    return {file: file.relative_to(folder) for file in files}
