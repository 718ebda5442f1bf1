"""Little random networks whose every folding can be tried: what the solver is proven on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from hwflow.lower.network import (
    Add,
    Conv,
    Depthwise,
    IntArray,
    Layer,
    MaxPool,
    Network,
    Pad,
    Reshape,
    Tensor,
    Threshold,
)


def little_network(seed: int) -> Network:
    """Return a network of three to five layers, drawn from ``seed``.

    In turn a chain, one with a depthwise convolution, and one with a shortcut around a layer.
    """
    return _Builder(np.random.default_rng(seed)).build(("chain", "depthwise", "join")[seed % 3])


class _Builder:
    """Draws layers one after another; weights are random, bounds exact."""

    def __init__(self, random: Generator) -> None:
        self.random = random
        size, channels = int(random.integers(3, 6)), int(random.integers(1, 4))
        self.input = Tensor("frame", (size, size, channels), 0, 255)
        self.layers: list[Layer] = []

    def build(self, kind: str) -> Network:
        """Return the network, which ends in a dense layer."""
        bits = int(self.random.choice([2, 4, 8]))
        x = self._conv(self.input, (1, 1) if kind == "join" else (2, 2), bits)
        x = self._threshold(x, bits)
        if kind == "join":
            x = self._add(self._conv(x, (1, 1), bits, channels=x.shape[2]), x)
        elif kind == "depthwise":
            x = self._threshold(self._depthwise(x, bits), 1)
        elif x.shape[0] >= 4:
            x = self._pool(x)
        if self.random.random() < 0.3 and not x.bipolar:
            x = self._pad(x)
        scores = self._conv(self._flat(x), (1, 1), bits)
        return Network("little", self.input, tuple(self.layers), scores.name, 1.0)

    def _add_layer(self, layer: Layer) -> Tensor:
        self.layers.append(layer)
        return layer.output

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.layers)}"

    def _tensor(
        self, name: str, shape: tuple[int, int, int], low: int, high: int, *, bipolar: bool = False
    ) -> Tensor:
        return Tensor(f"{name}_out", shape, low, high, bipolar)

    def _weights(self, shape: tuple[int, ...], bits: int) -> IntArray:
        limit = 1 << (bits - 1)
        weights = self.random.integers(-limit, limit, size=shape, dtype=np.int64)
        weights.flat[:2] = (-limit, 1)
        return weights

    def _conv(
        self, x: Tensor, kernel: tuple[int, int], bits: int, *, channels: int | None = None
    ) -> Tensor:
        name = self._name("conv")
        channels = int(self.random.integers(2, 5)) if channels is None else channels
        weights = self._weights((channels, *kernel, x.shape[2]), bits)
        shape = (x.shape[0] - kernel[0] + 1, x.shape[1] - kernel[1] + 1, channels)
        low, high = _bounds(weights.reshape(channels, -1), x)
        out = self._tensor(name, shape, low, high)
        return self._add_layer(Conv(name, name, (x.name,), out, weights))

    def _depthwise(self, x: Tensor, bits: int) -> Tensor:
        name, channels = self._name("depthwise"), x.shape[2]
        weights = self._weights((channels, 2, 2), bits)
        low, high = _bounds(weights.reshape(channels, -1), x)
        out = self._tensor(name, (x.shape[0] - 1, x.shape[1] - 1, channels), low, high)
        return self._add_layer(Depthwise(name, name, (x.name,), out, weights))

    def _threshold(self, x: Tensor, bits: int) -> Tensor:
        name, steps = self._name("threshold"), (1 << bits) - 1
        drawn = self.random.integers(x.low, x.high + 2, size=(x.shape[2], steps))
        thresholds = np.sort(drawn.astype(np.int64), axis=1)
        out = self._tensor(name, x.shape, 0, steps)
        if bits == 1:
            out = replace(out, low=-1, high=1, bipolar=True)
        return self._add_layer(Threshold(name, name, (x.name,), out, thresholds))

    def _pool(self, x: Tensor) -> Tensor:
        name = self._name("pool")
        shape = (x.shape[0] // 2, x.shape[1] // 2, x.shape[2])
        out = self._tensor(name, shape, x.low, x.high)
        return self._add_layer(MaxPool(name, name, (x.name,), out, (2, 2), (2, 2)))

    def _pad(self, x: Tensor) -> Tensor:
        name = self._name("pad")
        shape = (x.shape[0] + 1, x.shape[1] + 1, x.shape[2])
        out = self._tensor(name, shape, min(0, x.low), max(0, x.high))
        return self._add_layer(Pad(name, name, (x.name,), out, (1, 1, 0, 0), 0))

    def _add(self, x: Tensor, y: Tensor) -> Tensor:
        name = self._name("add")
        out = self._tensor(name, x.shape, x.low + y.low, x.high + y.high)
        return self._add_layer(Add(name, name, (x.name, y.name), out))

    def _flat(self, x: Tensor) -> Tensor:
        name = self._name("flat")
        size = x.shape[0] * x.shape[1] * x.shape[2]
        out = self._tensor(name, (1, 1, size), x.low, x.high, bipolar=x.bipolar)
        return self._add_layer(Reshape(name, name, (x.name,), out))


def _bounds(rows: IntArray, x: Tensor) -> tuple[int, int]:
    """Return the least and largest dot product of ``rows`` (outputs, inputs) with values of x."""
    above, below = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    low, high = above * x.low + below * x.high, above * x.high + below * x.low
    return int(low.min()), int(high.max())
