"""Quantisers of activations by name, in the forms of ``hwflow.nets.form``.

- ``sign``: ±1, the gradient where |x| ≤ 1 (Hubara et al. 2016, equations 1 and 4).
- ``approx_sign``: ±1, the gradient times 2 - 2 |x| there (Liu et al. 2018, Bi-Real Net,
  arXiv 1808.00278: derivative of a piecewise polynomial that is closer to the sign than a clamp).
- ``uint``: round(x / s) clamped to k-bit codes, constant range of four standard deviations of a
  batch-normalised activation.
- ``hwgq``: the same on the step that suits a half Gaussian, clipped first (after Cai et al. 2017,
  equation 5; the steps are our own, for codes with a zero).
- ``dorefa``: clip to [0, 1], round to 2**k - 1 steps (Zhou et al. 2016, equations 5 and 11).
- ``pact``: clip to [0, α], round, α learned (Choi et al. 2018, equations 1 to 3).
- ``learned_step``: round(clip(x / s)), s learned (Esser et al. 2020, equations 1 to 3).

The signed variant, for the branches of a residual block, has codes -(2**k - 1) … 2**k - 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hwflow.config.network import ActQuantiser
from hwflow.nets.form import Form
from hwflow.nets.layers import QuantAct, QuantIdentity, QuantReLU
from hwflow.nets.quantisers import (
    BipolarAct,
    Borrowed,
    IntAct,
    ScaledIntAct,
    ScaledUintAct,
    UintAct,
)
from hwflow.nets.scales import ConstScale, LearnedScale, value_of
from hwflow.nets.ste import approx_sign, clamp_round, round_clamp, sign, tent_gradient
from hwflow.nets.weights import clip

# A batch-normalised activation has unit variance; four deviations lose next to nothing.
ACT_RANGE = 4.0
# Steps of least mean squared error of max(x, 0), x a unit Gaussian, on codes 0 … 2**bits - 1, as
# float, and as power of two, which is not always the nearest one. Those of the EdMIPS code (0.538,
# 0.3217, 0.185 at 2, 3, 4 bits) are for positive codes alone; rounding to codes with a zero, as
# that code does too, they have 1.19, 1.07 and 1.02 times the error.
HWGQ_STEPS = {
    2: 0.6508,
    3: 0.3534,
    4: 0.1932,
    5: 0.1055,
    6: 0.05726,
    7: 0.03087,
    8: 0.01653,
}
HWGQ_POWERS = {
    2: 2.0**-1,
    3: 2.0**-1,
    4: 2.0**-2,
    5: 2.0**-3,
    6: 2.0**-4,
    7: 2.0**-5,
    8: 2.0**-6,
}


def act_scale(bits: int) -> float:
    """Return the real value of one step of a canonical ``bits``-bit activation; ±1 is one step."""
    return 1.0 if bits == 1 else ACT_RANGE / 2**bits


def new_scale(name: ActQuantiser, bits: int, *, power_of_two: bool) -> nn.Module:
    """Return the scale of a ``bits``-bit activation."""
    highest = 2**bits - 1
    if name in ("sign", "approx_sign"):
        return ConstScale(1.0)
    if name in ("pact", "learned_step"):
        return LearnedScale(
            ACT_RANGE / 2**bits if power_of_two else ACT_RANGE / highest,
            highest=highest,
            power_of_two=power_of_two,
            damped=name == "learned_step",
            of_frames=True,
        )
    if name == "hwgq":
        return ConstScale((HWGQ_POWERS if power_of_two else HWGQ_STEPS)[bits])
    largest = 1.0 if name == "dorefa" else ACT_RANGE
    return ConstScale(largest / 2**bits if power_of_two else largest / highest)


class Activation(nn.Module):
    """Real values to integer codes ``low`` … ``high`` times a scale; one bit is -1 or +1.

    ``owner``: whether the scale's parameters are this activation's; the others of a residual chain
    borrow them.
    """

    def __init__(
        self,
        name: ActQuantiser,
        bits: int,
        scale: nn.Module,
        form: Form,
        *,
        signed: bool = False,
        owner: bool = True,
    ) -> None:
        super().__init__()
        self.name, self.bits, self.form, self.signed = name, bits, form, signed
        self.high = 1 if bits == 1 and not signed else 2**bits - 1
        self.low = -self.high if signed or self.binary else 0
        self._scale = (scale,)  # a tuple: not a child of this module
        if owner and any(True for _ in scale.parameters()):
            self.step = scale
        # Range of a canonical quantiser; none where the scale is learned, or not a power of two.
        self._range: float | None = None
        if isinstance(scale, ConstScale) and name in ("sign", "approx_sign", "uint"):
            self._range = scale.value * (self.high + 1) if scale.power_of_two else None
        if form is Form.BREVITAS:
            self.quant = self._brevitas()

    @property
    def binary(self) -> bool:
        """Whether the codes are -1 and +1, without a zero."""
        return self.bits == 1 and not self.signed

    @property
    def scale(self) -> nn.Module:
        """The scale, as a module."""
        return self._scale[0]

    @property
    def value(self) -> float:
        """Real value of one step; a learned scale's as it is now."""
        return value_of(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return the quantised ``x``, or in float form the clipped one, of ``x``'s type.

        bfloat16 holds a code times a power of two exactly, so there all is done in ``x``'s type.
        Other scales divide in float32, so that the codes are those of float32; the result is
        rounded to ``x``'s type.
        """
        if self.form is Form.FLOAT or self.scale.power_of_two:
            return self._quantised(x)
        return self._quantised(x.float()).to(x.dtype)

    def _quantised(self, x: Tensor) -> Tensor:
        if self.form is Form.BREVITAS:
            quantised: Tensor = self.quant(x)
            return quantised
        if self.binary:
            if self.form is Form.FLOAT:
                return nn.functional.hardtanh(x)
            return approx_sign(x) if self.name == "approx_sign" else sign(x)
        if self.form is Form.FLOAT:
            return self._clipped(x)
        if self._range is not None:
            return round_clamp(x, self._range / (self.high + 1), self.low, self.high)
        return clamp_round(x, self.scale(x), self.low, self.high, inside=self.name != "pact")

    def _clipped(self, x: Tensor) -> Tensor:
        if self._range is not None:
            return nn.functional.hardtanh(x, -self._range if self.low else 0.0, self._range)
        scale = self.scale(x)
        return torch.clamp(x, self.low * scale, self.high * scale)

    def _brevitas(self) -> nn.Module:
        if self.name == "approx_sign" and self.binary:
            return QuantAct(
                act_impl=_Tent(),
                passthrough_act=True,
                input_quant=None,
                act_quant=BipolarAct,
                return_quant_tensor=False,
            )
        if self.binary:
            return QuantIdentity(act_quant=BipolarAct)
        bits = self.bits + self.signed
        if self._range is not None:
            canonical = {"scaling_init": self._range, "bit_width": bits}
            if self.signed:
                return QuantIdentity(act_quant=IntAct, **canonical)
            return QuantReLU(act_quant=UintAct, **canonical)
        quant: Any = ScaledIntAct if self.signed else ScaledUintAct
        return QuantAct(
            act_impl=_Clip(self),
            passthrough_act=True,
            input_quant=None,
            act_quant=quant,
            return_quant_tensor=False,
            scaling_impl=Borrowed(self.scale, learned=self.name == "learned_step"),
            bit_width=bits,
        )


class _Clip(nn.Module):
    """Clamps to the range of the codes; where it does, the gradient is the scale's."""

    def __init__(self, act: Activation) -> None:
        super().__init__()
        self._act = (act,)

    def forward(self, x: Tensor) -> Tensor:
        act = self._act[0]
        x = x if act.low else torch.relu(x)
        return clip(x, act.scale(x), act.low, act.high)


class _Tent(nn.Module):
    """Leaves values as they are; gradients are those of ``approx_sign``."""

    def forward(self, x: Tensor) -> Tensor:
        return tent_gradient(x)
