"""Reads quantisers: Quant, BipolarQuant and Trunc of qonnx, QuantizeLinear … DequantizeLinear.

What they do to constants is kept as ``Quantised``; what they do to computed tensors is written as
``Quant``, ``BipolarQuant`` or ``Trunc``. Rounding modes get one spelling each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwflow.lower.graph import Attribute
from hwflow.lower.read.context import Context, reads, reads_quantiser
from hwflow.lower.read.elements import add_constant, on_elements
from hwflow.lower.read.layouts import aligned
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.tensors import Constant
from hwflow.lower.read.values import (
    FloatArray,
    Integers,
    Quantised,
    Value,
    View,
    exact,
    finite,
    quant_attributes,
)

MAX_BITS = 32
# qonnx's names (HALF_UP and HALF_DOWN round halves away from and towards zero), and Brevitas' own.
ROUNDING = {
    "ROUND": "ROUND",
    "HALF_EVEN": "ROUND",
    "CEIL": "CEIL",
    "FLOOR": "FLOOR",
    "UP": "UP",
    "DOWN": "DOWN",
    "ROUND_TO_ZERO": "DOWN",
    "HALF_UP": "HALF_UP",
    "HALF_DOWN": "HALF_DOWN",
}
ATTRIBUTES = frozenset({"signed", "narrow", "rounding_mode"})


def _scale(ctx: Context, node: Node, position: int, what: str = "scale") -> FloatArray:
    scale = finite(node, ctx.array(node, position, f"its {what}"), f"its {what}")
    if (scale <= 0).any():
        node.refuse(f"its {what} is {scale.min()}; scales must be positive: train it again")
    return scale


def _zero_point(ctx: Context, node: Node, position: int) -> FloatArray:
    zero = finite(node, ctx.array(node, position, "its zero point"), "its zero point")
    if (zero != np.rint(zero)).any():
        node.refuse(f"its zero point {zero.ravel()[0]} is not an integer")
    return zero


def _bits(ctx: Context, node: Node, position: int) -> int:
    bits = finite(node, ctx.array(node, position, "its bit width"), "its bit width")
    number = float(bits.ravel()[0])
    if (bits != number).any():
        node.refuse("its bit width differs between channels; quantise a layer to one width")
    if number != int(number) or not 1 <= number <= MAX_BITS:
        node.refuse(f"its bit width is {number:g}; expected an integer from 1 to {MAX_BITS}")
    return int(number)


def _rounding(node: Node, default: str) -> str:
    mode = node.text("rounding_mode", default).upper()
    if mode not in ROUNDING:
        node.refuse(f"rounding_mode {mode!r} is unknown; expected one of {', '.join(ROUNDING)}")
    return ROUNDING[mode]


def _flag(node: Node, name: str, default: int) -> bool:
    value = node.integer(name, default)
    if value not in {0, 1}:
        node.refuse(f"attribute {name} is {value}; expected 0 or 1")
    return bool(value)


def _check_attributes(node: Node, known: frozenset[str]) -> None:
    unknown = sorted(set(node.attributes) - known)
    if unknown:
        node.refuse(f"has the unknown attribute {unknown[0]!r}; expected {sorted(known)}")


class _Kind(NamedTuple):
    scale: FloatArray
    zero_point: FloatArray
    bits: int
    signed: bool
    narrow: bool
    rounding: str


@reads_quantiser("Quant", "IntQuant")
def _quant(ctx: Context, node: Node) -> Value:
    _check_attributes(node, ATTRIBUTES)
    kind = _Kind(
        scale=_scale(ctx, node, 1),
        zero_point=_zero_point(ctx, node, 2),
        bits=_bits(ctx, node, 3),
        signed=_flag(node, "signed", 1),
        narrow=_flag(node, "narrow", 0),
        rounding=_rounding(node, "ROUND"),
    )
    if kind.bits == 1 and kind.narrow and not kind.signed:
        node.refuse("one narrow unsigned bit has a single level, 0; use narrow 0")
    if kind.bits == 1 and kind.signed and kind.zero_point.any():
        node.refuse("a bipolar quantiser (1 bit, signed) needs the zero point 0")
    return _quantise(ctx, node, kind)


@reads_quantiser("BipolarQuant")
def _bipolar(ctx: Context, node: Node) -> Value:
    _check_attributes(node, frozenset())
    scale = _scale(ctx, node, 1)
    return _quantise(ctx, node, _Kind(scale, np.zeros((), np.float32), 1, True, False, "ROUND"))


def _quantise(ctx: Context, node: Node, kind: _Kind) -> Value:
    value = ctx.value(node, 0)
    if isinstance(value, View):
        return _quantised_view(ctx, node, ctx.view(node), kind)
    values = value.values() if isinstance(value, Quantised) else value.array
    return _quantised_constant(node, values, kind, value.name)


def _quantised_constant(node: Node, values: NDArray[Any], kind: _Kind, name: str) -> Quantised:
    array = finite(node, values, name)

    def fit(parameter: FloatArray) -> FloatArray:
        if parameter.ndim > array.ndim and parameter.size == 1:
            return parameter.reshape((1,) * array.ndim)
        try:
            np.broadcast_to(parameter, array.shape)
        except ValueError:
            node.refuse(
                f"its scale or zero point of shape {parameter.shape} does not fit {array.shape}"
            )
        return parameter.reshape((1,) * (array.ndim - parameter.ndim) + parameter.shape)

    return Quantised(
        array=array,
        scale=fit(kind.scale),
        zero_point=fit(kind.zero_point),
        bits=kind.bits,
        signed=kind.signed,
        narrow=kind.narrow,
        rounding=kind.rounding,
        node=node,
        name=name,
    )


def _quantised_view(
    ctx: Context, node: Node, view: View, kind: _Kind, name: str | None = None
) -> View:
    view, scale = aligned(ctx, node, view, kind.scale)
    scales = ctx.draft.store(node, scale, f"{node.name}.scale")
    if kind.signed and kind.bits == 1:
        return on_elements(ctx, node, view, "BipolarQuant", {}, (scales,), name)
    view, zero = aligned(ctx, node, view, kind.zero_point)
    zeros = ctx.draft.store(node, zero, f"{node.name}.zero_point")
    bits = ctx.draft.store(node, np.asarray(kind.bits), f"{node.name}.bits")
    attributes = quant_attributes(kind.signed, kind.narrow, kind.rounding)
    return on_elements(ctx, node, view, "Quant", attributes, (scales, zeros, bits), name)


@reads_quantiser("Trunc")
def _trunc(ctx: Context, node: Node) -> Value:
    """Write Trunc with the inputs of the file's version: 5 of the first, 6 of the second."""
    _check_attributes(node, ATTRIBUTES)
    view = ctx.view(node)
    first = len(node.inputs) == 5
    parameters = [("scale", _scale(ctx, node, 1)), ("zero_point", _zero_point(ctx, node, 2))]
    widths = [("bits", _bits(ctx, node, 3)), ("output_bits", _bits(ctx, node, 4 if first else 5))]
    if not first:
        parameters.append(("output_scale", _scale(ctx, node, 4, "output scale")))
    stored = {}
    for name, parameter in parameters:
        view, values = aligned(ctx, node, view, parameter)
        stored[name] = ctx.draft.store(node, values, f"{node.name}.{name}")
    for name, bits in widths:
        stored[name] = ctx.draft.store(node, np.asarray(bits), f"{node.name}.{name}")
    order = ("scale", "zero_point", "bits", "output_scale", "output_bits")
    attributes = quant_attributes(
        _flag(node, "signed", 1), _flag(node, "narrow", 0), _rounding(node, "FLOOR")
    )
    inputs = tuple(stored[name] for name in order if name in stored)
    return on_elements(ctx, node, view, "Trunc", attributes, inputs)


