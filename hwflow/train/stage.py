"""Trains one stage, phase after phase; goes on from its checkpoint after an interruption."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.data import Splits, load
from hwflow.log import Progress
from hwflow.nets import Form, StageNet
from hwflow.train.checkpoint import checkpoint_path, read_checkpoint, remove_checkpoints
from hwflow.train.files import StageResult, intact_stage, write_atomic
from hwflow.train.finish import Finish, tell
from hwflow.train.fit import TrainingData, derive_seed, fit, fixed_threads
from hwflow.train.frames import Batches
from hwflow.train.history import History, positions
from hwflow.train.key import start_inputs
from hwflow.train.known import Start, take_stages
from hwflow.train.launch import float32_in_order, here, in_processes
from hwflow.train.phases import Phase, carry, phases
from hwflow.train.standing import Standing, standings
from hwflow.train.state import FitState
from hwflow.train.watch import OneOfMany, StageWatcher


def train_stages(
    recipe: Recipe,
    splits: Splits,
    folder: Path,
    *,
    data: DataRoot,
    options: TrainOptions,
    progress: Progress,
    known: Sequence[Path] = (),
) -> tuple[StageResult, ...]:
    """Return the trained stages of ``recipe``, taken from ``folder`` where they are done.

    ``known``: folders of other trainings, from which the same stages and float starts are taken.

    Raises:
        ConfigError: the folder holds stages of other options, one diverges, or the splits hold too
            few frames.
    """
    results = []
    take_stages(recipe, folder, known, options, splits=splits.digest)
    # All are looked at before any is trained: what is found must not come after a loss.
    every = standings(recipe, folder, options, splits=splits.digest, known=known)
    for index, found in enumerate(every):
        if found.done is None:
            _train_stage(recipe, index, splits, folder, data, options, found, progress)
        done = found.done or intact_stage(folder, recipe.stages[index].name)
        assert done is not None, "the run has written it"
        results.append(done)
    return tuple(results)


def _train_stage(
    recipe: Recipe,
    index: int,
    splits: Splits,
    folder: Path,
    data: DataRoot,
    options: TrainOptions,
    found: Standing,
    progress: Progress,
) -> None:
    precision = recipe.stages[index].training.precision
    if options.devices == 1:
        with fixed_threads(options.threads), float32_in_order(options.device):
            fabric = here(options, precision)
            _StageRun(fabric, recipe, index, splits, folder, options, found).run(progress)
    else:
        arguments = (recipe, index, data, folder, options, found)
        in_processes(
            _one_of_many, *arguments, options=options, precision=precision, progress=progress
        )


def _one_of_many(
    fabric: Fabric,
    recipe: Recipe,
    index: int,
    data: DataRoot,
    folder: Path,
    options: TrainOptions,
    found: Standing,
    progress: Progress,
) -> None:
    torch.set_num_threads(options.threads)
    splits = load(recipe.dataset, data)
    with float32_in_order(options.device):
        _StageRun(fabric, recipe, index, splits, folder, options, found).run(progress)


class _StageRun:
    """The phases of one stage, in one of the processes that train it."""

    def __init__(
        self,
        fabric: Fabric,
        recipe: Recipe,
        index: int,
        splits: Splits,
        folder: Path,
        options: TrainOptions,
        found: Standing,
    ) -> None:
        self._fabric, self._splits, self._folder = fabric, splits, folder
        self._options, self._found = options, found
        self._recipe, self._index = recipe, index
        self._stage = recipe.stages[index]
        self._seed = (recipe.seed, recipe.stream(index))
        self._shape = (splits.frame_shape, len(splits.classes))
        self._phases = phases(self._stage)
        self._path = checkpoint_path(folder, self._stage.name)
        self._data = TrainingData(
            Batches(splits.train, fabric.device), Batches(splits.validation, fabric.device)
        )

    def run(self, progress: Progress) -> None:
        """Train from where the checkpoint stops, and write the stage's files."""
        began = time.monotonic()
        file = self._found.checkpoint
        saved = None if file is None else read_checkpoint(file)
        self._fabric.barrier()  # nobody may write a checkpoint before everybody has read it
        writer = self._writer(saved, progress) if self._fabric.is_global_zero else None
        state = self._train(saved, writer)
        if writer is not None:
            writer.close()
            self._finish(state, began)
        self._fabric.barrier()

    def _train(self, saved: dict[str, Any] | None, writer: StageWatcher | None) -> FitState:
        first = 0 if saved is None else int(saved["phase"])
        state: FitState | None = None
        weights: dict[str, Tensor] | None = None
        if saved is None and self._found.start is not None:
            first, weights = 1, self._found.start.read()
        for number in range(first, len(self._phases)):
            phase = self._phases[number]
            network = phase.build(*self._shape, seed=derive_seed(*self._seed, "weights"))
            if weights is not None:
                carry(weights, self._phases[number - 1], network)
            settings = phase.settings(network)
            network.to(self._fabric.device)
            state = FitState(network, settings)
            seconds = 0.0
            if saved is not None:
                state.restore(saved["fit"])
                seconds, saved = float(saved["seconds"]), None
            if writer is not None:
                writer.begin_phase(number, state, seconds=seconds)
            alone = writer is not None and self._fabric.world_size == 1
            fit(
                state,
                self._data,
                settings,
                fabric=self._fabric,
                seed=derive_seed(*self._seed, "phase", number),
                watcher=writer if alone and writer is not None else OneOfMany(writer),
            )
            weights = state.network.state_dict()
            if phase.form is Form.FLOAT and writer is not None:
                self._keep_start(weights)
        assert state is not None
        return state

    def _keep_start(self, weights: dict[str, Tensor]) -> None:
        inputs = start_inputs(self._recipe, self._index, self._options, splits=self._splits.digest)
        Start(self._folder, self._stage.name).write(inputs, weights)

    def _writer(self, saved: dict[str, Any] | None, progress: Progress) -> StageWatcher:
        if saved is None:  # those of another recipe count rows of another log
            remove_checkpoints(self._path)
        training = self._stage.training
        frames = len(self._data.train)
        batches = max(1, frames // training.batch_size)
        position, epochs = 0, 0
        if saved is not None:
            position, epochs = positions(saved)[0], _epochs_done(self._phases, saved)
        elif self._found.start is not None:
            rows = self._found.start.log()
            write_atomic(self._folder / f"{self._stage.name}.csv", rows)
            position, epochs = len(rows), self._phases[0].epochs
        history = History(
            self._folder,
            self._stage.name,
            position=position,
            epochs=epochs,
            tensorboard=self._options.tensorboard,
        )
        return StageWatcher(
            stage=self._stage.name,
            inputs=self._found.inputs,
            path=self._path,
            names=[phase.name for phase in self._phases],
            epochs=[phase.epochs for phase in self._phases],
            batches=batches,
            frames=min(frames, batches * training.batch_size),
            histories=(history,),
            seconds=self._options.checkpoint_seconds,
            progress=progress,
        )

    def _finish(self, state: FitState, began: float) -> None:
        precision = self._stage.training.precision
        finish = Finish(self._splits, self._options, self._found.inputs, precision, began)
        network = cast(StageNet, state.network)
        tell([finish.write(self._stage, network, state.losses, root=self._folder)], self._folder)
        remove_checkpoints(self._path)


def _epochs_done(every: tuple[Phase, ...], saved: dict[str, Any]) -> int:
    before = every[: saved["phase"]]
    return sum(phase.epochs for phase in before) + int(saved["fit"]["epoch"])
