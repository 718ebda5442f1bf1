"""Quantisers in Brevitas' terms, by its injectors.

The first four are the canonical ones, which are exported: constant or power-of-two scales, narrow
weights. A power-of-two scale keeps every product, sum and batch-norm output a dyadic number that
float32 holds exactly, which is what lets Brevitas, QONNX and the RTL agree on every integer. The
others take their scale from a module of ``hwflow.nets.scales``.
"""

from __future__ import annotations

from brevitas.core.quant import ClampedBinaryQuant
from brevitas.inject.enum import ScalingImplType
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerTensorFixedPoint,
    Uint8ActPerTensorFixedPoint,
)
from brevitas.quant.scaled_int import (
    Int8ActPerTensorFloat,
    Int8WeightPerTensorFloat,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, nn


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
    """Unsigned, constant power-of-two scale: ``scaling_init`` / 2**bits."""

    scaling_impl_type = ScalingImplType.CONST


class IntAct(Int8ActPerTensorFixedPoint):  # type: ignore[misc]
    """Signed, narrow, constant power-of-two scale: ``scaling_init`` / 2**(bits - 1)."""

    scaling_impl_type = ScalingImplType.CONST
    narrow_range = True


class ScaledBinaryWeight(SignedBinaryWeightPerTensorConst):  # type: ignore[misc]
    """±scale, with a scale and a clamp of our own."""

    tensor_quant = ClampedBinaryQuant


class ScaledIntWeight(Int8WeightPerTensorFloat):  # type: ignore[misc]
    """Signed, narrow, with a scale of our own."""


class ScaledUintAct(Uint8ActPerTensorFloat):  # type: ignore[misc]
    """Unsigned, with a scale of our own."""


class ScaledIntAct(Int8ActPerTensorFloat):  # type: ignore[misc]
    """Signed, narrow, with a scale of our own."""

    narrow_range = True


class Borrowed(nn.Module):
    """A scale as Brevitas calls it; the scale stays where hwflow registered it.

    So it has the same parameter name in every form, and may be shared.
    """

    def __init__(self, scale: nn.Module, *, learned: bool = True) -> None:
        super().__init__()
        self._scale, self._learned = (scale,), learned  # a tuple: not a child of this module

    def forward(self, values: Tensor, threshold: Tensor | None = None) -> Tensor:
        """Return the scale; Brevitas' integer ``threshold`` is in it already."""
        scale: Tensor = self._scale[0](values)
        return scale if self._learned else scale.detach()
