"""Trains one stage: an optional float phase, then the quantised one; resumes between epochs."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hwflow.config.bundle import Accuracy, sha256
from hwflow.config.recipe import Recipe
from hwflow.config.training import FloatStart
from hwflow.data import Splits
from hwflow.log import Progress
from hwflow.nets import Plan, VggTinyNet, build, plan
from hwflow.train.files import (
    StageResult,
    finished_stage,
    read_checkpoint,
    write_checkpoint,
    write_json,
    write_weights,
)
from hwflow.train.fit import FitState, Schedule, derive_seed, fit, real_scores, start, to_codes
from hwflow.train.warm_start import from_float

# Part of every key: raise it when the same recipe would train to other weights.
TRAINING_VERSION = 1


@dataclass(frozen=True)
class _Phase:
    """One run of the loop, on the float or on the quantised network."""

    quantised: bool
    schedule: Schedule


def stage_key(recipe: Recipe, index: int, *, threads: int) -> str:
    """Return the hash of all that decides the weights of stage ``index``.

    Names and the calibration are left out: changing them does not ask for new training.
    """
    inputs = {
        "version": TRAINING_VERSION,
        "dataset": recipe.dataset.model_dump(mode="json"),
        "seed": recipe.seed,
        "index": index,
        "stage": recipe.stages[index].model_dump(mode="json", exclude={"name"}),
        "threads": threads,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def train_stage(
    recipe: Recipe,
    index: int,
    splits: Splits,
    folder: Path,
    *,
    threads: int,
    progress: Progress,
) -> StageResult:
    """Return the trained stage ``index`` of ``recipe``, taken from ``folder`` where it is done.

    Torch must already run on ``threads`` threads; the number goes into the key.
    """
    name = recipe.stages[index].name
    key = stage_key(recipe, index, threads=threads)
    done = finished_stage(folder, name, key)
    if done is not None:
        return done
    began = time.monotonic()
    checkpoint = folder / f"{name}.checkpoint.pt"
    state = _StageRun(recipe, index, splits, checkpoint, key, progress).run()
    weights = folder / f"{name}.safetensors"
    write_weights(weights, state.network.state_dict())
    predicted = real_scores(state.network, splits.validation.frames).argmax(axis=1)
    result = StageResult(
        name=name,
        key=key,
        threads=threads,
        weights=weights.name,
        sha256=sha256(weights),
        accuracy=Accuracy(
            split="validation",
            n=len(splits.validation),
            value=float(np.mean(predicted == splits.validation.labels)),
        ),
        losses=tuple(state.losses),
        seconds=time.monotonic() - began,
    )
    write_json(folder / f"{name}.json", result)
    checkpoint.unlink(missing_ok=True)
    return result


class _StageRun:
    """The phases of one stage and its checkpoint file."""

    def __init__(
        self,
        recipe: Recipe,
        index: int,
        splits: Splits,
        checkpoint: Path,
        key: str,
        progress: Progress,
    ) -> None:
        self._seed = (recipe.seed, index)
        self._stage = recipe.stages[index]
        self._shape = (splits.frame_shape, len(splits.classes))
        self._codes = to_codes(splits.train.frames)
        self._labels = torch.from_numpy(splits.train.labels)
        self._path, self._key, self._progress = checkpoint, key, progress
        self._phases = self._plan_phases(plan(self._stage, *self._shape))

    def run(self) -> FitState:
        """Return the state at the end of the last phase, starting where the checkpoint stops."""
        saved = read_checkpoint(self._path, self._key)
        first = 0 if saved is None else int(saved["phase"])
        inherited: dict[str, Tensor] | None = None
        state: FitState | None = None
        for number in range(first, len(self._phases)):
            state = self._begin(number, inherited)
            if saved is not None:
                state.network.load_state_dict(saved["network"])
                state.optimiser.load_state_dict(saved["optimiser"])
                state.epoch, state.losses = int(saved["epoch"]), list(saved["losses"])
                saved = None
            self._run_phase(number, state)
            inherited = state.network.state_dict()
        assert state is not None
        return state

    def _begin(self, number: int, inherited: dict[str, Tensor] | None) -> FitState:
        phase = self._phases[number]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(*self._seed, "weights"))
            network: VggTinyNet = build(self._stage, *self._shape, quantised=phase.quantised)
        if inherited is not None:
            network.load_state_dict(from_float(inherited, network))
        return start(network, phase.schedule)

    def _run_phase(self, number: int, state: FitState) -> None:
        epochs = [phase.schedule.epochs for phase in self._phases]

        def after_epoch(state: FitState) -> None:
            self._save(number, state)
            done = sum(epochs[:number]) + state.epoch
            self._progress(f"train {self._stage.name}", done, sum(epochs))

        fit(
            state,
            self._codes,
            self._labels,
            schedule=self._phases[number].schedule,
            seed=derive_seed(*self._seed, "phase", number),
            after_epoch=after_epoch,
        )

    def _save(self, number: int, state: FitState) -> None:
        write_checkpoint(
            self._path,
            {
                "key": self._key,
                "phase": number,
                "epoch": state.epoch,
                "losses": state.losses,
                "network": state.network.state_dict(),
                "optimiser": state.optimiser.state_dict(),
            },
        )

    def _plan_phases(self, layers: Plan) -> tuple[_Phase, ...]:
        training = self._stage.training
        # ±1 sums over fan_in terms grow with its root; this brings the first logits to the size
        # that a float classifier starts from. Multi-bit scores are of order one already.
        binary = layers.weight_bits[-1] == 1
        binary_scale = 2.0 / layers.costs()[-1].fan_in ** 0.5

        def phase(epochs: int, lr: float, *, quantised: bool) -> _Phase:
            schedule = Schedule(
                epochs=epochs,
                batch_size=training.batch_size,
                lr=lr,
                weight_decay=training.weight_decay,
                max_shift=training.max_shift,
                logit_scale=binary_scale if binary and quantised else 1.0,
            )
            return _Phase(quantised, schedule)

        last = phase(training.epochs, training.lr, quantised=True)
        if isinstance(training.start, FloatStart):
            return (phase(training.start.epochs, training.start.lr, quantised=False), last)
        return (last,)
