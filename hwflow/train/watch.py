"""Keeps checkpoint, logs and progress of a stage up to date while it trains."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hwflow.log import Progress
from hwflow.train.checkpoint import write_checkpoint
from hwflow.train.history import History, Row
from hwflow.train.key import hashed
from hwflow.train.launch import end_with_parent
from hwflow.train.state import FitState, Trained

# The part of the time that checkpoints at the end of epochs may take.
_SHARE = 0.02


class StageWatcher:
    """The watcher of every phase of a stage, in the process that writes; or of all stages at once.

    ``stage``: what is trained, in words. ``inputs``: what its key is the hash of. ``histories``:
    of each part of the state, None for one that is trained again only to teach. ``names``,
    ``epochs``: of each phase. ``batches``: steps of an epoch; ``frames``: those that they train on.
    ``seconds``: age at which a checkpoint is replaced in the middle of an epoch.
    """

    def __init__(
        self,
        *,
        stage: str,
        inputs: dict[str, Any],
        path: Path,
        names: Sequence[str],
        epochs: Sequence[int],
        batches: int,
        frames: int,
        histories: Sequence[History | None],
        seconds: float,
        progress: Progress,
    ) -> None:
        self._stage, self._path = stage, path
        self._made_for = {"key": hashed(inputs), "inputs": inputs}
        self._names, self._epochs = names, epochs
        self._batches, self._frames = batches, frames
        self._histories, self._seconds, self._progress = tuple(histories), seconds, progress
        self._phase = 0
        self._epoch_began = self._saved = time.monotonic()
        self._rest = 0.0

    def close(self) -> None:
        """Nothing comes after."""
        for history in self._histories:
            if history is not None:
                history.close()

    def begin_phase(self, phase: int, state: Trained, *, seconds: float = 0.0) -> None:
        """Attend to ``phase`` from now on; before, its epoch has taken ``seconds``.

        What is done between two phases counts to the first epoch of the second.
        """
        self._phase = phase
        self._epoch_began -= seconds
        self._tell(state)

    def after_step(self, state: Trained) -> None:
        """Draw the bar, and save where the last checkpoint is too old."""
        self._tell(state)
        if state.batch < self._batches and time.monotonic() - self._saved >= self._seconds:
            self._save(state)

    def after_epoch(self, state: Trained) -> None:
        """Log the epoch, and save unless the last checkpoint is a moment old."""
        seconds = time.monotonic() - self._epoch_began
        for history, part in zip(self._histories, state.parts, strict=True):
            if history is not None:
                history.add(self._row(part, seconds))
        self._epoch_began = time.monotonic()
        if self._epoch_began - self._saved >= min(self._rest, self._seconds):
            self._save(state)

    def _row(self, part: FitState, seconds: float) -> Row:
        return Row(
            epoch=self._before + part.epoch,
            phase=self._names[self._phase],
            lr=float(part.optimiser.param_groups[0]["lr"]),
            loss=part.losses[-1],
            validation_accuracy=part.accuracies[-1],
            seconds=round(seconds, 3),
            images_per_s=round(self._frames / seconds, 1),
        )

    @property
    def _before(self) -> int:
        """Epochs of the phases before."""
        return sum(self._epochs[: self._phase])

    def _tell(self, state: Trained) -> None:
        done = (self._before + state.epoch) * self._batches + state.batch
        self._progress(self._where(state), done, sum(self._epochs) * self._batches)

    def _where(self, state: Trained) -> str:
        """Return stage, epoch and how good the last one was."""
        total = sum(self._epochs)
        epoch = min(self._before + state.epoch + 1, total)
        told = f"train {self._stage}: epoch {epoch} of {total}, {self._names[self._phase]}"
        reached = [f"{part.accuracies[-1]:.2%}" for part in state.parts if part.accuracies]
        return f"{told}, validation {' and '.join(reached)}" if reached else told

    def _save(self, state: Trained) -> None:
        if not state.is_finite():
            return  # it diverges, and an epoch will end with an error: keep what was before
        began = time.monotonic()
        checkpoint: dict[str, Any] = {
            **self._made_for,
            "phase": self._phase,
            "fit": state.checkpoint(),
            "history": [0 if each is None else each.settle() for each in self._histories],
            "seconds": began - self._epoch_began,
        }
        write_checkpoint(self._path, checkpoint)
        self._saved = time.monotonic()
        self._rest = (self._saved - began) / _SHARE


class OneOfMany:
    """The watcher of a process that is one of several; ``writer``: of the one that writes."""

    def __init__(self, writer: StageWatcher | None) -> None:
        self._writer, self._parent = writer, os.getppid()

    def after_step(self, state: Trained) -> None:
        """Go on only as long as the process that began it all is there."""
        end_with_parent(self._parent)
        if self._writer is not None:
            self._writer.after_step(state)

    def after_epoch(self, state: Trained) -> None:
        """The same."""
        end_with_parent(self._parent)
        if self._writer is not None:
            self._writer.after_epoch(state)
