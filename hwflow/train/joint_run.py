"""The phases of joint training: sparsity rises, what is pruned goes, the rest is tuned."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric

from hwflow.config.joint import PLACE, Joint
from hwflow.config.pruning import FilterPruning
from hwflow.config.recipe import Recipe, StageRecipe
from hwflow.config.train_options import TrainOptions
from hwflow.data import Splits
from hwflow.log import Progress
from hwflow.nets import Form, StageNet, build
from hwflow.nets.shrink import shrink
from hwflow.train.checkpoint import checkpoint_path, read_checkpoint, remove_checkpoints
from hwflow.train.files import StageResult, read_weights
from hwflow.train.finish import Finish, tell
from hwflow.train.fit import TrainingData, derive_seed
from hwflow.train.frames import Batches
from hwflow.train.history import History, positions
from hwflow.train.joint_fit import JointPhase, JointState, fit_jointly
from hwflow.train.phases import phases
from hwflow.train.pruner import Pruner, new_pruner
from hwflow.train.state import FitState, Settings
from hwflow.train.watch import OneOfMany, StageWatcher


@dataclass(frozen=True)
class JointTask:
    """What is trained: ``alone``, the results in ``folder`` that it begins with.

    ``inputs``: what the key of each stage is the hash of. ``missing``: stages to be written.
    """

    recipe: Recipe
    joint: Joint
    alone: tuple[StageResult, ...]
    folder: Path
    options: TrainOptions
    inputs: tuple[dict[str, Any], ...]
    missing: tuple[int, ...]

    @property
    def trained(self) -> tuple[int, ...]:
        """Stages that take part: those missing, and the last one where it teaches them."""
        last = len(self.recipe.stages) - 1
        taught = self.joint.distillation.weight > 0 and any(x < last for x in self.missing)
        return tuple(sorted({*self.missing, last} if taught else self.missing))

    @property
    def all_inputs(self) -> dict[str, Any]:
        """What the key of the checkpoint is the hash of: by stage, of those that have a log."""
        names = {index: self.recipe.stages[index].name for index in self.trained}
        return {
            name if index in self.missing else f"{name}, to teach": self.inputs[index]
            for index, name in names.items()
        }

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return checkpoint_path(self.folder / PLACE, PLACE)


class JointRun:
    """Joint training of ``task`` in one of the processes that do it.

    ``checkpoint``: the file that it goes on from, if there is one.
    """

    def __init__(
        self, fabric: Fabric, task: JointTask, splits: Splits, checkpoint: Path | None
    ) -> None:
        self._fabric, self._task, self._splits = fabric, task, splits
        self._checkpoint = checkpoint
        self._numbers = task.trained
        self._stages = [task.recipe.stages[number] for number in self._numbers]
        self._data = TrainingData(
            Batches(splits.train, fabric.device), Batches(splits.validation, fabric.device)
        )
        self._plan = _plan(task, splits.frame_shape, len(splits.classes))

    def run(self, progress: Progress) -> None:
        """Train from where the checkpoint stops, and write the stages' files."""
        began = time.monotonic()
        saved = None if self._checkpoint is None else read_checkpoint(self._checkpoint)
        self._fabric.barrier()  # nobody may write a checkpoint before everybody has read it
        writer = self._writer(saved, progress) if self._fabric.is_global_zero else None
        state = self._train(saved, writer)
        if writer is not None:
            writer.close()
            self._finish(state, began)
        self._fabric.barrier()

    def _train(self, saved: dict[str, Any] | None, writer: StageWatcher | None) -> JointState:
        first = 0 if saved is None else int(saved["phase"])
        networks = self._networks(None if saved is None else saved["fit"]["channels"])
        pruners = self._pruners(networks, tuning=first > 0)
        for number, phase in enumerate(self._plan):
            if number < first:
                continue
            state = self._state(networks, pruners)
            seconds = 0.0
            if saved is not None:
                state.restore(saved["fit"])
                seconds, saved = float(saved["seconds"]), None
            if writer is not None:
                writer.begin_phase(number, state, seconds=seconds)
            alone = writer is not None and self._fabric.world_size == 1
            fit_jointly(
                state,
                self._data,
                phase,
                fabric=self._fabric,
                seed=derive_seed(self._task.recipe.seed, PLACE, number),
                watcher=writer if alone and writer is not None else OneOfMany(writer),
            )
            if phase.prunes:
                networks, pruners = self._without_pruned(networks, pruners)
        return state

    def _networks(self, channels: list[list[int]] | None) -> list[StageNet]:
        """Return the networks as trained alone; or with ``channels``, for a checkpoint to fill."""
        made = []
        shape, classes = self._splits.frame_shape, len(self._splits.classes)
        for place, (number, stage) in enumerate(zip(self._numbers, self._stages, strict=True)):
            there = None if channels is None else channels[place]
            with torch.random.fork_rng(devices=[]):
                network = build(stage, shape, classes, form=Form.FAST, channels=there)
            if channels is None:
                weights = self._task.alone[number].weights
                network.load_state_dict(read_weights(self._task.folder / weights))
            made.append(network.to(self._fabric.device))
        return made

    def _pruners(self, networks: list[StageNet], *, tuning: bool) -> list[Pruner | None]:
        """Return what prunes each network; while ``tuning``, only what holds single zeros."""
        made: list[Pruner | None] = []
        recipe = self._task.recipe
        for number, stage, network in zip(self._numbers, self._stages, networks, strict=True):
            gone = tuning and isinstance(stage.pruning, FilterPruning)
            if stage.pruning is None or gone:
                made.append(None)
                continue
            seed = derive_seed(recipe.seed, PLACE, "prune", recipe.stream(number))
            made.append(new_pruner(network, stage.pruning, seed=seed, where=f"stages.{number}"))
        return made

    def _without_pruned(
        self, networks: list[StageNet], pruners: list[Pruner | None]
    ) -> tuple[list[StageNet], list[Pruner | None]]:
        """Return new networks without what was pruned, and what holds the zeros of weights."""
        left = [
            shrink(network, {}) if pruner is None else pruner.close()
            for network, pruner in zip(networks, pruners, strict=True)
        ]
        holding = self._pruners(left, tuning=True)
        for before, now in zip(pruners, holding, strict=True):
            if before is not None and now is not None:
                now.restore(before.state())
        return left, holding

    def _state(self, networks: list[StageNet], pruners: list[Pruner | None]) -> JointState:
        parts = [
            FitState(network, settings)
            for network, settings in zip(networks, self._plan[0].settings, strict=True)
        ]
        return JointState(parts, pruners)

    def _writer(self, saved: dict[str, Any] | None, progress: Progress) -> StageWatcher:
        task = self._task
        if saved is None:
            remove_checkpoints(task.checkpoint)
        size, frames = task.joint.batch_size, len(self._data.train)
        batches = max(1, frames // size)
        return StageWatcher(
            stage=PLACE,
            inputs=task.all_inputs,
            path=task.checkpoint,
            names=[phase.name for phase in self._plan],
            epochs=[phase.epochs for phase in self._plan],
            batches=batches,
            frames=min(frames, batches * size),
            histories=self._histories(saved),
            seconds=task.options.checkpoint_seconds,
            progress=progress,
        )

    def _histories(self, saved: dict[str, Any] | None) -> list[History | None]:
        """Return the log of each stage; one that is there already keeps its own."""
        done, told = 0, [0] * len(self._stages)
        if saved is not None:
            done = self._plan[int(saved["phase"])].before + int(saved["fit"]["epoch"])
            told = positions(saved)
        folder = self._task.folder / PLACE
        board = self._task.options.tensorboard
        return [
            History(folder, stage.name, position=position, epochs=done, tensorboard=board)
            if number in self._task.missing
            else None
            for number, stage, position in zip(self._numbers, self._stages, told, strict=True)
        ]

    def _finish(self, state: JointState, began: float) -> None:
        task, results = self._task, []
        for number, stage, part in zip(self._numbers, self._stages, state.parts, strict=True):
            if number in task.missing:
                finish = Finish(
                    self._splits, task.options, task.inputs[number], task.joint.precision, began
                )
                network = cast(StageNet, part.network)
                results.append(
                    finish.write(stage, network, part.losses, root=task.folder, place=PLACE)
                )
        # All at once: the checkpoint is that of the stages that are missing.
        tell(results, task.folder)
        remove_checkpoints(task.checkpoint)


def _plan(task: JointTask, frame_shape: tuple[int, int, int], classes: int) -> list[JointPhase]:
    """Return the phases of joint training, in order."""
    joint, stages = task.joint, task.recipe.stages
    rates = joint.rates(len(stages))
    settings = tuple(
        _settings(joint, stages[number], rates[number], frame_shape, classes)
        for number in task.trained
    )
    last = task.trained[-1] == len(stages) - 1
    if not task.recipe.prunes:
        return [JointPhase(PLACE, joint, settings, 0, joint.epochs, last=last, prunes=False)]
    rising = joint.pruning_epochs
    left = joint.epochs - rising
    return [
        JointPhase("prune", joint, settings, 0, rising, last=last, prunes=True),
        JointPhase("tune", joint, settings, rising, left, last=last, prunes=False),
    ]


def _settings(
    joint: Joint, stage: StageRecipe, lr: float, frame_shape: tuple[int, int, int], classes: int
) -> Settings:
    """Return how a stage is trained: on scores as large as before, also when filters are gone."""
    last = phases(stage)[-1]
    training = stage.training.model_copy(
        update={"batch_size": joint.batch_size, "ema_decay": None, "patience": None}
    )
    return replace(
        last.settings(last.build(frame_shape, classes, seed=0)),
        training=training,
        epochs=joint.epochs,
        lr=lr,
        where=f"stage {stage.name!r}, {PLACE}",
    )
