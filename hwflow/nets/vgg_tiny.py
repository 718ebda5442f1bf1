"""A small VGG as plain PyTorch with Brevitas layers, obeying hwflow's network rules.

Rules: uint8 codes in, no bias before batch-norm, max-pool behind the activation, no padding, no
bias and one scale in the classifier. Then scores are integers times one positive scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from hwflow.nets.layers import QuantConv2d, QuantLinear
from hwflow.nets.plan import KERNEL, Conv, Dense, Plan
from hwflow.nets.quantisers import act_scale, activation, weight_kwargs


@dataclass(frozen=True)
class Unit:
    """A weight layer with the batch-norm and activation behind it.

    ``input_bits``/``output_bits``: activation codes; 1 is ±1. ``input_scale``/``output_scale``: the
    real value of one step. Brevitas ships no types, hence Any.
    """

    name: str
    layer: Any
    norm: Any
    act: nn.Module
    input_bits: int
    input_scale: float
    output_bits: int
    output_scale: float


class VggTinyNet(nn.Module):
    """Scores (N, classes) of frames (N, C, H, W) float32 holding the integers 0..255.

    ``quantised=False`` builds the float network of the same parameter names, for a warm start.
    """

    def __init__(self, plan: Plan, *, quantised: bool = True) -> None:
        super().__init__()
        self.plan = plan
        self.layers = nn.Sequential()
        act_bits = (*plan.act_bits[1:], None)  # none behind the classifier
        for shape, weight_bits, bits in zip(plan.shapes, plan.weight_bits, act_bits, strict=True):
            quant = weight_kwargs(weight_bits if quantised else None)
            if isinstance(shape, Dense) and shape is plan.dense[0]:
                self.layers.add_module("flatten", nn.Flatten())
            self.layers.add_module(shape.name, _weight_layer(shape, quant))
            if bits is not None:
                norm = nn.BatchNorm2d if isinstance(shape, Conv) else nn.BatchNorm1d
                self.layers.add_module(f"{shape.name}_norm", norm(shape.outputs))
                self.layers.add_module(f"{shape.name}_act", activation(bits, quantised=quantised))
            if isinstance(shape, Conv) and shape.pool:
                self.layers.add_module(f"{shape.name}_pool", nn.MaxPool2d(2))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the scores of ``codes`` (N, C, H, W) float32 integers 0..255."""
        scores: Tensor = self.layers(codes)
        return scores

    def units(self) -> Iterator[Unit]:
        """Yield every weight layer but the classifier, input first."""
        names = [cost.name for cost in self.plan.costs()][:-1]
        scale = 1.0
        for name, input_bits, output_bits in zip(
            names, self.plan.act_bits[:-1], self.plan.act_bits[1:], strict=True
        ):
            layer, norm, act = (
                self.layers.get_submodule(name + suffix) for suffix in ("", "_norm", "_act")
            )
            output_scale = act_scale(output_bits)
            yield Unit(name, layer, norm, act, input_bits, scale, output_bits, output_scale)
            scale = output_scale

    @property
    def classifier(self) -> Any:
        """The layer whose outputs are the scores."""
        return self.layers.get_submodule(self.plan.dense[-1].name)

    @property
    def classifier_input(self) -> tuple[int, float]:
        """(bits, scale) of the classifier's input."""
        bits = self.plan.act_bits[-1]
        only_layer = len(self.plan.act_bits) == 1  # it sees the frame itself
        return bits, 1.0 if only_layer else act_scale(bits)

    @property
    def score_scale(self) -> float:
        """Real value of one integer score step, a power of two."""
        return float(self.classifier.quant_weight().scale) * self.classifier_input[1]


def _weight_layer(shape: Conv | Dense, quant: dict[str, object]) -> nn.Module:
    layer: nn.Module
    if isinstance(shape, Conv):
        layer = QuantConv2d(shape.inputs, shape.outputs, KERNEL, bias=False, **quant)
    else:
        layer = QuantLinear(shape.inputs, shape.outputs, bias=False, **quant)
    return layer
