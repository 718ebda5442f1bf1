"""Speed of a training step: hwflow's loop, against the loop that anybody would write.

The plain loop is float32 on Brevitas' layers, or on the float network, with the same frames,
augmentation, optimiser and learning rate, already in memory.
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
from hwflow.data import Subset
from hwflow.data.augment import augment
from hwflow.nets import Form
from hwflow.train.fit import Steps, TrainingData, fixed_threads
from hwflow.train.frames import Batches
from hwflow.train.launch import here
from hwflow.train.phases import Phase, phases
from hwflow.train.state import FitState

CLASSES = 10
HELD = 10
"""Validation frames: next to none, as no step validates."""


@dataclass(frozen=True)
class Speeds:
    """Images per second, medians over the rounds; ratios are medians of each round's own."""

    fast: float
    brevitas: float
    float_: float
    over_brevitas: float
    over_float: float


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
    last = phases(stage)[-1]
    data = _random(frame_shape, steps * stage.training.batch_size)
    with fixed_threads(threads):
        contestants = (
            _ours(last, frame_shape, data),
            _plain(last, Form.BREVITAS, frame_shape, data),
            _plain(last, Form.FLOAT, frame_shape, data),
        )
        found = [[_timed(run) for run in contestants] for _ in range(rounds + 1)][1:]
    count = steps * stage.training.batch_size
    fast, brevitas, float_ = (median(count / turn[k] for turn in found) for k in range(3))
    return Speeds(
        fast,
        brevitas,
        float_,
        over_brevitas=median(turn[1] / turn[0] for turn in found),
        over_float=median(turn[2] / turn[0] for turn in found),
    )


def _random(frame_shape: tuple[int, int, int], count: int) -> TrainingData:
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

    def after_step(self, state: FitState) -> None:
        """Nothing."""

    def after_epoch(self, state: FitState) -> None:
        """Nothing."""


def _ours(
    phase: Phase, frame_shape: tuple[int, int, int], data: TrainingData
) -> Callable[[], None]:
    network = phase.build(frame_shape, CLASSES, seed=0)
    settings = phase.settings(network)
    state = FitState(network, settings)
    steps = Steps(state, data.train, settings, here(ON_CPU, settings.training.precision))

    def epoch() -> None:
        state.batch = 0
        steps.run_epoch(0, _Stopwatch())

    return epoch


def _plain(
    phase: Phase, form: Form, frame_shape: tuple[int, int, int], data: TrainingData
) -> Callable[[], None]:
    phase = replace(phase, form=form)
    network = phase.build(frame_shape, CLASSES, seed=0)
    settings = phase.settings(network)
    training = settings.training
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.lr, weight_decay=training.weight_decay
    )
    draw = torch.Generator().manual_seed(0)

    def epoch() -> None:
        network.train()
        order = torch.randperm(len(data.train), generator=draw)
        for chosen in torch.split(order, training.batch_size):
            codes = augment(data.train.take(chosen), draw, max_shift=training.max_shift)
            logits = network(codes) * settings.logit_scale
            loss = nn.functional.cross_entropy(logits, data.train.labels[chosen])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()

    return epoch
