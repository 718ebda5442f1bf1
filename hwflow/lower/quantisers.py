"""Quantisers as QONNX executes them: from float32 values to integer codes and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Op
from hwflow.lower.network import IntArray
from hwflow.lower.stretch import Float32s, Float64s, Floats

# qonnx.custom_op.general.intquant.resolve_rounding_mode, and ROUND_TO_ZERO as Brevitas writes DOWN.
ROUNDING: Mapping[str, Callable[[Floats], Any]] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


@dataclass(frozen=True, eq=False)
class Quantiser:
    """real = scale · code + offset, both (C,); ``bipolar``: the codes are −1 and +1 alone.

    ``rounded``: from values (C, N) to codes (C, N) as floats, in the precision of the values.
    """

    node: str
    bipolar: bool
    scale: Float64s
    offset: Float64s
    rounded: Callable[[Floats], Floats]

    def codes(self, values: Floats) -> IntArray:
        """Return the integer codes of ``values`` (C, N).

        Raises:
            UnsupportedModelError: if a value is not a number.
        """
        if np.isnan(values).any():
            raise UnsupportedModelError(
                "the operators in front of it give NaN for integers within reach; take out what "
                "divides by zero or takes the root or logarithm of a negative number",
                node=self.node,
            )
        with np.errstate(all="ignore"):
            return cast(IntArray, self.rounded(values).astype(np.int64))


def quantiser(op: Op, parameters: tuple[Float32s, ...], channels: int) -> Quantiser:
    """Return the quantiser ``op`` of a tensor of ``channels``.

    ``parameters``: the operator's inputs after the first, float32, each () or (C,).
    """
    if op.kind == "BipolarQuant":
        return _bipolar(op, parameters[0], channels)
    return (_uniform if op.kind == "Quant" else _truncation)(op, parameters, channels)


def constant_codes(op: Op, values: Float32s, parameters: tuple[Float32s, ...]) -> IntArray:
    """Return the codes less zero point of constant ``values``; parameters broadcast to them."""
    if op.kind == "BipolarQuant":
        return np.where(values >= 0, 1, -1)
    scale, zero_point, bits = parameters
    codes = _round(op, values / scale + zero_point, float(bits.ravel()[0]))
    shifted = codes - zero_point
    integers = np.rint(shifted).astype(np.int64)
    if not np.array_equal(integers, shifted):
        raise UnsupportedModelError(
            "the zero point is not an integer; quantise with an integer zero point", node=op.name
        )
    return integers


def _bipolar(op: Op, scale: Float32s, channels: int) -> Quantiser:
    def rounded(x: Floats) -> Floats:
        return np.where(x >= 0, x.dtype.type(1), x.dtype.type(-1))

    return Quantiser(op.name, True, _each(scale, channels), np.zeros(channels), rounded)


def _uniform(op: Op, parameters: tuple[Float32s, ...], channels: int) -> Quantiser:
    scale, zero_point, bit_width = parameters
    bits = float(_single(op, bit_width, "bit width"))

    def rounded(x: Floats) -> Floats:
        return _round(op, x / _column(scale, x) + _column(zero_point, x), bits)

    scales = _each(scale, channels)
    bipolar = bits == 1 and bool(op.attributes["signed"])
    return Quantiser(op.name, bipolar, scales, -scales * zero_point, rounded)


def _round(op: Op, steps: Floats, bits: float) -> Floats:
    """Return ``steps`` clipped and rounded to codes: first the one, then the other, as QONNX."""
    signed, narrow = bool(op.attributes["signed"]), bool(op.attributes["narrow"])
    kind = steps.dtype.type
    if bits == 1 and signed:
        return np.where(steps >= 0, kind(1), kind(-1))
    low, high = code_range(bits, signed=signed, narrow=narrow)
    clipped = np.clip(steps, kind(low), kind(high))
    return cast(Floats, _rounding(op)(clipped))


def code_range(bits: float, *, signed: bool, narrow: bool) -> tuple[float, float]:
    """Return the lowest and highest code (qonnx.custom_op.general.intquant)."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def _truncation(op: Op, parameters: tuple[Float32s, ...], channels: int) -> Quantiser:
    """Return Trunc of opset 1 (5 inputs) or 2 (6 inputs), qonnx.custom_op.general.trunc."""
    scale, zero_point, bits = parameters[:3]
    output_bits = float(_single(op, parameters[-1], "output bit width"))
    first = len(parameters) == 4
    if first:
        shift: Floats = np.exp2(_single(op, bits, "bit width") - output_bits)
        output_scale, output_zero = _each(scale, channels), _each(zero_point, channels)
    else:
        shift = np.exp2(np.round(np.log2(parameters[3] / scale)))
        output_scale = _each(parameters[3], channels)
        output_zero = _each(zero_point, channels) / shift

    def rounded(x: Floats) -> Floats:
        y = np.round(x / _column(scale, x) + _column(zero_point, x)) / _column(shift, x)
        if not first:
            signed, narrow = bool(op.attributes["signed"]), bool(op.attributes["narrow"])
            y = np.clip(y, *code_range(output_bits, signed=signed, narrow=narrow))
        return cast(Floats, _rounding(op)(y))

    return Quantiser(op.name, False, output_scale, -output_scale * output_zero, rounded)


def _rounding(op: Op) -> Callable[[Floats], Any]:
    mode = str(op.attributes["rounding_mode"]).upper()
    if mode not in ROUNDING:
        raise UnsupportedModelError(
            f"rounding mode {mode!r} is not known; use one of {', '.join(ROUNDING)}", node=op.name
        )
    return ROUNDING[mode]


def _single(op: Op, values: Float32s, what: str) -> np.float32:
    if np.unique(values).size != 1:
        raise UnsupportedModelError(
            f"the {what} differs between channels; quantise the tensor with one {what}",
            node=op.name,
        )
    return np.float32(values.ravel()[0])


def _each(values: Floats, channels: int) -> Float64s:
    return np.broadcast_to(values, channels).astype(np.float64)


def _column(values: Floats, x: Floats) -> NDArray[Any]:
    column = np.asarray(values).astype(x.dtype)
    return column[:, np.newaxis] if column.ndim else column
