"""Gathers what trainings came to, each stage once, for another machine to go on from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from hwflow.config.joint import PLACE
from hwflow.train.files import intact_stage
from hwflow.train.known import starts_in


def collect(trainings: Mapping[str, Path], out_dir: Path) -> int:
    """Copy finished stages and float starts of ``trainings`` to ``out_dir``; return the bytes.

    ``trainings``: folders, by their names below ``out_dir``; finished or not. What several hold is
    taken from the first. Each copy is as good for ``train``'s ``known`` as the folder itself.
    """
    size, seen = 0, set[str]()
    for name, folder in trainings.items():
        for key, files in _results(folder):
            if key in seen:
                continue
            seen.add(key)
            for file in files:
                own = out_dir / name / file.relative_to(folder)
                own.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, own)
                size += own.stat().st_size
    return size


def _results(folder: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Yield the key of each whole result in ``folder``, and its files."""
    starts = list(starts_in(folder))
    for start in starts:
        key = start.key()
        if key is not None:
            yield key, start.files
    named = {file for start in starts for file in start.files}
    for place in ("", PLACE):
        for weights in sorted((folder / place).glob("*.safetensors")):
            told = None if weights in named else intact_stage(folder, weights.stem, place=place)
            if told is not None:
                yield told.key, (weights, *(weights.with_suffix(x) for x in (".csv", ".json")))
