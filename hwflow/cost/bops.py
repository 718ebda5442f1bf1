"""Arithmetic cost of a network from its layers' shapes: MACs, BOPs, parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerCost:
    """One layer with weights: a dot product of ``fan_in`` inputs for each of ``outputs`` values.

    ``pixels``: output positions per frame (1 for a fully connected layer). ``depthwise``: each
    output has inputs of its own.
    """

    name: str
    fan_in: int
    outputs: int
    pixels: int
    weight_bit_width: int
    act_bit_width: int
    depthwise: bool = False

    @property
    def params(self) -> int:
        """Weights."""
        return self.fan_in * self.outputs

    @property
    def weight_bits(self) -> int:
        """Bits of all weights."""
        return self.params * self.weight_bit_width

    @property
    def macs(self) -> int:
        """Multiply-accumulates per frame."""
        return self.params * self.pixels

    @property
    def bops(self) -> int:
        """MACs × weight bits × input bits, as qonnx's ``inference_cost`` counts them."""
        return self.macs * self.weight_bit_width * self.act_bit_width


@dataclass(frozen=True)
class NetworkCost:
    """Sums over the layers of one stage, per frame."""

    params: int
    weight_bits: int
    macs: int
    bops: int


def total(layers: Iterable[LayerCost]) -> NetworkCost:
    """Return the sums over ``layers``."""
    layers = tuple(layers)
    return NetworkCost(
        params=sum(layer.params for layer in layers),
        weight_bits=sum(layer.weight_bits for layer in layers),
        macs=sum(layer.macs for layer in layers),
        bops=sum(layer.bops for layer in layers),
    )
