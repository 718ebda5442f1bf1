"""The block that networks are built of: a weight layer, batch-norm, quantised activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from hwflow.cost import LayerCost
from hwflow.nets.activations import Activation
from hwflow.nets.form import Form
from hwflow.nets.layers import QuantConv2d, QuantLinear
from hwflow.nets.padding import Pad
from hwflow.nets.plain import PlainConv2d, PlainLinear, normalise
from hwflow.nets.scales import value_of
from hwflow.nets.weights import Weights


@dataclass(frozen=True)
class Codes:
    """Integers between two layers: ``low`` … ``high`` times a real scale, ``factor`` × ``scale``.

    ``scale``: of the activation that made them; none for the frame. ``binary``: -1 and +1 alone.
    """

    bits: int
    low: int
    high: int
    binary: bool = False
    scale: nn.Module | None = None
    factor: float = 1.0

    @property
    def step(self) -> float:
        """Real value of one step; a learned scale's as it is now."""
        if self.scale is None:
            return self.factor
        return value_of(self.scale) * self.factor


FRAME = Codes(bits=8, low=0, high=255)


@dataclass(frozen=True)
class Geometry:
    """Shape of a weight layer; a linear one has kernel 1 and no padding.

    ``depthwise``: each output has one input, of its own.
    """

    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    depthwise: bool = False
    linear: bool = False

    @property
    def groups(self) -> int:
        """Parts of the inputs that do not see each other."""
        return self.inputs if self.depthwise else 1

    @property
    def fan_in(self) -> int:
        """Inputs of one output."""
        return self.inputs // self.groups * self.kernel**2


class Unit(nn.Module):
    """Weight layer without bias, then batch-norm and activation; the classifier has neither.

    ``input``: what it reads. Padding in front of a binary input is -1, as in hardware, where there
    is no zero; any other is the code 0. Brevitas ships no types, hence Any.
    """

    def __init__(
        self,
        cost: LayerCost,
        geometry: Geometry,
        *,
        source: Codes,
        weights: Weights,
        act: Activation | None,
        form: Form,
    ) -> None:
        super().__init__()
        self.cost, self.geometry, self.input, self.form = cost, geometry, source, form
        pads = geometry.padding
        self.pad = Pad(pads, -1.0) if pads and source.binary else None
        self.layer: Any = _layer(geometry, weights, form, padding=0 if self.pad else pads)
        norm = nn.BatchNorm1d if geometry.linear else nn.BatchNorm2d
        self.norm: Any = None if act is None else norm(geometry.outputs)
        self.act: Any = act

    @property
    def name(self) -> str:
        """Name of the layer, unique in its network."""
        return self.cost.name

    @property
    def output(self) -> Codes:
        """What it makes; the classifier makes none."""
        return codes_of(self.act)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations of ``x``; the classifier returns the scores."""
        if self.pad is not None:
            x = self.pad(x)
        x = self.layer(x)
        if self.act is None:
            return x
        rows = None if self.form is Form.BREVITAS else self.layer.remaining.rows
        return cast(Tensor, self.act(normalise(self.norm, x, rows)))

    def latent(self) -> Tensor:
        """Return the weights in front of the quantiser, without what masks leave out."""
        layer = self.layer
        return cast(Tensor, layer.weight if self.form is Form.BREVITAS else layer.latent())

    def filters(self) -> Tensor:
        """Return these weights, but of masked filters too."""
        layer = self.layer
        return cast(Tensor, layer.weight if self.form is Form.BREVITAS else layer.filters())


def codes_of(act: Activation) -> Codes:
    """Return the codes that ``act`` makes."""
    return Codes(act.bits + act.signed, act.low, act.high, act.binary, act.scale)


def _layer(geometry: Geometry, weights: Weights, form: Form, *, padding: int) -> Any:
    brevitas = form is Form.BREVITAS
    quant = weights.brevitas() if brevitas else {}
    layer: Any
    if geometry.linear:
        linear = QuantLinear if brevitas else PlainLinear
        layer = linear(geometry.inputs, geometry.outputs, bias=False, **quant)
    else:
        conv = QuantConv2d if brevitas else PlainConv2d
        layer = conv(
            geometry.inputs,
            geometry.outputs,
            geometry.kernel,
            stride=geometry.stride,
            padding=padding,
            groups=geometry.groups,
            bias=False,
            **quant,
        )
    weights.start_from(layer.weight)
    if form is Form.FLOAT:  # it keeps a learned scale's place, and does not train it
        weights.requires_grad_(False)
    layer.weights = weights
    if not brevitas:
        layer.quantises = form is Form.FAST
    return layer
