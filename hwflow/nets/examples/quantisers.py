"""Quantisers of the example networks."""

from __future__ import annotations

from brevitas.inject.enum import ScalingImplType
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.scaled_int import Int8WeightPerChannelFloat, Uint8ActPerTensorFloat
from torch import nn

from hwflow.nets.layers import QuantIdentity, QuantReLU

RANGE = 4.0  # a normalised activation has unit variance; four deviations lose next to nothing


class DyadicWeight(Int8WeightPerTensorFixedPoint):  # type: ignore[misc]
    """Signed, one power-of-two scale from the largest weight."""


class DyadicUint(Uint8ActPerTensorFixedPoint):  # type: ignore[misc]
    """0 … ``RANGE``, constant power-of-two scale."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = RANGE


class DyadicInt(Int8ActPerTensorFixedPoint):  # type: ignore[misc]
    """±``RANGE``, constant power-of-two scale; joins the branches of a residual block."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = RANGE


class FloatWeight(Int8WeightPerChannelFloat):  # type: ignore[misc]
    """Signed, a float scale per output channel."""


class FloatUint(Uint8ActPerTensorFloat):  # type: ignore[misc]
    """0 … 3.3, constant float scale."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 3.3


def relu(bits: int) -> nn.Module:
    """Return a ReLU quantised to ``bits`` bits with a power-of-two scale."""
    return QuantReLU(act_quant=DyadicUint, bit_width=bits)


def signed(bits: int) -> nn.Module:
    """Return a signed quantiser of ``bits`` bits with a power-of-two scale."""
    return QuantIdentity(act_quant=DyadicInt, bit_width=bits)
