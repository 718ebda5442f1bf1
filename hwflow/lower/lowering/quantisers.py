"""Quantisers as QONNX executes them: from float32 values to integer codes and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Op
from hwflow.lower.lowering.stretch import Float32s, Float64s, Floats
from hwflow.lower.network import IntArray

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
    """The quantiser ``op`` of a tensor of ``channels``; real = scale · code + offset, both (C,).

    ``parameters``: the operator's inputs after the first, float32, each () or (C,).
    """

    op: Op
    parameters: tuple[Float32s, ...]
    channels: int

    @property
    def bipolar(self) -> bool:
        """Whether the codes are −1 and +1 alone."""
        if self.op.kind == "Quant":
            return bool(self.op.attributes["signed"]) and float(self.parameters[2].max()) == 1
        return self.op.kind == "BipolarQuant"

    @property
    def scale(self) -> Float64s:
        """Difference of the reals of neighbouring codes (C,)."""
        second = self.op.kind == "Trunc" and not _first_trunc(self.parameters)
        scale = self.parameters[3 if second else 0]
        return np.broadcast_to(scale, self.channels).astype(np.float64)

    @property
    def offset(self) -> Float64s:
        """Real of code 0 (C,)."""
        if self.op.kind == "BipolarQuant":
            return np.zeros(self.channels)
        zero_point = self.parameters[1].astype(np.float64)
        if self.op.kind == "Trunc" and not _first_trunc(self.parameters):
            zero_point = zero_point / _shift(self.op, self.parameters)
        return -self.scale * zero_point

    def take(self, channels: IntArray) -> Quantiser:
        """Return the quantiser of a tensor whose channel k was channel ``channels[k]``."""
        parameters = tuple(
            values[channels] if values.ndim else values for values in self.parameters
        )
        return Quantiser(self.op, parameters, len(channels))

    def codes(self, values: Floats) -> IntArray:
        """Return the integer codes of ``values`` (C, N), computed in their precision.

        Raises:
            UnsupportedModelError: if a value is not a number.
        """
        if np.isnan(values).any():
            raise UnsupportedModelError(
                "the operators in front of it give NaN for integers within reach; take out what "
                "divides by zero or takes the root or logarithm of a negative number",
                node=self.op.name,
            )
        columns = tuple(
            column.astype(values.dtype)[:, np.newaxis]
            if column.ndim
            else column.astype(values.dtype)
            for column in self.parameters
        )
        with np.errstate(all="ignore"):
            return cast(IntArray, _CODES[self.op.kind](self.op, values, columns).astype(np.int64))


def constant_codes(op: Op, values: Float32s, parameters: tuple[Float32s, ...]) -> IntArray:
    """Return the codes less zero point of constant ``values``; parameters broadcast to them."""
    if op.kind == "BipolarQuant":
        return np.where(values >= 0, 1, -1)
    scale, zero_point, bits = parameters
    codes = _round(op, values / scale + zero_point, float(bits.ravel()[0]))
    shifted = codes - zero_point
    integers: IntArray = np.rint(shifted).astype(np.int64)
    if not np.array_equal(integers, shifted):
        raise UnsupportedModelError(
            "the zero point is not an integer; quantise with an integer zero point", node=op.name
        )
    return integers


def _bipolar(op: Op, x: Floats, parameters: tuple[Floats, ...]) -> Floats:
    return np.where(x >= 0, x.dtype.type(1), x.dtype.type(-1))


def _uniform(op: Op, x: Floats, parameters: tuple[Floats, ...]) -> Floats:
    scale, zero_point, bits = parameters
    return _round(op, x / scale + zero_point, float(_single(op, bits, "bit width")))


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


def _truncation(op: Op, x: Floats, parameters: tuple[Floats, ...]) -> Floats:
    """Return Trunc of opset 1 (5 inputs) or 2 (6 inputs), qonnx.custom_op.general.trunc."""
    y = np.round(x / parameters[0] + parameters[1]) / _shift(op, parameters)
    if not _first_trunc(parameters):
        signed, narrow = bool(op.attributes["signed"]), bool(op.attributes["narrow"])
        bits = float(_single(op, parameters[4], "output bit width"))
        y = np.clip(y, *code_range(bits, signed=signed, narrow=narrow))
    return cast(Floats, _rounding(op)(y.astype(x.dtype, copy=False)))


def _first_trunc(parameters: tuple[Floats, ...]) -> bool:
    return len(parameters) == 4


def _shift(op: Op, parameters: tuple[Floats, ...]) -> Floats:
    """Return the power of two that Trunc divides codes by."""
    if _first_trunc(parameters):
        bits, output_bits = (_single(op, values, "bit width") for values in parameters[2:4])
        return np.exp2(bits - output_bits)
    return cast(Floats, np.exp2(np.round(np.log2(parameters[3] / parameters[0]))))


def _rounding(op: Op) -> Callable[[Floats], Any]:
    mode = str(op.attributes["rounding_mode"]).upper()
    if mode not in ROUNDING:
        raise UnsupportedModelError(
            f"rounding mode {mode!r} is not known; use one of {', '.join(ROUNDING)}", node=op.name
        )
    return ROUNDING[mode]


def _single(op: Op, values: Floats, what: str) -> Floats:
    if np.unique(values).size != 1:
        raise UnsupportedModelError(
            f"the {what} differs between channels; quantise the tensor with one {what}",
            node=op.name,
        )
    return values.reshape(-1)[:1].reshape(())


_CODES: dict[str, Callable[[Op, Floats, tuple[Floats, ...]], Floats]] = {
    "Quant": _uniform,
    "BipolarQuant": _bipolar,
    "Trunc": _truncation,
}
