"""How an activation becomes hardware: thresholds as FINN's unit takes them, or a requantiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwflow.dataflow.requant import Requant, find_requant
from hwflow.errors import UnsupportedModelError
from hwflow.lower.network import IntArray, Tensor, Threshold

# Integers up to here are exact in float32, in which FINN computes and packs thresholds.
FLOAT_EXACT = 2**24
# From this many steps on, multiplying is cheaper than searching: a threshold unit's memory doubles
# with each bit of output, a requantiser's grows by a bit.
REQUANT_STEPS = 31


@dataclass(frozen=True)
class ThresholdUnit:
    """Thresholds for FINN's unit: ``thresholds`` (C, 2^n − 1), ascending; out = bias + count.

    ``datatype``: qonnx name of a type that holds each threshold.
    """

    thresholds: IntArray
    bias: int
    datatype: str


def requantiser(layer: Threshold, source: Tensor) -> Requant | None:
    """Return multiply-add-shift parameters that equal ``layer`` on each integer of ``source``.

    None where there are none, or thresholds are cheaper.
    """
    if layer.output.bipolar or layer.thresholds.shape[1] < REQUANT_STEPS:
        return None
    return find_requant(
        layer.thresholds, low=layer.output.low, acc_low=source.low, acc_high=source.high
    )


def threshold_unit(layer: Threshold, source: Tensor, source_type: str) -> ThresholdUnit:
    """Return ``layer`` as FINN's Thresholding takes it.

    The unit wants 2^n − 1 thresholds for outputs of n bits that start at the type's lowest value.
    Levels that the activation lacks at the bottom get thresholds that every input reaches, levels
    that it lacks at the top get some that none does.

    Args:
        layer: the activation; its thresholds lie in source.low … source.high + 1.
        source: the accumulators.
        source_type: qonnx name of the type in which they travel.

    Raises:
        UnsupportedModelError: a threshold is no exact float32, which FINN's packing needs.
    """
    from qonnx.core.datatype import DataType

    out = layer.output
    channels, count = layer.thresholds.shape
    bias = 0 if not out.signed else -(2 ** (out.bits - 1))
    first = 0 if out.bipolar else out.low - bias
    steps = 2**out.bits - 1
    never = np.full((channels, steps - first - count), source.high + 1, dtype=np.int64)
    always = np.full((channels, first), source.low, dtype=np.int64)
    thresholds = np.concatenate([always, layer.thresholds, never], axis=1)
    if np.abs(thresholds).max() > FLOAT_EXACT:
        raise UnsupportedModelError(
            f"thresholds up to {np.abs(thresholds).max()} are wider than FINN's threshold unit "
            "holds exactly, and no requantiser equals them; use fewer bits for this layer's "
            "weights or input",
            node=layer.source,
        )
    # "Never" may be one above what the input's type holds; the unit widens the input as needed.
    signed, bits = DataType[source_type].signed(), int(DataType[source_type].bitwidth())
    low, high = int(thresholds.min()), int(thresholds.max())
    needed = max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length()) + signed
    return ThresholdUnit(thresholds, bias, f"{'INT' if signed else 'UINT'}{max(bits, needed)}")
