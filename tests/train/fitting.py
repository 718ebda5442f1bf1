"""A little network and its training, for tests of the loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from hwflow.config.base import parse
from hwflow.config.train_options import TrainOptions
from hwflow.config.training import Training
from hwflow.data import Subset
from hwflow.train.fit import TrainingData, fit
from hwflow.train.frames import Batches
from hwflow.train.launch import here
from hwflow.train.state import FitState, Settings

# Networks this small lose time on a second thread, most of all beside other processes.
torch.set_num_threads(1)
CPU = torch.device("cpu")
FRAMES = 96


class StopError(Exception):
    """Stands for a kill."""


class Watch:
    """Remembers checkpoints; stops after ``stop`` steps."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop, self.steps, self.epochs = stop, 0, 0
        self.last: dict[str, Any] | None = None
        self.rates: list[float] = []

    def after_step(self, state: FitState) -> None:
        self.steps += 1
        self.rates.append(state.optimiser.param_groups[0]["lr"])
        self.last = state.checkpoint()
        if self.steps == self.stop:
            raise StopError

    def after_epoch(self, state: FitState) -> None:
        self.epochs += 1
        self.last = state.checkpoint()


def training(**changes: Any) -> Training:
    return parse(Training, {"epochs": 3, "batch_size": 16, "lr": 0.01, **changes}, source="test")


def subset(name: str, count: int, seed: int, size: int = 8) -> Subset:
    """Frames whose left or right half is bright; the label says which."""
    draw = np.random.RandomState(seed)
    labels = draw.randint(0, 2, count)
    frames = draw.randint(0, 160, (count, size, size, 1))
    frames[labels == 1, :, : size // 2] += 60
    frames[labels == 0, :, size // 2 :] += 60
    return Subset(name, frames.astype(np.uint8), labels.astype(np.int64), np.arange(count))


def data() -> TrainingData:
    return TrainingData(
        Batches(subset("train", FRAMES, 1), CPU), Batches(subset("validation", 40, 2), CPU)
    )


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 2, bias=False),
        )


def run(
    settings: Settings,
    *,
    net: nn.Module | None = None,
    watch: Watch | None = None,
    saved: dict[str, Any] | None = None,
    seed: int = 5,
) -> FitState:
    """Train ``net`` to the end, or from the checkpoint ``saved`` on."""
    state = FitState(net or network(), settings)
    if saved is not None:
        state.restore(saved)
    fabric = here(TrainOptions(), settings.training.precision)
    fit(state, data(), settings, fabric=fabric, seed=seed, watcher=watch or Watch())
    return state


def tensors(net: nn.Module) -> dict[str, torch.Tensor]:
    return dict(net.named_parameters()) | dict(net.named_buffers())


def equal(first: nn.Module, second: nn.Module) -> bool:
    mine, other = tensors(first), tensors(second)
    return mine.keys() == other.keys() and all(torch.equal(mine[k], other[k]) for k in mine)
