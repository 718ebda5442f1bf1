"""Exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """Averages parameters and buffers of a network; the network itself trains on.

    After step n the decay is min(``decay``, (1 + n) / (10 + n)), so that the random first weights
    do not weigh on a short run (TensorFlow's ``ExponentialMovingAverage``, ``num_updates``).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay, self._steps = decay, 0
        self._live = _floats(network)
        self._averaged = [value.detach().clone() for value in self._live]

    def update(self) -> None:
        """Take in the weights after a step."""
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, self._live, 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network have the averages, until the end of the context."""
        live = [value.detach().clone() for value in self._live]
        self.apply()
        try:
            yield
        finally:
            _copy(live, self._live)

    def apply(self) -> None:
        """Let the network have the averages for good."""
        _copy(self._averaged, self._live)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold."""
        return {"steps": self._steps, "averaged": [value.clone() for value in self._averaged]}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned."""
        self._steps = int(state["steps"])
        _copy(state["averaged"], self._averaged)


def _floats(network: nn.Module) -> list[Tensor]:
    tensors = [*network.parameters(), *network.buffers()]
    return [value for value in tensors if value.is_floating_point()]


def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    with torch.no_grad():
        for into, value in zip(target, source, strict=True):
            into.copy_(value)
