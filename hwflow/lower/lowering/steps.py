"""Float operators of one value: each joins the stretch in front of the next quantiser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwflow.lower.graph import Op
from hwflow.lower.lowering.context import Context, affine, refuse
from hwflow.lower.lowering.stretch import Float32s, Float64s, Step, batch_norm
from hwflow.lower.lowering.value import Value, batch_norm_parameters, per_channel
from hwflow.lower.lowering.weights import Constant, small_ratio

_LARGEST_FACTOR = 256
# Attributes of functions that are their parameters, in order.
_ATTRIBUTES = {
    "LeakyRelu": ("alpha",),
    "Clip": ("min", "max"),
    "HardSigmoid": ("alpha", "beta"),
    "Elu": ("alpha",),
    "Selu": ("alpha", "gamma"),
}


def function(context: Context, op: Op) -> Value:
    """Lower a function of one value."""
    value = context.value(op)
    if op.kind == "Identity":
        return value
    if op.kind == "BatchNormalization":
        constants = [context.constant(op, position) for position in range(1, 5)]
        parameters = batch_norm_parameters(op, value, constants)
        step = Step("Affine", op.name, batch_norm(*parameters, epsilon=_number(op, "epsilon")))
    elif op.kind == "PRelu":
        step = Step("PRelu", op.name, (per_channel(op, value, context.constant(op, 1)),))
    else:
        names = _ATTRIBUTES.get(op.kind, ())
        step = Step(op.kind, op.name, tuple(_single(op, name) for name in names))
    return replace(value, stretch=value.stretch.then(step))


def arithmetic(context: Context, op: Op) -> Value:
    """Lower Add, Sub, Mul or Div of a value and a constant, or of two values."""
    left, right = (context.get(name) for name in op.inputs)
    if isinstance(left, Value) and isinstance(right, Value):
        return _branches(context, op)
    position = 0 if isinstance(left, Value) else 1
    value = context.value(op, position)
    constant = context.get(op.inputs[1 - position])
    assert isinstance(constant, Constant)
    kind = {"Sub": "RSub", "Div": "RDiv"}.get(op.kind, op.kind) if position else op.kind
    parameter = per_channel(op, value, constant.floats)
    return replace(value, stretch=value.stretch.then(Step(kind, op.name, (parameter,))))


def _branches(context: Context, op: Op) -> Value:
    """Lower the sum or difference of two branches, exact integers with one scale."""
    a, b = context.value(op, 0), context.value(op, 1)
    if op.kind not in ("Add", "Sub"):
        refuse(
            op,
            f"{op.kind} of two branches is not supported; only their sum or difference can be "
            "computed in integers",
        )
    if a.shape != b.shape or not np.array_equal(a.index, b.index):
        refuse(
            op,
            f"its branches have the shapes {a.shape} and {b.shape} or another order of axes; add "
            "maps of one shape",
        )
    (scale_a, offset_a), (scale_b, offset_b) = affine(op, a), affine(op, b)
    if op.kind == "Sub":
        scale_b, offset_b = -scale_b, -offset_b
    offset = offset_a + offset_b
    if a.tensor == b.tensor:
        stretch = replace(a.stretch, scale=scale_a + scale_b, offset=offset, steps=())
        return replace(a, stretch=stretch)
    ratio = small_ratio(scale_a, scale_b, largest=_LARGEST_FACTOR)
    if ratio is None:
        refuse(
            op,
            f"its branches have the scales {_excerpt(scale_a)} and {_excerpt(scale_b)}, whose "
            f"ratio is not one of integers up to {_LARGEST_FACTOR}; quantise both branches with "
            "one scale (in Brevitas: one shared QuantIdentity)",
        )
    tensor = context.builder.add(op.name, a.tensor, b.tensor, ratio)
    stretch = replace(a.stretch, scale=scale_b / ratio[1], offset=offset, steps=())
    return Value(tensor, a.index, stretch)


def _excerpt(values: Float64s) -> str:
    unique = np.unique(values)
    return f"{unique[0]:.6g}" if unique.size == 1 else f"{unique[0]:.6g} … {unique[-1]:.6g}"


def _single(op: Op, name: str) -> Float32s:
    return np.array(_number(op, name), np.float32)


def _number(op: Op, name: str) -> float:
    value = op.attributes[name]
    assert isinstance(value, int | float), (op.name, name, value)
    return float(value)
