"""What a network consists of in hardware, without prices: a chain of nodes.

``name`` is of the layer that a node belongs to, ``at`` the map that it reads, and ``in_bits``,
``out_bits`` are of one value.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwflow.cost.bops import LayerCost


@dataclass(frozen=True)
class Map:
    """A feature map, of features where it is 1 × 1."""

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Pixels of a frame."""
        return self.height * self.width


@dataclass(frozen=True)
class Padding:
    """Surrounds a map by a constant; ``at``: with it."""

    name: str
    at: Map
    in_bits: int


@dataclass(frozen=True)
class Windows:
    """Takes ``out`` windows of ``kernel`` × ``kernel`` pixels from a map, padded already."""

    name: str
    at: Map
    in_bits: int
    kernel: int
    out: int
    depthwise: bool

    @property
    def refill(self) -> int:
        """Pixels that come before the first window is whole."""
        return (self.kernel - 1) * self.at.width + self.kernel


@dataclass(frozen=True)
class Products:
    """The matrix product of ``cost``.

    ``binary``: what it reads is -1 or +1; ``thresholded``: so is what is made of its sums.
    """

    cost: LayerCost
    binary: bool = False
    thresholded: bool = False

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.cost.name

    @property
    def in_bits(self) -> int:
        """Bits of an activation."""
        return self.cost.act_bit_width

    @property
    def xnor(self) -> bool:
        """Whether weights and activations are -1 and +1; it then makes a binary output itself."""
        return self.binary and self.cost.weight_bit_width == 1

    @property
    def acc_bits(self) -> int:
        """Bits of a sum."""
        layer = self.cost
        if self.xnor:
            return layer.fan_in.bit_length() + 1
        weight = max(1, (1 << layer.weight_bit_width - 1) - 1)
        act = 1 if self.binary else (1 << layer.act_bit_width) - 1
        return (layer.fan_in * weight * act).bit_length() + 1


@dataclass(frozen=True)
class Activating:
    """Turns sums into codes of ``steps`` steps."""

    name: str
    at: Map
    in_bits: int
    out_bits: int
    steps: int


@dataclass(frozen=True)
class Pooling:
    """Takes the maximum of windows of ``kernel`` (height, width), or their sum (``add``)."""

    name: str
    at: Map
    in_bits: int
    out_bits: int
    kernel: tuple[int, int]
    add: bool


@dataclass(frozen=True)
class Forking:
    """Sends a map to both branches of a residual block."""

    name: str
    at: Map
    in_bits: int


@dataclass(frozen=True)
class Joining:
    """Adds both branches up; ``held``: part of a frame that waits on the shorter one."""

    name: str
    at: Map
    in_bits: int
    out_bits: int
    held: float


Node = Padding | Windows | Products | Activating | Pooling | Forking | Joining
