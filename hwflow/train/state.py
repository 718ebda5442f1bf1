"""What one training step hands to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hwflow.config.training import Sgd, Training
from hwflow.nets.scales import LearnedScale
from hwflow.train import snapshot
from hwflow.train.averaging import Average

SCALES = "scales"
"""Key of an optimiser's group: whether its parameters are learned scales."""


@dataclass(frozen=True)
class Settings:
    """One phase: ``training``, but for ``epochs`` epochs and from the rate ``lr``.

    ``logit_scale`` multiplies the scores in front of the softmax. ``last``: the recipe's last
    phase, the one that ``training.frozen_epochs`` and ``training.patience`` are meant for.
    ``where`` names the phase in errors.
    """

    training: Training
    epochs: int
    lr: float
    logit_scale: float = 1.0
    last: bool = True
    where: str = "training"

    @property
    def patience(self) -> int | None:
        """Epochs without a better validation accuracy after which training stops."""
        return self.training.patience if self.last else None

    @property
    def frozen_from(self) -> int:
        """First epoch with fixed statistics and scales; the number of epochs if there is none."""
        return self.epochs - (self.training.frozen_epochs if self.last else 0)

    def batches(self, frames: int) -> int:
        """Return the steps of an epoch; what does not fill a batch of its shuffle is left."""
        return max(1, frames // self.training.batch_size)


@dataclass
class Best:
    """The epoch with the best validation accuracy so far, and its network."""

    accuracy: float
    epoch: int
    network: dict[str, Any]


class Trained(Protocol):
    """What a watcher sees of one network in training, or of several that train together.

    ``parts``: each network, in step with the others.
    """

    @property
    def epoch(self) -> int:
        """Epochs done of the phase."""

    @property
    def batch(self) -> int:
        """Steps done of the epoch after."""

    @property
    def parts(self) -> tuple[FitState, ...]:
        """Each network with its optimiser, losses and accuracies."""

    def is_finite(self) -> bool:
        """Return whether losses and weights are numbers."""

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state as tensors and plain values."""


class FitState:
    """A network in training. A checkpoint is exactly this.

    ``epoch``: epochs done. ``batch``: steps done of the one after. ``draw``: the generator of
    batch order and augmentation, from the first step of an epoch on. ``summed``: loss over those
    steps, float64. ``losses``: mean loss of each epoch done; ``accuracies``: validation accuracy
    after it.
    """

    def __init__(self, network: nn.Module, settings: Settings) -> None:
        self.network = network
        self.optimiser = _optimiser(network, settings)
        decay = settings.training.ema_decay
        self.average = None if decay is None else Average(network, decay)
        self.epoch, self.batch = 0, 0
        self.draw: torch.Generator | None = None
        self._drawn: Tensor | None = None  # a checkpoint's, until an epoch begins
        self.summed = torch.zeros((), dtype=torch.float64)
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self.best: Best | None = None

    @property
    def parts(self) -> tuple[FitState, ...]:
        """This one alone."""
        return (self,)

    def begin_epoch(self, seed: int, frames: int, device: torch.device) -> Tensor:
        """Return the epoch's order of ``frames`` frames, (frames,) int64; in mid-epoch, the same.

        Each epoch seeds its own generator, so that a resumed run draws what an uninterrupted one
        does.
        """
        self.draw = torch.Generator(device).manual_seed(seed)
        order = torch.randperm(frames, generator=self.draw, device=device)
        if self.batch:
            assert self._drawn is not None, "it comes with the batch"
            self.draw.set_state(self._drawn)
        self._drawn = None
        return order

    def end_epoch(self, loss: float, accuracy: float, network: dict[str, Any] | None) -> None:
        """Count an epoch; ``network``: its snapshot if it may be the best, else None."""
        self.epoch, self.batch, self.draw = self.epoch + 1, 0, None
        self.summed = torch.zeros_like(self.summed)
        self.losses.append(loss)
        self.accuracies.append(accuracy)
        if network is not None:
            self.best = Best(accuracy, self.epoch, network)

    def may_be_best(self, accuracy: float) -> bool:
        """Return whether ``accuracy`` is above that of every epoch so far."""
        return self.best is None or accuracy > self.best.accuracy

    def stopped(self, patience: int | None) -> bool:
        """Return whether ``patience`` epochs have passed since the best."""
        if patience is None or self.best is None:
            return False
        return self.epoch - self.best.epoch >= patience

    def has_own_statistics(self, settings: Settings) -> bool:
        """Return whether the chosen weights were trained with the batch-norms' statistics.

        Those of a frozen epoch were; an average of weights has an average of statistics, which are
        not its own.
        """
        chosen = self.epoch if self.best is None else self.best.epoch
        return chosen > settings.frozen_from and self.average is None

    def is_finite(self) -> bool:
        """Return whether loss and weights are numbers; the last step's weights have no loss yet."""
        values = (self.summed, *self.network.parameters())
        return all(bool(torch.isfinite(value).all()) for value in values)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state as tensors and plain values."""
        return {
            "network": snapshot.take(self.network),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state(),
            "epoch": self.epoch,
            "batch": self.batch,
            "draw": self._drawn if self.draw is None else self.draw.get_state(),
            "summed": self.summed.clone(),
            "losses": list(self.losses),
            "accuracies": list(self.accuracies),
            "best": None if self.best is None else vars(self.best),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what ``checkpoint`` returned."""
        snapshot.put(self.network, saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        if self.average is not None:
            self.average.load(saved["average"])
        self.epoch, self.batch = saved["epoch"], saved["batch"]
        # A generator's state fits those of its own kind of device alone, and here the device is
        # not known yet.
        self.draw, self._drawn = None, saved["draw"]
        self.summed = saved["summed"]
        self.losses, self.accuracies = list(saved["losses"]), list(saved["accuracies"])
        self.best = None if saved["best"] is None else Best(**saved["best"])


def _optimiser(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    told = settings.training.optimiser
    decay = settings.training.weight_decay
    groups = _groups(network)
    if isinstance(told, Sgd):
        return torch.optim.SGD(
            groups,
            lr=settings.lr,
            momentum=told.momentum,
            nesterov=told.nesterov,
            weight_decay=decay,
        )
    return torch.optim.AdamW(groups, lr=settings.lr, weight_decay=decay)


def _groups(network: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters, learned scales apart, as these have epochs without a change.

    Nor do they decay: what is learned is a logarithm, and decay would draw each step towards 1.
    """
    scales = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, LearnedScale)
        for parameter in module.parameters()
    }
    found = [
        {
            "params": [p for p in network.parameters() if (id(p) in scales) == of_scales],
            SCALES: of_scales,
            **({"weight_decay": 0.0} if of_scales else {}),
        }
        for of_scales in (False, True)
    ]
    return [group for group in found if group["params"]]
