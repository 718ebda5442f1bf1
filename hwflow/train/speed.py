"""Speed of a training step: hwflow's loop, against the loop that anybody would write.

The plain loop is float32 on Brevitas' layers, or on the float network. It has the recipe's
augmentation, optimiser, label smoothing and average of weights, as hwflow's loop has, and the same
frames, already in memory; its learning rate stays where it begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch
from torch import nn

from hwflow.config.recipe import StageRecipe
from hwflow.config.train_options import ON_CPU
from hwflow.config.training import Precision
from hwflow.data import Subset
from hwflow.data.augment import augment
from hwflow.nets import Form, StageNet
from hwflow.train.fit import Steps, TrainingData, fixed_threads
from hwflow.train.frames import Batches
from hwflow.train.launch import here
from hwflow.train.phases import Phase, phases
from hwflow.train.state import FitState, Trained

CLASSES = 10
HELD = 10
"""Validation frames: next to none, as no step validates."""


@dataclass(frozen=True)
class Speeds:
    """Images per second, medians over the rounds; ratios are medians of each round's own.

    ``ours``: in the recipe's precision; ``ours_float32``, as the plain loops are. ``over_brevitas``
    and ``over_float``: of ``ours``; ``over_brevitas_float32``: of ``ours_float32``.
    """

    ours: float
    ours_float32: float
    brevitas: float
    float_: float
    over_brevitas: float
    over_brevitas_float32: float
    over_float: float


@dataclass(frozen=True)
class Contestant:
    """A network, and what trains it for one epoch."""

    network: StageNet
    epoch: Callable[[], None]


def measure(
    stage: StageRecipe,
    frame_shape: tuple[int, int, int],
    *,
    threads: int,
    steps: int,
    rounds: int,
) -> Speeds:
    """Return the speeds of ``stage`` on random (H, W, C) frames, ``steps`` steps in turn each.

    Each contestant has one turn before, which is not counted. The recipe's ``epochs`` are not.
    """
    data = random_data(frame_shape, steps * stage.training.batch_size)
    with fixed_threads(threads):
        running = contestants(stage, frame_shape, data)
        turns = [
            {name: _timed(one.epoch) for name, one in running.items()} for _ in range(rounds + 1)
        ][1:]
    count = steps * stage.training.batch_size

    def speed(name: str) -> float:
        return median(count / turn[name] for turn in turns)

    def ratio(name: str, other: str) -> float:
        return median(turn[other] / turn[name] for turn in turns)

    return Speeds(
        ours=speed("ours"),
        ours_float32=speed("ours_float32"),
        brevitas=speed("brevitas"),
        float_=speed("float"),
        over_brevitas=ratio("ours", "brevitas"),
        over_brevitas_float32=ratio("ours_float32", "brevitas"),
        over_float=ratio("ours", "float"),
    )


def contestants(
    stage: StageRecipe, frame_shape: tuple[int, int, int], data: TrainingData
) -> dict[str, Contestant]:
    """Return who trains the last phase of ``stage``: ours, ours_float32, brevitas, float."""
    last = phases(stage)[-1]
    return {
        "ours": _ours(last, stage.training.precision, frame_shape, data),
        "ours_float32": _ours(last, Precision.FLOAT32, frame_shape, data),
        "brevitas": _plain(last, Form.BREVITAS, frame_shape, data),
        "float": _plain(last, Form.FLOAT, frame_shape, data),
    }


def random_data(frame_shape: tuple[int, int, int], count: int) -> TrainingData:
    """Return ``count`` random training frames, and next to no validation frames."""
    draw = np.random.RandomState(0)

    def subset(size: int) -> Batches:
        frames = draw.randint(0, 256, (size, *frame_shape)).astype(np.uint8)
        labels = draw.randint(0, CLASSES, size).astype(np.int64)
        return Batches(Subset("train", frames, labels, np.arange(size)), torch.device("cpu"))

    return TrainingData(subset(count), subset(HELD))


def _timed(run: Callable[[], None]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


class _Stopwatch:
    """Watches nothing; the loop's own cost is in the time."""

    def after_step(self, state: Trained) -> None:
        """Nothing."""

    def after_epoch(self, state: Trained) -> None:
        """Nothing."""


def _ours(
    phase: Phase, precision: Precision, frame_shape: tuple[int, int, int], data: TrainingData
) -> Contestant:
    network = phase.build(frame_shape, CLASSES, seed=0)
    settings = phase.settings(network)
    state = FitState(network, settings)
    steps = Steps(state, data.train, settings, here(ON_CPU, precision))

    def epoch() -> None:
        state.batch = 0
        steps.run_epoch(0, _Stopwatch())

    return Contestant(network, epoch)


def _plain(
    phase: Phase, form: Form, frame_shape: tuple[int, int, int], data: TrainingData
) -> Contestant:
    phase = replace(phase, form=form)
    network = phase.build(frame_shape, CLASSES, seed=0)
    settings = phase.settings(network)
    training = settings.training
    state = FitState(network, settings)  # of which the recipe's optimiser and average are taken
    draw = torch.Generator().manual_seed(0)

    def epoch() -> None:
        network.train()
        order = torch.randperm(len(data.train), generator=draw)
        for chosen in torch.split(order, training.batch_size):
            codes = augment(
                data.train.take(chosen),
                draw,
                max_shift=training.max_shift,
                flip=training.flip,
                cutout=training.cutout,
            )
            logits = network(codes) * settings.logit_scale
            loss = nn.functional.cross_entropy(
                logits, data.train.labels[chosen], label_smoothing=training.label_smoothing
            )
            state.optimiser.zero_grad()
            torch.autograd.backward(loss)
            state.optimiser.step()
            if state.average is not None:
                state.average.update()

    return Contestant(network, epoch)
