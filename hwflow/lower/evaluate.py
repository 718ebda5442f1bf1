"""Exact execution of an integer network: the golden integers of every layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hwflow.log import Progress, silent
from hwflow.lower.network import (
    Add,
    Affine,
    Conv,
    Depthwise,
    IntArray,
    Layer,
    MaxPool,
    Network,
    Pad,
    Pair,
    Reshape,
    SumPool,
    Threshold,
)

# Floats hold every integer up to here, so that sums below it are exact in BLAS too.
EXACT_32, EXACT = 2**24, 2**53
# Frames that are executed together: bounds the memory that windows of a large layer take.
BATCH = 16


def evaluate(
    network: Network, frames: NDArray[np.integer], *, progress: Progress = silent
) -> IntArray:
    """Return the scores (N, classes) of ``frames`` (N, H, W, C) within the input's bounds.

    Frames of an int8 network may be given as the uint8 bytes that stand for them.
    """
    batches = []
    for start in range(0, len(frames), BATCH):
        values = evaluate_all(network, frames[start : start + BATCH])
        batches.append(values[network.scores].reshape(-1, network.classes))
        progress("integer network", min(start + BATCH, len(frames)), len(frames))
    return np.concatenate(batches)


def evaluate_all(network: Network, frames: NDArray[np.integer]) -> dict[str, IntArray]:
    """Return every tensor (N, H, W, C) int64 by name; see ``evaluate``.

    Each value is checked against its tensor's bounds: what a bound leaves out, the hardware's
    stream could not carry.
    """
    values = {network.input.name: as_integers(network, frames)}
    for layer in network.layers:
        value = apply(layer, values)
        tensor = layer.output
        assert value.shape[1:] == tensor.shape, (layer.name, value.shape, tensor.shape)
        assert tensor.low <= value.min() <= value.max() <= tensor.high, (
            layer.name,
            (value.min(), value.max()),
            (tensor.low, tensor.high),
        )
        values[tensor.name] = value
    return values


def as_integers(network: Network, frames: NDArray[np.integer]) -> IntArray:
    """Return ``frames`` as int64, the bytes of an int8 network read as two's complement."""
    if network.input.signed and frames.dtype == np.uint8:
        frames = frames.view(np.int8)
    return frames.astype(np.int64)


def apply(layer: Layer, values: Mapping[str, IntArray]) -> IntArray:
    """Return what ``layer`` makes of ``values`` (N, H, W, C) by tensor name, exactly."""
    return _apply(layer, *(values[name] for name in layer.inputs))


@singledispatch
def _apply(layer: Layer, *inputs: IntArray) -> IntArray:
    raise NotImplementedError(layer.kind)


@_apply.register
def _(layer: Pad, x: IntArray) -> IntArray:
    top, left, bottom, right = layer.pads
    pads = ((0, 0), (top, bottom), (left, right), (0, 0))
    return np.pad(x, pads, constant_values=layer.value)


@_apply.register
def _(layer: Conv, x: IntArray) -> IntArray:
    kernel = layer.weights.shape[1:3]
    matrix = layer.weights.transpose(3, 1, 2, 0).reshape(-1, len(layer.weights))
    fast = _fast(x, matrix)
    windows = _windows(x.astype(fast), cast(Pair, kernel), layer.stride, layer.dilation)
    shape = windows.shape[:3]
    sums = windows.reshape(-1, len(matrix)) @ matrix.astype(fast)
    return sums.astype(np.int64).reshape(*shape, -1)


@_apply.register
def _(layer: Depthwise, x: IntArray) -> IntArray:
    windows = _windows(x, cast(Pair, layer.weights.shape[1:]), layer.stride, layer.dilation)
    # One place of the kernel after the other: several times as fast as numpy's einsum.
    sums = np.zeros(windows.shape[:4], np.int64)
    for row, column in np.ndindex(layer.weights.shape[1:]):
        sums += windows[..., row, column] * layer.weights[:, row, column]
    return sums


@_apply.register
def _(layer: Threshold, x: IntArray) -> IntArray:
    if layer.thresholds.shape[1] == 1:
        return layer.output.low + layer.step * (x >= layer.thresholds[:, 0])
    count = np.empty_like(x)
    for channel, thresholds in enumerate(layer.thresholds):
        count[..., channel] = np.searchsorted(thresholds, x[..., channel], side="right")
    return layer.output.low + layer.step * count


@_apply.register
def _(layer: MaxPool, x: IntArray) -> IntArray:
    return cast(IntArray, _windows(x, layer.kernel, layer.stride).max(axis=(-2, -1)))


@_apply.register
def _(layer: SumPool, x: IntArray) -> IntArray:
    return cast(IntArray, _windows(x, layer.kernel, layer.stride).sum(axis=(-2, -1)))


@_apply.register
def _(layer: Add, a: IntArray, b: IntArray) -> IntArray:
    return layer.factors[0] * a + layer.factors[1] * b


@_apply.register
def _(layer: Affine, x: IntArray) -> IntArray:
    return layer.multiplier * x + layer.offset


@_apply.register
def _(layer: Reshape, x: IntArray) -> IntArray:
    return x.reshape(len(x), 1, 1, -1)


def _windows(x: NDArray[Any], kernel: Pair, stride: Pair, dilation: Pair = (1, 1)) -> NDArray[Any]:
    """Return the windows (N, OH, OW, C, KH, KW) of ``x`` (N, H, W, C), a view."""
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    view = sliding_window_view(x, span, axis=(1, 2))
    return view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


def _fast(a: IntArray, b: IntArray) -> type[np.generic]:
    """Return the fastest type in which products of values ``a`` with the matrix ``b`` are exact."""
    largest = int(np.abs(a).max(initial=0)) * int(np.abs(b).sum(axis=0).max(initial=0))
    if largest < EXACT_32:
        return np.float32
    return np.float64 if largest < EXACT else np.int64
