"""The network of one stage, whatever its family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hwflow.config.network import NetworkRecipe
from hwflow.cost import LayerCost
from hwflow.nets.activations import Activation
from hwflow.nets.form import Form
from hwflow.nets.unit import Unit


class StageNet(nn.Module):
    """Scores (N, classes) of frames (N, C, H, W) float32 holding the integers 0..255.

    ``recipe``, ``frame_shape`` (H, W, C), ``classes``: what it was built from. Layers are
    registered in order of execution.
    """

    def __init__(
        self,
        recipe: NetworkRecipe,
        frame_shape: tuple[int, int, int],
        classes: int,
        layers: Sequence[nn.Module],
        form: Form,
    ) -> None:
        super().__init__()
        self.recipe, self.form = recipe, form
        self.frame_shape, self.classes = frame_shape, classes
        self.layers = nn.Sequential()
        for index, layer in enumerate(layers):
            self.layers.add_module(getattr(layer, "name", f"step{index}"), layer)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the scores of ``codes`` (N, C, H, W) float32 integers 0..255."""
        scores: Tensor = self.layers(codes)
        return scores

    def units(self) -> Iterator[Unit]:
        """Yield every weight layer but the classifier, in order of execution."""
        yield from self._units[:-1]

    @property
    def classifier(self) -> Unit:
        """The unit, without batch-norm and activation, whose outputs are the scores."""
        return self._units[-1]

    def activations(self) -> Iterator[Activation]:
        """Yield every activation, those behind residual adds too, in order of execution."""
        for module in self.modules():
            if isinstance(module, Activation):
                yield module

    @property
    def score_scale(self) -> float:
        """Real value of one integer score step; of exported networks a power of two."""
        return weight_scale(self.classifier.layer) * self.classifier.input.step

    def costs(self) -> tuple[LayerCost, ...]:
        """Return the cost of each weight layer, in order of execution."""
        return tuple(unit.cost for unit in self._units)

    @property
    def _units(self) -> list[Unit]:
        return [module for module in self.modules() if isinstance(module, Unit)]


def weight_scale(layer: Any) -> float:
    """Return the one scale of a layer's weights."""
    with torch.no_grad():
        return float(layer.weights.step(layer.weight))
