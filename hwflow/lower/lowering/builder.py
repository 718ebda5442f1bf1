"""Layers under construction: names, exact bounds per channel, and the types of bipolar tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import UnsupportedModelError
from hwflow.lower.network import (
    Add,
    Affine,
    Conv,
    Depthwise,
    IntArray,
    Layer,
    MaxPool,
    Pad,
    Pair,
    Reshape,
    Shape,
    SumPool,
    Tensor,
    Threshold,
)

INPUT = "input"
_WIDEST = 2**31
# Layers that hand on what they read, and layers that read ±1 as bits.
_PASSING = (Pad, MaxPool, Reshape)
_BIT_READERS = (*_PASSING, Conv, Depthwise)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Least and greatest integer of each channel: ``lows``, ``highs`` (C,) int64."""

    lows: IntArray
    highs: IntArray

    @property
    def low(self) -> int:
        """Least integer of all."""
        return int(self.lows.min())

    @property
    def high(self) -> int:
        """Greatest integer of all."""
        return int(self.highs.max())

    def including(self, value: int) -> Bounds:
        """Return bounds that hold ``value`` too, in every channel."""
        return Bounds(np.minimum(self.lows, value), np.maximum(self.highs, value))


class Builder:
    """Appends layers to a network and knows the bounds of each channel of each tensor.

    Methods that append a layer return the name of its output tensor. ``source``: the ONNX node
    that a layer stands for.
    """

    def __init__(self, input_tensor: Tensor) -> None:
        self.input = input_tensor
        self._layers: dict[str, Layer] = {}  # by name of the output tensor, in order
        self._names: Counter[str] = Counter()
        channels = input_tensor.shape[2]
        self._bounds = {
            input_tensor.name: Bounds(
                np.full(channels, input_tensor.low), np.full(channels, input_tensor.high)
            )
        }

    def tensor(self, name: str) -> Tensor:
        """Return the tensor called ``name``."""
        return self.input if name == self.input.name else self._layers[name].output

    def bounds(self, name: str) -> Bounds:
        """Return the bounds of what occurs in the tensor ``name``; its type may hold more."""
        return self._bounds[name]

    def pad(self, source: str, x: str, pads: tuple[int, int, int, int], value: int) -> str:
        """Append a ``Pad``; widens the type of what it pads where ``value`` needs it."""
        tensor = self.tensor(x)
        bounds = self._bounds[x].including(value)
        if tensor.bipolar and abs(value) == 1:
            low, high, bipolar = -1, 1, True
        else:
            low, high, bipolar = min(tensor.low, value), max(tensor.high, value), False
            padded = replace(tensor, low=low, high=high, bipolar=False)
            if padded.datatype != replace(tensor, bipolar=False).datatype:
                x = self.widen(source, x, value)
        height, width, channels = tensor.shape
        shape = (height + pads[0] + pads[2], width + pads[1] + pads[3], channels)

        def make(name: str, output: Tensor) -> Layer:
            return Pad(name, source, (x,), output, pads=pads, value=value)

        return self._append("pad", make, shape, bounds, tensor=(low, high, bipolar))

    def conv(self, source: str, x: str, weights: IntArray, stride: Pair, dilation: Pair) -> str:
        """Append a ``Conv``; ``weights`` (OC, KH, KW, IC)."""
        read = self._bounds[x]
        sums = weights.sum(axis=(1, 2), dtype=np.int64)
        positive = np.maximum(weights, 0).sum(axis=(1, 2), dtype=np.int64)
        negative = sums - positive
        bounds = Bounds(
            positive @ read.lows + negative @ read.highs,
            positive @ read.highs + negative @ read.lows,
        )
        shape = self._windows(
            source, x, cast(Pair, weights.shape[1:3]), stride, dilation, len(weights)
        )

        def make(name: str, output: Tensor) -> Layer:
            return Conv(
                name, source, (x,), output, weights=weights, stride=stride, dilation=dilation
            )

        return self._append("conv", make, shape, bounds)

    def depthwise(
        self,
        source: str,
        x: str,
        weights: IntArray,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
    ) -> str:
        """Append a ``Depthwise``; ``weights`` (C, KH, KW)."""
        read = self._bounds[x]
        positive = np.maximum(weights, 0).sum(axis=(1, 2))
        negative = weights.sum(axis=(1, 2)) - positive
        bounds = Bounds(
            positive * read.lows + negative * read.highs,
            positive * read.highs + negative * read.lows,
        )
        shape = self._windows(
            source, x, cast(Pair, weights.shape[1:]), stride, dilation, len(weights)
        )

        def make(name: str, output: Tensor) -> Layer:
            return Depthwise(
                name, source, (x,), output, weights=weights, stride=stride, dilation=dilation
            )

        return self._append("depthwise", make, shape, bounds)

    def threshold(
        self, source: str, x: str, thresholds: IntArray, bounds: Bounds, *, bipolar: bool
    ) -> str:
        """Append a ``Threshold`` (C, T) that counts from the lowest of ``bounds`` of its codes."""

        def make(name: str, output: Tensor) -> Layer:
            return Threshold(name, source, (x,), output, thresholds=thresholds)

        shape = self.tensor(x).shape
        high = bounds.low + thresholds.shape[1]
        levels = (-1, 1, True) if bipolar else (bounds.low, high, False)
        return self._append("threshold", make, shape, bounds, tensor=levels)

    def max_pool(self, source: str, x: str, kernel: Pair, stride: Pair) -> str:
        """Append a ``MaxPool``."""
        tensor = self.tensor(x)
        shape = self._windows(source, x, kernel, stride, (1, 1), tensor.shape[2])

        def make(name: str, output: Tensor) -> Layer:
            return MaxPool(name, source, (x,), output, kernel=kernel, stride=stride)

        same = (tensor.low, tensor.high, tensor.bipolar)
        return self._append("maxpool", make, shape, self._bounds[x], tensor=same)

    def sum_pool(self, source: str, x: str, kernel: Pair, stride: Pair) -> str:
        """Append a ``SumPool``."""
        count = kernel[0] * kernel[1]
        read = self._bounds[x]
        bounds = Bounds(read.lows * count, read.highs * count)
        shape = self._windows(source, x, kernel, stride, (1, 1), self.tensor(x).shape[2])

        def make(name: str, output: Tensor) -> Layer:
            return SumPool(name, source, (x,), output, kernel=kernel, stride=stride)

        return self._append("sumpool", make, shape, bounds)

    def add(self, source: str, a: str, b: str, factors: Pair) -> str:
        """Append an ``Add``."""
        terms = [
            np.sort([self._bounds[name].lows * factor, self._bounds[name].highs * factor], axis=0)
            for name, factor in zip((a, b), factors, strict=True)
        ]
        bounds = Bounds(terms[0][0] + terms[1][0], terms[0][1] + terms[1][1])

        def make(name: str, output: Tensor) -> Layer:
            return Add(name, source, (a, b), output, factors=factors)

        return self._append("add", make, self.tensor(a).shape, bounds)

    def affine(self, source: str, x: str, multiplier: IntArray, offset: IntArray) -> str:
        """Append an ``Affine``; ``multiplier`` (C,) is not negative."""
        read = self._bounds[x]
        bounds = Bounds(read.lows * multiplier + offset, read.highs * multiplier + offset)

        def make(name: str, output: Tensor) -> Layer:
            return Affine(name, source, (x,), output, multiplier=multiplier, offset=offset)

        return self._append("affine", make, self.tensor(x).shape, bounds)

    def reshape(self, source: str, x: str) -> str:
        """Append a ``Reshape`` to a vector."""
        tensor, read = self.tensor(x), self._bounds[x]
        height, width, channels = tensor.shape
        pixels = height * width

        def make(name: str, output: Tensor) -> Layer:
            return Reshape(name, source, (x,), output)

        bounds = Bounds(np.tile(read.lows, pixels), np.tile(read.highs, pixels))
        same = (tensor.low, tensor.high, tensor.bipolar)
        return self._append("reshape", make, (1, 1, channels * pixels), bounds, tensor=same)

    def flip(self, source: str, x: str, channels: NDArray[np.bool_], *, owned: bool) -> str:
        """Return a tensor that is ``x`` with the other sign in ``channels`` (C,).

        ``owned``: nothing else reads ``x``, so that the weights in front of it may change sign;
        else, or where there are none, a layer of ±1 is appended.
        """
        layer = self._layers.get(x)
        signs = np.where(channels, -1, 1)
        if not owned or not isinstance(layer, Conv | Depthwise):
            return self.depthwise(source, x, signs[:, np.newaxis, np.newaxis])
        read = self._bounds[x]
        bounds = Bounds(
            np.where(channels, -read.highs, read.lows), np.where(channels, -read.lows, read.highs)
        )
        shape = (-1, *(1,) * (layer.weights.ndim - 1))
        output = replace(layer.output, low=bounds.low, high=bounds.high)
        self._layers[x] = replace(
            layer, output=output, weights=layer.weights * signs.reshape(shape)
        )
        self._bounds[x] = bounds
        return x

    def shift_codes(self, x: str) -> tuple[str, int]:
        """Return a tensor whose type is signed, and how much less its integers are than ``x``'s.

        Nothing else may read ``x``. Codes of a ``Threshold`` are counted from a lower level; the
        type of other tensors is widened.
        """
        layer, tensor = self._layers.get(x), self.tensor(x)
        if tensor.low < 0:
            return x, 0
        if not isinstance(layer, Threshold):
            return self.widen(x, x, -1), 0
        shift = max((tensor.low + tensor.high + 1) // 2, tensor.low + 1)
        output = replace(tensor, low=tensor.low - shift, high=tensor.high - shift)
        self._layers[x] = replace(layer, output=output)
        read = self._bounds[x]
        self._bounds[x] = Bounds(read.lows - shift, read.highs - shift)
        return x, shift

    def widen(self, source: str, x: str, value: int) -> str:
        """Return a tensor with the integers of ``x`` whose type holds ``value`` as well."""
        tensor, layer = self.tensor(x), self._layers.get(x)
        low, high = min(tensor.low, value), max(tensor.high, value)
        output = replace(tensor, low=low, high=high, bipolar=False)
        if self._is_input(x):
            x = self.depthwise(source, x, np.ones((tensor.shape[2], 1, 1), np.int64))
            layer = self._layers[x]
            output = replace(layer.output, low=low, high=high)
        if isinstance(layer, Threshold):
            layer = _doubled(layer) if tensor.bipolar else layer
            read = self.tensor(layer.inputs[0])
            edges = ((0, 0), (tensor.low - low, high - tensor.high))
            thresholds = np.pad(
                layer.thresholds, edges, constant_values=((0, 0), (read.low, read.high + 1))
            )
            layer = replace(layer, thresholds=thresholds)
        elif isinstance(layer, _PASSING):
            self.widen(source, layer.inputs[0], value)
        self._layers[x] = replace(cast(Layer, layer), output=output)
        return x

    def _is_input(self, x: str) -> bool:
        """Whether ``x`` is the input, or handed on from it: bytes, whose type is given."""
        layer = self._layers.get(x)
        return layer is None or (isinstance(layer, _PASSING) and self._is_input(layer.inputs[0]))

    def finish(self, scores: str) -> tuple[Layer, ...]:
        """Return the layers, with bipolar tensors as integers where a reader needs them so."""
        plain = {scores}
        while True:
            before = len(plain)
            for layer in self._layers.values():
                names = (*layer.inputs, layer.output.name)
                odd = isinstance(layer, Pad) and abs(layer.value) != 1
                if odd or not isinstance(layer, _BIT_READERS):
                    plain.update(layer.inputs)
                if isinstance(layer, _PASSING) and (
                    odd or any(name in plain or not self.tensor(name).bipolar for name in names)
                ):
                    plain.update(names)
            if len(plain) == before:
                break
        for name, layer in self._layers.items():
            if layer.output.bipolar and name in plain:
                layer = _doubled(layer) if isinstance(layer, Threshold) else layer
                self._layers[name] = replace(layer, output=replace(layer.output, bipolar=False))
        return tuple(self._layers.values())

    def _windows(
        self, source: str, x: str, kernel: Pair, stride: Pair, dilation: Pair, channels: int
    ) -> Shape:
        height, width, _ = self.tensor(x).shape
        rows = (height - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
        columns = (width - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
        if min(rows, columns) < 1:
            raise UnsupportedModelError(
                f"its window {kernel} is larger than the map of {height} × {width}", node=source
            )
        return rows, columns, channels

    def _append(
        self,
        prefix: str,
        make: Callable[[str, Tensor], Layer],
        shape: Shape,
        bounds: Bounds,
        *,
        tensor: tuple[int, int, bool] | None = None,
    ) -> str:
        name = f"{prefix}{self._names[prefix]}"
        self._names[prefix] += 1
        low, high, bipolar = tensor if tensor is not None else (bounds.low, bounds.high, False)
        output = Tensor(f"{name}_out", shape, low, high, bipolar)
        layer = make(name, output)
        if not -_WIDEST < low <= high < _WIDEST:
            raise UnsupportedModelError(
                f"its integers reach {low} … {high}, more than 32 bits; quantise with fewer bits, "
                "or put a quantiser in front",
                node=layer.source,
            )
        self._layers[output.name] = layer
        self._bounds[output.name] = bounds
        return output.name


def _doubled(layer: Threshold) -> Threshold:
    """Return a bipolar threshold as one that steps from −1 to 1 over two equal thresholds."""
    output = replace(layer.output, bipolar=False)
    return replace(layer, output=output, thresholds=np.repeat(layer.thresholds, 2, axis=1))
