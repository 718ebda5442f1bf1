"""Unfinished runs of other trainings: one that is the same goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwflow.config.joint import PLACE
from hwflow.train.checkpoint import Checkpoint, checkpoint_path, last_checkpoint
from hwflow.train.files import write_atomic

_SUFFIX = checkpoint_path(Path(), "").name


@dataclass(frozen=True)
class Unfinished:
    """A run in ``folder``: of the stage ``name``, or, as ``joint``, of several together."""

    folder: Path
    name: str
    checkpoint: Checkpoint

    @property
    def reached(self) -> tuple[int, int]:
        """Phases and epochs that are done."""
        return self.checkpoint.phase, self.checkpoint.epoch

    @property
    def logs(self) -> tuple[Path, ...]:
        """The logs that its checkpoint goes on with."""
        stages = self.checkpoint.inputs if self.name == PLACE else (self.name,)
        paths = (self.folder / f"{stage}.csv" for stage in stages)
        return tuple(path for path in paths if path.is_file())


def unfinished_in(folder: Path) -> Iterator[Unfinished]:
    """Yield the runs in ``folder`` that have a whole checkpoint."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        name = path.name.removesuffix(_SUFFIX)
        found = last_checkpoint(path)
        if found is not None and found.key is not None:
            yield Unfinished(folder, name, found)


def take_unfinished(name: str, key: str, folder: Path, known: Sequence[Path]) -> None:
    """Copy the furthest run of ``key`` in ``known`` to ``folder``, if that is not as far itself.

    Without effect where ``folder`` has a run of something else as ``name``.
    """
    every = (each for other in known if other.is_dir() for each in unfinished_in(other))
    same = [each for each in every if each.checkpoint.key == key]
    if not same:
        return  # without a look at one's own: who reads it next tells of what is damaged
    best = max(same, key=lambda each: each.reached)
    own = checkpoint_path(folder, name)
    there = last_checkpoint(own)
    if there is not None and (there.key != key or (there.phase, there.epoch) >= best.reached):
        return
    for log in best.logs:
        renamed = log.name if best.name == PLACE else f"{name}.csv"
        write_atomic(folder / renamed, log.read_bytes())
    write_atomic(own, best.checkpoint.file.read_bytes())  # last: it counts the rows of the others