def _limits(node: Node, dtype: np.dtype[Any], datatype: str | None) -> tuple[int, int]:
    """Return what integers of a storage type reach."""
    if datatype is not None:
        bits, signed = int(datatype.lstrip("UINT")), datatype.startswith("INT")
        return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if dtype.kind not in "iu":
        node.refuse(f"its integers are of type {dtype}; 8-bit floats are not supported")
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def _channelwise(node: Node, array: FloatArray, rank: int, size: int, axis: int) -> FloatArray:
    """Return a parameter per tensor or per slice along ``axis``, with ``rank`` axes."""
    if array.size == 1:
        return array.reshape((1,) * rank)
    if array.shape != (size,):
        node.refuse(f"its scale or zero point has the shape {array.shape}; expected ({size},)")
    shape = [1] * rank
    shape[axis] = size
    return array.reshape(shape)


def _linear(ctx: Context, node: Node, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return scale and zero point, both broadcasting to ``shape``."""
    if node.integer("block_size", 0):
        node.refuse("block_size is not supported; use a scale per tensor or per channel")
    scale = _scale(ctx, node, 1)
    zero = ctx.optional_array(node, 2, "its zero point")
    zero = np.zeros((), np.float32) if zero is None else exact(node, zero, "its zero point")
    rank = len(shape)
    axis = node.integer("axis", 1)
    if scale.size == 1 and zero.size == 1:
        axis = 0
    if not -rank <= axis < max(rank, 1):
        node.refuse(f"axis {axis} does not fit a tensor of shape {shape}")
    size = shape[axis] if shape else 1
    return (
        _channelwise(node, scale, rank, size, axis),
        _channelwise(node, zero, rank, size, axis),
    )


@reads("QuantizeLinear")
def _quantize_linear(ctx: Context, node: Node) -> Value:
    """Read x to round(x / scale) + zero point, saturated; written as a Quant at once."""
    value = ctx.value(node, 0)
    if ctx.optional(node, 2) is None:
        names = {0: np.uint8, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16}
        target = node.integer("output_dtype", 0)
        if target not in names:
            node.refuse(f"output_dtype {target} is not supported; use 8-bit or 16-bit integers")
        low, high = _limits(node, np.dtype(names[target]), None)
    else:
        zero = ctx.constant(node, 2, "its zero point")
        low, high = _limits(node, zero.array.dtype, zero.datatype)
    if isinstance(value, View):
        view = ctx.view(node)
        scale, zero_point = _linear(ctx, node, view.shape)
        return quantised_view(ctx, node, view, scale, zero_point, (low, high))
    constant = ctx.constant(node, 0, "its input")
    scale, zero_point = _linear(ctx, node, constant.array.shape)
    array = np.rint(finite(node, constant.array, constant.name) / scale) + zero_point
    kind = np.int64 if low < 0 else np.uint64
    return Constant(
        np.clip(array, low, high).astype(kind),
        constant.name,
        f"{'INT' if low < 0 else 'UINT'}{(high - low).bit_length()}",
    )


def quantised_view(
    ctx: Context,
    node: Node,
    view: View,
    scale: FloatArray,
    zero_point: FloatArray,
    bounds: tuple[int, int],
) -> View:
    """Return a view quantised to ``bounds`` of the integers, as a view of those integers.

    The quantiser is written with zero point 0, because Quant adds the zero point before it rounds:
    odd zero points, and float32 sums, would break ties another way. Where its range then is none
    that bits and narrow describe, a Clip in front of it holds the bounds.
    """
    low, high = bounds
    source = view
    zero = float(zero_point.ravel()[0])
    if (zero_point != zero).any():
        node.refuse("its zero points differ between channels; use symmetric quantisation")
    least, most = low - int(zero), high - int(zero)
    plain = _format(least, most)
    if plain is None:
        if scale.size != 1:
            node.refuse(
                f"integers {low} … {high} with zero point {int(zero)} need one scale; "
                "use symmetric quantisation for scales per channel"
            )
        factor = scale.astype(np.float32).ravel()[0]
        limits: dict[str, Attribute] = {
            "min": float(np.float32(least) * factor),
            "max": float(np.float32(most) * factor),
        }
        view = on_elements(ctx, node, view, "Clip", limits, (), f"{node.outputs[0]}.clipped")
        signed = least < 0
        plain = signed, False, max((-least - 1).bit_length(), max(most, 0).bit_length()) + signed
    signed, narrow, bits = plain
    kind = _Kind(scale, np.zeros((), np.float32), max(bits, 1), signed, narrow, "ROUND")
    # Not the file's name: that of QuantizeLinear's output is the integers.
    view = _quantised_view(ctx, node, view, kind, name=f"{node.outputs[0]}.values")
    return replace(view, integers=Integers(low, high, scale, zero_point, source))


def _format(low: int, high: int) -> tuple[bool, bool, int] | None:
    """Return (signed, narrow, bits) of a quantiser with exactly these bounds, None if none has.

    One signed bit is left out: it is bipolar.
    """
    for bits in range(1, MAX_BITS + 1):
        if low == 0 and high == 2**bits - 1:
            return False, False, bits
        if bits > 1 and high == 2 ** (bits - 1) - 1 and low in {-high, -high - 1}:
            return True, low == -high, bits
    return None


@reads("DequantizeLinear")
def _dequantize_linear(ctx: Context, node: Node) -> Value:
    """Read integers to (integer - zero point) · scale."""
    value = ctx.value(node, 0)
    if isinstance(value, View):
        return _dequantised_view(ctx, node, ctx.view(node, integers=True))
    constant = ctx.constant(node, 0, "its input")
    low, high = _limits(node, constant.array.dtype, constant.datatype)
    scale, zero_point = _linear(ctx, node, constant.array.shape)
    # As ONNX computes it; what is left after rounding to float32 is a quantised value again.
    integers = constant.array.astype(np.int64) - zero_point.astype(np.int64)
    values = integers.astype(np.float32) * scale
    bits, signed = (high - low).bit_length(), low < 0
    if zero_point.any():
        # Without a zero point the integers are the differences, one bit wider.
        bits, signed = bits + 1, True
    zero = np.zeros((), np.float32)
    kind = _Kind(scale, zero, min(bits, MAX_BITS), signed, False, "ROUND")
    return _quantised_constant(node, values, kind, constant.name)


def _dequantised_view(ctx: Context, node: Node, view: View) -> View:
    integers = view.integers
    if integers is None:
        node.refuse("it reads floats; expected the integers of QuantizeLinear")
    scale, zero_point = _linear(ctx, node, view.shape)
    bare = replace(view, integers=None)
    if integers.scale is None or integers.zero_point is None:
        if zero_point.any():
            zero = Constant(zero_point, f"{node.name}.zero_point")
            bare = add_constant(ctx, node, bare, "Sub", zero)
        return add_constant(ctx, node, bare, "Mul", Constant(scale, f"{node.name}.scale"))
    if not (
        np.array_equal(integers.scale.ravel(), scale.ravel())
        and np.array_equal(integers.zero_point.ravel(), zero_point.ravel())
    ):
        node.refuse(
            "its scale or zero point differs from that of the QuantizeLinear in front of it; "
            "use the same"
        )
    return bare
