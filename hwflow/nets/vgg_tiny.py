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
from hwflow.nets.plan import INPUT_BITS, KERNEL, Plan
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
        layers: dict[str, nn.Module] = {}
        bits = iter(zip(plan.weight_bits, (*plan.act_bits[1:], None), strict=True))

        def unit(name: str, layer: nn.Module, norm: nn.Module, act_bits: int | None) -> None:
            assert act_bits is not None
            layers[name] = layer
            layers[f"{name}_norm"] = norm
            layers[f"{name}_act"] = activation(act_bits, quantised=quantised)

        for conv in plan.convs:
            weight_bits, act_bits = next(bits)
            quant = weight_kwargs(weight_bits if quantised else None)
            layer = QuantConv2d(conv.inputs, conv.outputs, KERNEL, bias=False, **quant)
            unit(conv.name, layer, nn.BatchNorm2d(conv.outputs), act_bits)
            if conv.pool:
                layers[f"{conv.name}_pool"] = nn.MaxPool2d(2)
        layers["flatten"] = nn.Flatten()
        for dense in plan.dense:
            weight_bits, act_bits = next(bits)
            quant = weight_kwargs(weight_bits if quantised else None)
            layer = QuantLinear(dense.inputs, dense.outputs, bias=False, **quant)
            if dense is plan.dense[-1]:
                layers[dense.name] = layer
            else:
                unit(dense.name, layer, nn.BatchNorm1d(dense.outputs), act_bits)
        self.layers = nn.Sequential()
        for name, module in layers.items():
            self.layers.add_module(name, module)

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
        return bits, 1.0 if bits == INPUT_BITS and len(self.plan.act_bits) == 1 else act_scale(bits)

    @property
    def score_scale(self) -> float:
        """Real value of one integer score step, a power of two."""
        return float(self.classifier.quant_weight().scale) * self.classifier_input[1]
