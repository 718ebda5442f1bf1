"""Scales: the real value of one integer step, constant, computed from the weights, or learned.

Each is a module ``scale(values) -> Tensor`` that both forms of a quantiser share; ``values`` is
what is quantised. ``power_of_two``: whether it always is one.
"""

from __future__ import annotations

import math

import torch
from brevitas.function.ops_ste import ceil_ste, round_ste
from torch import Tensor, nn

# Below it a logarithm of the largest weight is not taken; Brevitas' ``scaling_min_val``.
LEAST = 1e-10


class ConstScale(nn.Module):
    """A number; ``value`` is the real value of one step."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value
        self.power_of_two = math.frexp(value)[0] == 0.5
        self._tensor = torch.tensor(value)

    def forward(self, values: Tensor) -> Tensor:
        """Return the scale, a scalar."""
        return self._tensor.to(values.device)


class LearnedScale(nn.Module):
    """A learned scale, as its logarithm to base 2, so that one step of Adam changes any as much.

    ``power_of_two``: rounded to the nearest one, straight through. ``damped``: LSQ's gradient,
    divided by the root of (values × highest code), with the weights of a layer or the activations
    of one frame as values (Esser et al. 2020, section 2.2; there the scale itself is learned).
    """

    def __init__(
        self, value: float, *, highest: int, power_of_two: bool, damped: bool, of_frames: bool
    ) -> None:
        super().__init__()
        self.log_step = nn.Parameter(torch.tensor(math.log2(value)))
        self._highest, self.power_of_two = highest, power_of_two
        self._damped, self._of_frames = damped, of_frames

    def forward(self, values: Tensor) -> Tensor:
        """Return the scale, a scalar."""
        log_step = self.log_step
        if self._damped and self.training:
            count = values.numel() / (len(values) if self._of_frames else 1)
            share = (count * self._highest) ** -0.5
            log_step = log_step * share + (log_step - log_step * share).detach()
        scale: Tensor = 2.0 ** (round_ste(log_step) if self.power_of_two else log_step)
        return scale

    def start(self, weight: Tensor) -> Tensor:
        """Return ``log_step`` of 2 · mean|w| / √Q, LSQ's start (Esser et al. 2020, section 2.1)."""
        step = 2 * weight.detach().abs().mean() / self._highest**0.5
        return torch.log2(step.clamp_min(LEAST))


class Multiple(nn.Module):
    """Another scale times a power of two; the other one stays where it is registered."""

    def __init__(self, scale: nn.Module, factor: float) -> None:
        super().__init__()
        self._scale, self.factor = (scale,), factor  # a tuple: not a child of this module
        self.power_of_two = scale.power_of_two

    def forward(self, values: Tensor) -> Tensor:
        """Return the scale, a scalar."""
        scale: Tensor = self._scale[0](values) * self.factor
        return scale


class LargestWeight(nn.Module):
    """From the largest magnitude, per tensor as a power of two, or per output channel as a float.

    The power of two is that of ``brevitas.quant.fixed_point.Int8WeightPerTensorFixedPoint``: the
    next one that is no smaller, over 2**(bits - 1). The float one puts the largest weight on the
    highest code.
    """

    def __init__(self, bits: int, *, power_of_two: bool, per_channel: bool) -> None:
        super().__init__()
        self._power_of_two = power_of_two
        self._per_channel = per_channel and not power_of_two
        self._codes = float(2 ** (bits - 1) if power_of_two else 2 ** (bits - 1) - 1)

    def forward(self, values: Tensor) -> Tensor:
        """Return the scale, a scalar or (outputs, 1, ...)."""
        if self._per_channel:
            largest = over_outputs(values.abs().flatten(1).max(dim=1).values, values)
        else:
            largest = values.abs().max()
        # The gradient passes below the least value too, as in Brevitas.
        largest = largest + (largest.clamp_min(LEAST) - largest).detach()
        if self._power_of_two:
            largest = 2.0 ** ceil_ste(torch.log2(largest))
        return largest / self._codes


class MeanWeight(nn.Module):
    """Mean magnitude: XNOR-Net's α (Rastegari et al. 2016, equation 6), per channel or tensor."""

    def __init__(self, *, power_of_two: bool, per_channel: bool) -> None:
        super().__init__()
        self._power_of_two, self._per_channel = power_of_two, per_channel

    def forward(self, values: Tensor) -> Tensor:
        """Return the scale, a scalar or (outputs, 1, ...)."""
        if self._per_channel:
            mean = over_outputs(values.abs().flatten(1).mean(dim=1), values)
        else:
            mean = values.abs().mean()
        mean = mean.clamp_min(LEAST)
        return nearest_power(mean) if self._power_of_two else mean


def value_of(scale: nn.Module) -> float:
    """Return a scale that does not depend on what it scales."""
    with torch.no_grad():
        return float(scale(torch.zeros(1)))


def nearest_power(scale: Tensor) -> Tensor:
    """Return the power of two nearest in the logarithm; the gradient passes the rounding."""
    power: Tensor = 2.0 ** round_ste(torch.log2(scale))
    return power


def over_outputs(scale: Tensor, values: Tensor) -> Tensor:
    """Return ``scale`` (outputs,) so that it multiplies ``values`` (outputs, ...) per output."""
    return scale.reshape(-1, *(1,) * (values.dim() - 1))
