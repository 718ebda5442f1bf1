"""The integer network: what a quantised network computes, in integers alone.

A network is a list of layers in order of execution over named tensors. Every tensor is one frame's
feature map (H, W, C) of integers with known bounds; vectors are (1, 1, C). There are no scales:
what a file's scales, biases, batch norms and activation functions amount to has become the
thresholds of ``Threshold`` layers. ``hwflow.lower.evaluate`` executes it exactly and thereby
defines the golden integers; ``hwflow.dataflow`` turns it into hardware, layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Pair = tuple[int, int]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Tensor:
    """A feature map ``shape`` (H, W, C) of integers ``low`` … ``high`` (both may occur).

    ``bipolar``: only −1 and +1 occur, and the tensor travels as bits b with value 2b − 1. Layers
    other than ``Pad``, ``Conv``, ``Depthwise``, ``MaxPool`` and ``Reshape`` do not read such bits:
    in front of them ±1 stays an ordinary two-bit integer.
    """

    name: str
    shape: Shape
    low: int
    high: int
    bipolar: bool = False

    def __post_init__(self) -> None:
        assert self.low <= self.high, self
        assert min(self.shape) >= 1, self
        assert not self.bipolar or (self.low, self.high) == (-1, 1), self

    @property
    def signed(self) -> bool:
        """Whether the stream's integers are two's complement."""
        return self.low < 0 and not self.bipolar

    @property
    def bits(self) -> int:
        """Bits of one element on a stream; signed ones have at least 2, as qonnx wants."""
        if self.bipolar:
            return 1
        if self.low < 0:
            return max((-self.low - 1).bit_length(), max(self.high, 0).bit_length(), 1) + 1
        return max(1, self.high.bit_length())

    @property
    def datatype(self) -> str:
        """The qonnx name of the stream's element type; bipolar tensors travel as BINARY."""
        if self.bipolar:
            return "BINARY"
        return f"INT{self.bits}" if self.signed else f"UINT{self.bits}"


@dataclass(frozen=True)
class Layer:
    """One operation. ``source``: the ONNX node it stands for, for messages."""

    name: str
    source: str
    inputs: tuple[str, ...]
    output: Tensor

    kind: ClassVar[str] = ""


@dataclass(frozen=True)
class Pad(Layer):
    """Surround the map by ``value``; ``pads``: top, left, bottom, right."""

    pads: tuple[int, int, int, int]
    value: int

    kind: ClassVar[str] = "pad"


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Dense convolution without padding: ``weights`` (OC, KH, KW, IC), also a linear layer.

    out[y, x, o] = Σ weights[o, i, j, c] · in[y·stride₀ + i·dilation₀, x·stride₁ + j·dilation₁, c].
    """

    weights: IntArray
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)

    kind: ClassVar[str] = "conv"


@dataclass(frozen=True, eq=False)
class Depthwise(Layer):
    """Convolution of each channel with its own filter, without padding: ``weights`` (C, KH, KW)."""

    weights: IntArray
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)

    kind: ClassVar[str] = "depthwise"


@dataclass(frozen=True, eq=False)
class Threshold(Layer):
    """Count of thresholds reached: out = output.low + step · Σ_t [in >= thresholds[channel, t]].

    ``thresholds`` (C, T) int64, ascending along T (equal neighbours jump several steps), each in
    input.low … input.high + 1, where the last is never reached. ``step`` is 2 for bipolar outputs
    (T = 1, output.low = −1) and 1 otherwise. Not every output level needs to be reachable.
    """

    thresholds: IntArray

    kind: ClassVar[str] = "threshold"

    @property
    def step(self) -> int:
        """Difference of neighbouring output levels."""
        return 2 if self.output.bipolar else 1


@dataclass(frozen=True)
class MaxPool(Layer):
    """Maximum over windows, without padding; rows and columns beyond whole windows are dropped."""

    kernel: Pair
    stride: Pair

    kind: ClassVar[str] = "max-pool"


@dataclass(frozen=True)
class SumPool(Layer):
    """Sum over windows, without padding: average pooling whose division went elsewhere."""

    kernel: Pair
    stride: Pair

    kind: ClassVar[str] = "sum-pool"


@dataclass(frozen=True)
class Add(Layer):
    """factors₀ · inputs₀ + factors₁ · inputs₁ of two maps of one shape; factors are not 0."""

    factors: Pair = (1, 1)

    kind: ClassVar[str] = "add"


@dataclass(frozen=True, eq=False)
class Affine(Layer):
    """multiplier · in + offset, per channel: ``multiplier`` (C,), ``offset`` (C,) int64.

    Scores with a per-class scale or bias end in one.
    """

    multiplier: IntArray
    offset: IntArray

    kind: ClassVar[str] = "affine"


@dataclass(frozen=True)
class Reshape(Layer):
    """The same integers in the same row-major (H, W, C) order as (1, 1, H·W·C); costs nothing."""

    kind: ClassVar[str] = "reshape"


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in order of execution; each reads the input or outputs of layers before it.

    ``input``: bytes, uint8 (0 … 255) or int8 (−128 … 127). ``scores``: name of the tensor
    (1, 1, classes) that the network ends in. The file's own output of class c is
    ``score_scale`` · scores[c] + ``score_offset``, up to what follows the last layer and changes no
    order (softmax, arg-max), and up to float rounding.
    """

    name: str
    input: Tensor
    layers: tuple[Layer, ...]
    scores: str
    score_scale: float
    score_offset: float = 0.0

    def __post_init__(self) -> None:
        known = {self.input.name}
        for layer in self.layers:
            assert known.issuperset(layer.inputs), (layer.name, layer.inputs)
            assert layer.output.name not in known, layer.output.name
            known.add(layer.output.name)
        assert self.scores in known, self.scores
        assert self.score_scale > 0, self.score_scale

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name, the input first, in order of execution."""
        return {self.input.name: self.input} | {
            layer.output.name: layer.output for layer in self.layers
        }

    @property
    def classes(self) -> int:
        """Number of scores."""
        return self.tensors[self.scores].shape[2]

    def readers(self, tensor: str) -> Iterator[Layer]:
        """Yield the layers that read ``tensor``, in order."""
        return (layer for layer in self.layers if tensor in layer.inputs)
