"""Quantisers whose integers survive export: constant or power-of-two scales, narrow weights.

A power-of-two scale keeps every product, sum and batch-norm output a dyadic number that float32
holds exactly, which is what lets Brevitas, QONNX and the RTL agree on every integer.
"""

from __future__ import annotations

from brevitas.inject.enum import ScalingImplType
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPoint
from torch import nn

from hwflow.nets.layers import QuantIdentity, QuantReLU

# A batch-normalised activation has unit variance; four deviations lose next to nothing.
ACT_RANGE = 4.0


class BinaryWeight(SignedBinaryWeightPerTensorConst):  # type: ignore[misc]
    """{-1, +1}; keeps the latent weights clamped to [-1, 1], so that each can still change sign."""

    scaling_const = 1.0


class IntWeight(Int8WeightPerTensorFixedPoint):  # type: ignore[misc]
    """Signed, without the most negative code, one power-of-two scale from the largest weight.

    DSP48E1 cores of FINN's MVAU_rtl want the narrow range.
    """


class BipolarAct(SignedBinaryActPerTensorConst):  # type: ignore[misc]
    """{-1, +1}, 0 to +1; the gradient passes where the input lies in [-1, 1]."""


class UintAct(Uint8ActPerTensorFixedPoint):  # type: ignore[misc]
    """Unsigned, constant power-of-two scale: ``ACT_RANGE`` / 2**bits."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = ACT_RANGE


def weight_kwargs(bits: int | None) -> dict[str, object]:
    """Return the arguments that give a Brevitas layer ``bits``-bit weights (None: float)."""
    if bits is None:
        return {"weight_quant": None}
    if bits == 1:
        return {"weight_quant": BinaryWeight}
    return {"weight_quant": IntWeight, "weight_bit_width": bits}


def activation(bits: int, *, quantised: bool) -> nn.Module:
    """Return the activation of ``bits`` bits, or the float function that it approximates."""
    if bits == 1:
        return QuantIdentity(act_quant=BipolarAct) if quantised else nn.Hardtanh()
    if not quantised:
        return nn.Hardtanh(0.0, ACT_RANGE)
    return QuantReLU(act_quant=UintAct, bit_width=bits)


def act_scale(bits: int) -> float:
    """Return the real value of one step of a ``bits``-bit activation; ±1 counts as one step."""
    return 1.0 if bits == 1 else ACT_RANGE / 2**bits
