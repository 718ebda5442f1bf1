"""A tensor of the file while it is lowered: integers of the network, and a stretch of floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Op
from hwflow.lower.lowering.stretch import Float32s, Stretch
from hwflow.lower.network import IntArray, Shape


@dataclass(frozen=True, eq=False)
class Value:
    """``stretch`` of the network's tensor ``tensor``.

    ``index``: for each element of the file's tensor, in its shape less the batch, the place of its
    integer in the network's tensor (H, W, C), counted row-major. ``owned``: nothing but this value
    reads the tensor, as far as the file's operators have been followed.
    """

    tensor: str
    index: IntArray
    stretch: Stretch
    owned: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The file's shape, with a batch of one."""
        return 1, *self.index.shape


def map_index(shape: Shape) -> IntArray:
    """Return the index (C, H, W) of a feature map ``shape`` (H, W, C)."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1)


def is_map(value: Value) -> bool:
    """Whether ``value`` is a feature map (1, C, H, W) in the usual order of axes."""
    if value.index.ndim != 3:
        return False
    channels, height, width = value.index.shape
    return np.array_equal(value.index, map_index((height, width, channels)))


def per_channel(op: Op, value: Value, constant: Float32s) -> Float32s:
    """Return ``constant``, which meets ``value`` in ``op``, as () or (C,) of the network's tensor.

    Raises:
        UnsupportedModelError: it broadcasts ``value``, or varies over the map.
    """
    if constant.size == 1 and constant.ndim <= len(value.shape):
        return constant.reshape(())
    try:
        spread = np.broadcast_to(constant, value.shape)
    except ValueError:
        raise UnsupportedModelError(
            f"the shapes {value.shape} and {constant.shape} meet in {op.kind}, and broadcasting "
            "would change the first; give the constant one number per channel",
            node=op.name,
        ) from None
    channels = value.stretch.channels
    places = np.empty(spread.size, np.float32)
    places[value.index.ravel()] = spread.ravel()
    pixels = places.reshape(-1, channels)
    if not (pixels == pixels[0]).all():
        raise UnsupportedModelError(
            f"the constant of this {op.kind} varies over height or width; only one number per "
            "channel can become thresholds",
            node=op.name,
        )
    return np.array(pixels[0])


def batch_norm_parameters(
    op: Op, value: Value, constants: Sequence[Float32s]
) -> tuple[Float32s, Float32s, Float32s, Float32s]:
    """Return γ, β, μ and σ² of ``op`` per channel of the network's tensor."""
    shape = (1, -1, *(1,) * (value.index.ndim - 1))
    gamma, beta, mean, variance = (
        np.broadcast_to(per_channel(op, value, constant.reshape(shape)), value.stretch.channels)
        for constant in constants
    )
    return gamma, beta, mean, variance


def flattened(value: Value, tensor: str) -> Value:
    """Return ``value`` as a vector (1, K) of ``tensor``, its map reshaped row-major."""
    index = value.index.reshape(-1)
    channels = np.tile(np.arange(value.stretch.channels), index.size // value.stretch.channels)
    return replace(value, tensor=tensor, index=index, stretch=value.stretch.take(channels))
