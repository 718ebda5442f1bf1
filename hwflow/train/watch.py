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
from hwflow.train.state import FitState

# The part of the time that checkpoints at the end of epochs may take.
_SHARE = 0.02


class StageWatcher:
    """The watcher of every phase of a stage, in the process that writes.

    ``inputs``: what the stage's key is the hash of. ``names``, ``epochs``: of each phase.
    ``batches``: steps of an epoch; ``frames``: those that they train on. ``seconds``: age at which
    a checkpoint is replaced in the middle of an epoch.
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
        history: History,
        seconds: float,
        progress: Progress,
    ) -> None:
        self._stage, self._path = stage, path
        self._made_for = {"key": hashed(inputs), "inputs": inputs}
        self._names, self._epochs = names, epochs
        self._batches, self._frames = batches, frames
        self._history, self._seconds, self._progress = history, seconds, progress
        self._phase = 0
        self._epoch_began = self._saved = time.monotonic()
        self._rest = 0.0

    def close(self) -> None:
        """Nothing comes after."""
        self._history.close()

    def begin_phase(self, phase: int, state: FitState, *, seconds: float = 0.0) -> None:
        """Attend to ``phase`` from now on; before, its epoch has taken ``seconds``.

        What is done between two phases counts to the first epoch of the second.
        """
        self._phase = phase
        self._epoch_began -= seconds
        self._tell(state)

    def after_step(self, state: FitState) -> None:
        """Draw the bar, and save where the last checkpoint is too old."""
        self._tell(state)
        if state.batch < self._batches and time.monotonic() - self._saved >= self._seconds:
            self._save(state)

    def after_epoch(self, state: FitState) -> None:
        """Log the epoch, and save unless the last checkpoint is a moment old."""
        seconds = time.monotonic() - self._epoch_began
        self._history.add(
            Row(
                epoch=self._before + state.epoch,
                phase=self._names[self._phase],
                lr=float(state.optimiser.param_groups[0]["lr"]),
                loss=state.losses[-1],
                validation_accuracy=state.accuracies[-1],
                seconds=round(seconds, 3),
                images_per_s=round(self._frames / seconds, 1),
            )
        )
        self._epoch_began = time.monotonic()
        if self._epoch_began - self._saved >= min(self._rest, self._seconds):
            self._save(state)

    @property
    def _before(self) -> int:
        """Epochs of the phases before."""
        return sum(self._epochs[: self._phase])

    def _tell(self, state: FitState) -> None:
        done = (self._before + state.epoch) * self._batches + state.batch
        self._progress(self._where(state), done, sum(self._epochs) * self._batches)

    def _where(self, state: FitState) -> str:
        """Return stage, epoch and how good the last one was."""
        total = sum(self._epochs)
        epoch = min(self._before + state.epoch + 1, total)
        told = f"train {self._stage}: epoch {epoch} of {total}, {self._names[self._phase]}"
        if state.accuracies:
            told += f", validation {state.accuracies[-1]:.2%}"
        return told

    def _save(self, state: FitState) -> None:
        if not state.is_finite():
            return  # it diverges, and an epoch will end with an error: keep what was before
        began = time.monotonic()
        checkpoint: dict[str, Any] = {
            **self._made_for,
            "phase": self._phase,
            "fit": state.checkpoint(),
            "history": self._history.settle(),
            "seconds": began - self._epoch_began,
        }
        write_checkpoint(self._path, checkpoint)
        self._saved = time.monotonic()
        self._rest = (self._saved - began) / _SHARE


class OneOfMany:
    """The watcher of a process that is one of several; ``writer``: of the one that writes."""

    def __init__(self, writer: StageWatcher | None) -> None:
        self._writer, self._parent = writer, os.getppid()

    def after_step(self, state: FitState) -> None:
        """Go on only as long as the process that began it all is there."""
        end_with_parent(self._parent)
        if self._writer is not None:
            self._writer.after_step(state)

    def after_epoch(self, state: FitState) -> None:
        """The same."""
        end_with_parent(self._parent)
        if self._writer is not None:
            self._writer.after_epoch(state)
