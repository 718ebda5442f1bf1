"""Quantisers of weights by name, in the forms of ``hwflow.nets.form``.

- ``sign``: sign(w), straight through; latent weights stay clamped to [-1, 1] (Hubara et al. 2016,
  equation 1 and section 2.4).
- ``xnor``: α · sign(w), α = mean|w| per output channel (Rastegari et al. 2016, equation 6). With
  upstream gradient g, weight i gets α · g_i where |w_i| ≤ 1, through the sign, and
  sign(w_i) / n · Σ_j g_j sign(w_j), the derivative of α over the n weights of the channel. The
  paper (section 3.1) prints g_i / n for that second part, which leaves out that α moves the other
  weights too; see github.com/jiecaoyu/XNOR-Net-PyTorch/issues/1.
- ``int``: round(w / s), straight through, s from the largest weight.
- ``dorefa``: round(tanh(w) / max|tanh(w)| / s) with constant s (the normalisation of Zhou et al.
  2016, equation 9; there on 2**k levels without a zero, here on the signed codes that have one).
- ``learned_step``: round(clip(w / s)), s learned (Esser et al. 2020, equations 1 to 3, with the
  narrow range of codes).

All codes of k bits are narrow: -(2**(k-1) - 1) … 2**(k-1) - 1.
"""

from __future__ import annotations

from typing import Any

import torch
from brevitas.function.ops import tensor_clamp
from brevitas.function.ops_ste import binary_sign_ste, round_ste, tensor_clamp_ste
from torch import Tensor, nn

from hwflow.config.network import WeightQuantiser
from hwflow.nets.quantisers import (
    BinaryWeight,
    Borrowed,
    IntWeight,
    ScaledBinaryWeight,
    ScaledIntWeight,
)
from hwflow.nets.scales import ConstScale, LargestWeight, LearnedScale, MeanWeight


class Weights(nn.Module):
    """One layer's quantiser on plain tensors: latent weights to dequantised ones.

    ``per_channel``: whether a float scale may differ between output channels.
    """

    def __init__(
        self, name: WeightQuantiser, bits: int, *, power_of_two: bool, per_channel: bool
    ) -> None:
        super().__init__()
        self.name, self.bits = name, bits
        self.highest = max(1, 2 ** (bits - 1) - 1)
        self.step = _scale(name, bits, self.highest, power_of_two, per_channel)
        self._canonical = name == "sign" or (name == "int" and power_of_two)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the quantised ``weight``, same shape."""
        if self.name == "sign":
            self.restrain(weight)
            signs: Tensor = binary_sign_ste(weight)
            return signs
        scale = self.step(weight)
        if self.name == "xnor":
            scaled: Tensor = binary_sign_ste(unit_clamp(weight)) * scale
            return scaled
        highest = torch.tensor(float(self.highest), device=weight.device)
        codes = round_ste(self.prepared(weight) / scale)
        quantised: Tensor = tensor_clamp_ste(codes, -highest, highest) * scale
        return quantised

    def restrain(self, weight: Tensor) -> None:
        """Clamp latent weights in place to where ``sign`` keeps them; others stay as they are."""
        if self.name == "sign":
            with torch.no_grad():
                weight.clamp_(-1.0, 1.0)

    def prepared(self, weight: Tensor) -> Tensor:
        """Return what is divided by the scale."""
        if self.name == "dorefa":
            return normalised_tanh(weight)
        if self.name == "learned_step":
            return clip(weight, self.step(weight), -self.highest, self.highest)
        return weight

    def brevitas(self) -> dict[str, Any]:
        """Return the arguments that give a Brevitas layer this quantiser."""
        if self.name == "sign":
            return {"weight_quant": BinaryWeight}
        if self._canonical:
            return {"weight_quant": IntWeight, "weight_bit_width": self.bits}
        scaling = Borrowed(self.step)
        if self.name == "xnor":
            quant = ScaledBinaryWeight.let(scaling_impl=scaling, tensor_clamp_impl=_UnitClamp())
            return {"weight_quant": quant}
        quant = ScaledIntWeight.let(scaling_impl=scaling, bit_width=self.bits)
        if self.name in ("dorefa", "learned_step"):
            quant = quant.let(input_view_impl=_Prepared(self))
        return {"weight_quant": quant}

    def start_from(self, weight: Tensor) -> None:
        """Fit a learned scale to ``weight``."""
        if isinstance(self.step, LearnedScale):
            with torch.no_grad():
                self.step.log_step.copy_(self.step.start(weight))


class _Prepared(nn.Module):
    """What comes before the rounding, where Brevitas reshapes."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = (weights,)

    def forward(self, weight: Tensor) -> Tensor:
        return self._weights[0].prepared(weight)


class _UnitClamp(nn.Module):
    def forward(self, weight: Tensor, low: Tensor, high: Tensor) -> Tensor:
        return unit_clamp(weight)


def unit_clamp(weight: Tensor) -> Tensor:
    """Return ``weight`` clamped to [-1, 1]; the gradient passes inside, bounds included."""
    one = torch.ones((), dtype=weight.dtype, device=weight.device)
    clamped: Tensor = tensor_clamp(weight, -one, one)
    return clamped


def normalised_tanh(weight: Tensor) -> Tensor:
    """Return tanh(w) / max|tanh(w)|."""
    squashed = torch.tanh(weight)
    return squashed / squashed.abs().max()


def clip(values: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
    """Return ``values`` clamped to ``low`` … ``high`` steps; what is clamped follows the scale."""
    clamped: Tensor = tensor_clamp(values, low * scale, high * scale)
    return clamped


def _scale(
    name: WeightQuantiser, bits: int, highest: int, power_of_two: bool, per_channel: bool
) -> nn.Module:
    if name == "xnor":
        return MeanWeight(power_of_two=power_of_two, per_channel=per_channel)
    if name == "int":
        return LargestWeight(bits, power_of_two=power_of_two, per_channel=per_channel)
    if name == "dorefa":
        return ConstScale(2.0 ** (1 - bits) if power_of_two else 1.0 / highest)
    if name == "learned_step":
        return LearnedScale(
            1.0, highest=highest, power_of_two=power_of_two, damped=True, of_frames=False
        )
    return ConstScale(1.0)
