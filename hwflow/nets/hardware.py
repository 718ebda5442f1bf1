"""The hardware nodes that a network is expected to become, for ``hwflow.cost.network``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

from hwflow.cost.nodes import (
    Activating,
    Forking,
    Joining,
    Map,
    Node,
    Padding,
    Pooling,
    Products,
    Windows,
)
from hwflow.nets.padding import Pad
from hwflow.nets.pooling import GlobalPool
from hwflow.nets.resnet import ResidualBlock
from hwflow.nets.stage_net import StageNet
from hwflow.nets.unit import FRAME, Codes, Unit, codes_of


def hardware(network: StageNet) -> tuple[Node, ...]:
    """Return the nodes of ``network`` in order, the branches of a block one after the other."""
    height, width, channels = network.frame_shape
    walk = _Walk(Map(height, width, channels), FRAME)
    return tuple(walk.over(network.layers))


class _Walk:
    """Goes through the layers; ``at``, ``codes``: of what the next one reads."""

    def __init__(self, at: Map, codes: Codes) -> None:
        self._at, self._codes = at, codes
        self._name = "frame"
        # Part of a frame that the layers have read before their first output.
        self._lead = 0.0

    def over(self, layers: Iterable[nn.Module]) -> Iterator[Node]:
        """Yield the nodes of ``layers``."""
        for layer in layers:
            if isinstance(layer, Unit):
                yield from self._unit(layer)
            elif isinstance(layer, nn.MaxPool2d):
                yield self._pool(_side(layer.kernel_size), _side(layer.stride))
            elif isinstance(layer, GlobalPool):
                yield from self._global_pool(layer)
            elif isinstance(layer, ResidualBlock):
                yield from self._block(layer)
            elif isinstance(layer, nn.Flatten):
                self._flatten()
            elif isinstance(layer, nn.Sequential):
                yield from self.over(layer)
            else:
                assert isinstance(layer, Pad), layer
                yield self._pad(layer.pixels)

    def _pad(self, pads: int) -> Node:
        at = Map(self._at.height + 2 * pads, self._at.width + 2 * pads, self._at.channels)
        self._at = at
        return Padding(self._name, at, self._codes.bits)

    def _unit(self, unit: Unit) -> Iterator[Node]:
        shape, self._name = unit.geometry, unit.name
        if shape.linear:
            self._flatten()
        elif shape.padding:
            yield self._pad(shape.padding)
        out = self._after(shape.kernel, shape.stride, shape.outputs)
        if shape.kernel > 1 or shape.stride > 1:
            depthwise = unit.cost.depthwise
            bits = self._codes.bits
            windows = Windows(self._name, self._at, bits, shape.kernel, out.pixels, depthwise)
            self._lead += windows.refill / self._at.pixels
            yield windows
        act = None if unit.act is None else unit.output
        products = Products(
            unit.cost, self._codes.binary, thresholded=act is not None and act.binary
        )
        yield products
        self._at = out
        if act is None:
            return
        self._codes = act
        if not (products.xnor and products.thresholded):
            yield self._activation(products.acc_bits)

    def _pool(self, kernel: int, stride: int) -> Node:
        at, bits = self._at, self._codes.bits
        self._lead += ((kernel - 1) * at.width + kernel) / at.pixels
        self._at = self._after(kernel, stride, at.channels)
        return Pooling(self._name, at, bits, bits, (kernel, kernel), add=False)

    def _global_pool(self, pool: GlobalPool) -> Iterator[Node]:
        at, bits = self._at, self._codes.bits
        total = bits + (at.pixels - 1).bit_length()
        yield Pooling(self._name, at, bits, total, (at.height, at.width), add=True)
        self._at, self._codes = Map(1, 1, at.channels), codes_of(pool.act)
        yield self._activation(total)

    def _block(self, block: ResidualBlock) -> Iterator[Node]:
        at, codes = self._at, self._codes
        yield Forking(self._name, at, codes.bits)
        self._lead = 0.0
        yield from self.over(block.main)
        lead, out, main = self._lead, self._at, self._codes
        self._at, self._codes, self._lead = at, codes, 0.0
        yield from self.over(block.short)
        held = max(0.0, lead - self._lead)
        total = max(main.bits, self._codes.bits) + 1
        self._at, self._codes = out, codes_of(block.act)
        yield Joining(self._name, out, main.bits, total, held)
        yield self._activation(total)

    def _activation(self, in_bits: int) -> Node:
        codes = self._codes
        steps = 1 if codes.binary else codes.high - codes.low
        return Activating(self._name, self._at, in_bits, codes.bits, steps)

    def _flatten(self) -> None:
        self._at = Map(1, 1, self._at.pixels * self._at.channels)

    def _after(self, kernel: int, stride: int, channels: int) -> Map:
        """Return the map of windows of ``kernel`` pixels a side."""
        at = self._at
        height, width = ((side - kernel) // stride + 1 for side in (at.height, at.width))
        return Map(height, width, channels)


def _side(size: int | tuple[int, int]) -> int:
    assert isinstance(size, int), "pools are square"
    return size
