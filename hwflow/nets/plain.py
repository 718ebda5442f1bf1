"""Weight layers on plain tensors, parts of which can be left out.

A layer with filters left out computes with the part of its weights that remains, so that scales
and normalisations taken from the weights, sums and gradients are those of a smaller layer, and so
is the time. The parameters keep their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hwflow.nets.weights import Weights


@dataclass(frozen=True)
class Remaining:
    """What is left of a weight layer: places (int64) of ``rows`` and ``columns``; None means all.

    Columns are inputs, channels of a convolution or features of a linear layer.
    """

    rows: Tensor | None = None
    columns: Tensor | None = None

    def of(self, weight: Tensor) -> Tensor:
        """Return the part of ``weight`` (outputs, inputs, ...)."""
        if self.rows is not None:
            weight = weight.index_select(0, self.rows.to(weight.device))
        if self.columns is not None:
            weight = weight.index_select(1, self.columns.to(weight.device))
        return weight


ALL = Remaining()


class _Plain:
    """What both layers have in common. Masks are no parameters or buffers: nothing saves them.

    ``quantises``: whether the weights are quantised. ``remaining``: the part that is computed.
    ``nonzero``: single weights that are not 0, bool of the weight's shape.
    """

    weights: Weights
    weight: Tensor
    quantises = False
    remaining: Remaining = ALL
    nonzero: Tensor | None = None

    def latent(self) -> Tensor:
        """Return the latent weights of what remains."""
        return self.remaining.of(self._masked())

    def filters(self) -> Tensor:
        """Return the latent weights of every filter, masked ones too, on the inputs that remain."""
        return Remaining(columns=self.remaining.columns).of(self._masked())

    def _masked(self) -> Tensor:
        weight = self.weight
        return weight if self.nonzero is None else weight * self.nonzero.to(weight.device)

    def effective(self) -> Tensor:
        """Return the weights that the layer computes with."""
        if not self.quantises:
            return self.latent()
        latent = self.latent()
        if latent is not self.weight:  # the quantiser restrains the copy alone
            self.weights.restrain(self.weight)
        quantised: Tensor = self.weights(latent)
        return quantised


class PlainConv2d(_Plain, nn.Conv2d):
    """``nn.Conv2d``, of zero padding and without bias."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of ``x`` with the weights, quantised if they are to be."""
        weight = self.effective()
        groups = x.shape[1] // weight.shape[1]  # of a depthwise layer as many as remain
        return nn.functional.conv2d(
            x, weight, None, self.stride, self.padding, self.dilation, groups
        )


class PlainLinear(_Plain, nn.Linear):
    """``nn.Linear`` without bias."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the product of ``x`` and the weights, quantised if they are to be."""
        return nn.functional.linear(x, self.effective())


def normalise(norm: Any, x: Tensor, rows: Tensor | None) -> Tensor:
    """Return ``norm`` of ``x`` (N, C, ...), whose channels are the places ``rows`` of the norm's.

    The statistics of the others stay as they are.
    """
    if rows is None:
        whole: Tensor = norm(x)
        return whole
    rows = rows.to(x.device)
    part = {
        name: getattr(norm, name).index_select(0, rows)
        for name in ("weight", "bias", "running_mean", "running_var")
    }
    normalised: Tensor = functional_call(norm, part, (x,))
    if norm.training:
        with torch.no_grad():
            for name in ("running_mean", "running_var"):
                getattr(norm, name).index_copy_(0, rows, part[name])
    return normalised
