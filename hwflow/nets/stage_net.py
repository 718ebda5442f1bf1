"""The network of one stage, whatever its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from hwflow.config.network import NetworkRecipe
from hwflow.cost import LayerCost
from hwflow.nets.activations import Activation
from hwflow.nets.filters import FilterGroup, checked, checked_weights, remaining
from hwflow.nets.form import Form
from hwflow.nets.unit import Unit


class StageNet(nn.Module):
    """Scores (N, classes) of frames (N, C, H, W) float32 holding the integers 0..255.

    ``recipe``, ``frame_shape`` (H, W, C), ``classes``: what it was built from. Layers are
    registered in order of execution. Weight layers are numbered so, the classifier last.

    ``kept``: by filter group, bool (channels,), where a filter mask leaves channels out.
    """

    def __init__(
        self,
        recipe: NetworkRecipe,
        frame_shape: tuple[int, int, int],
        classes: int,
        layers: Sequence[nn.Module],
        form: Form,
        groups: tuple[FilterGroup, ...],
    ) -> None:
        super().__init__()
        self._groups = groups
        self.kept: dict[int, Tensor] = {}
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
        yield from self.weight_layers()[:-1]

    @property
    def classifier(self) -> Unit:
        """The unit, without batch-norm and activation, whose outputs are the scores."""
        return self.weight_layers()[-1]

    def weight_layers(self) -> tuple[Unit, ...]:
        """Return every weight layer in order of execution, the classifier last."""
        return tuple(module for module in self.modules() if isinstance(module, Unit))

    def activations(self) -> Iterator[Activation]:
        """Yield every activation, those behind residual adds too, in order of execution."""
        for module in self.modules():
            if isinstance(module, Activation):
                yield module

    @property
    def score_scale(self) -> float:
        """Real value of one integer score step; of exported networks a power of two."""
        classifier = self.classifier
        with torch.no_grad():
            step = float(classifier.layer.weights.step(classifier.latent()))
        return step * classifier.input.step

    @property
    def channels(self) -> tuple[int, ...]:
        """Outputs of each weight layer but the classifier, masked ones too."""
        return tuple(unit.geometry.outputs for unit in self.units())

    def filter_groups(self) -> tuple[FilterGroup, ...]:
        """Return the channels that are kept or left out together, in order of execution."""
        return self._groups

    def mask_filters(self, kept: Mapping[int, Tensor]) -> None:
        """Compute from now on what the network with the filters ``kept`` alone computes.

        ``kept``: by filter group, bool (channels,); of other groups all are kept. Replaces the
        mask of filters there is. That holds in training too: statistics and scales leave out what
        is masked, which gets no gradient. Parameters keep their shape, and ``state_dict`` says
        nothing of masks; ``hwflow.nets.shrink`` makes the smaller network.

        Raises:
            ValueError: an entry is of no group, is no bool (channels,), or keeps no channel; or
                the form is Brevitas'.
        """
        self._require_maskable()
        units = self.weight_layers()
        kept = checked(kept, self._groups, units[0].layer.weight.device)
        for unit, part in zip(units, remaining(kept, self._groups, units), strict=True):
            unit.layer.remaining = part
        self.kept = kept

    def mask_weights(self, masks: Mapping[int, Tensor]) -> None:
        """Compute from now on with single weights of 0, which get no gradient.

        ``masks``: by weight layer, bool of the weight's shape, false where it is 0; other layers
        have all their weights. Replaces the masks of weights there are.

        Raises:
            ValueError: an entry is of no layer, is no bool of the weight's shape, or of a binary
                layer, which has no 0; or the form is Brevitas'.
        """
        self._require_maskable()
        units = self.weight_layers()
        masks = checked_weights(masks, units)
        for index, unit in enumerate(units):
            unit.layer.nonzero = masks.get(index)

    def _require_maskable(self) -> None:
        if self.form is Form.BREVITAS:
            raise ValueError("networks in Brevitas form take no masks; mask the fast form")

    def costs(self) -> tuple[LayerCost, ...]:
        """Return the cost of each weight layer, in order of execution."""
        return tuple(unit.cost for unit in self.weight_layers())
