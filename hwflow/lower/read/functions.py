"""Reads arithmetic, functions of one value, and the tails that turn scores into labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwflow.lower.graph import Attribute, Shape
from hwflow.lower.read.context import Context, Result, evaluated, reads
from hwflow.lower.read.elements import add_constant, on_elements
from hwflow.lower.read.fold import fold
from hwflow.lower.read.layouts import MAP_RANK, aligned, as_map, as_vector, plain
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.quantisers import quantised_view
from hwflow.lower.read.tensors import Constant
from hwflow.lower.read.values import Quantised, Value, View, exact

# Functions of one value with their attributes and ONNX's defaults.
SIMPLE: dict[str, dict[str, float]] = {
    "Relu": {},
    "LeakyRelu": {"alpha": 0.01},
    "Sigmoid": {},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "Tanh": {},
    "Elu": {"alpha": 1.0},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Softplus": {},
    "Softsign": {},
    "Erf": {},
    "Neg": {},
    "Abs": {},
    "Sqrt": {},
    "Exp": {},
    "Log": {},
    "Sign": {},
    "Floor": {},
    "Ceil": {},
    "Round": {},
}


@reads(*SIMPLE)
def _function(ctx: Context, node: Node) -> Value:
    attributes: dict[str, Attribute] = {}
    for name, default in SIMPLE[node.op].items():
        attributes[name] = node.number(name, default)
        if not np.isfinite(attributes[name]):
            node.refuse(f"attribute {name} is {attributes[name]}")
    return on_elements(ctx, node, ctx.view(node), node.op, attributes)


@reads("Clip")
def _clip(ctx: Context, node: Node) -> Value:
    view = ctx.view(node, integers=True)
    bounds = []
    for position, name, default in ((1, "min", -np.inf), (2, "max", np.inf)):
        given = ctx.optional_array(node, position, name)
        if given is not None and given.size != 1:
            node.refuse(f"its {name} has {given.size} values; expected one")
        bound = node.number(name, default) if given is None else float(np.ravel(given)[0])
        if np.isnan(bound):
            node.refuse(f"its {name} is {bound}")
        bounds.append(bound)
    low, high = bounds
    if low > high:
        node.refuse(f"its min {low} is above its max {high}")
    if view.integers is None:
        return on_elements(ctx, node, view, "Clip", {"min": low, "max": high})
    return clipped_integers(ctx, node, view, low, high)


def clipped_integers(ctx: Context, node: Node, view: View, low: float, high: float) -> View:
    """Return quantised integers clipped to a narrower range; QCDQ writes few bits so."""
    integers = view.integers
    assert integers is not None
    if integers.source is None or integers.scale is None or integers.zero_point is None:
        node.refuse("it clips integers; expected QuantizeLinear, Clip, DequantizeLinear in a row")
    bounds = int(max(low, integers.low)), int(min(high, integers.high))
    if bounds[0] > bounds[1]:
        node.refuse(f"nothing is left of {integers.low} … {integers.high}")
    return quantised_view(ctx, node, integers.source, integers.scale, integers.zero_point, bounds)


@reads("PRelu")
def _prelu(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    slope = ctx.constant(node, 1, "the slope")
    view, values = aligned(ctx, node, view, slope.array)
    stored = ctx.draft.store(node, values, slope.name)
    return on_elements(ctx, node, view, "PRelu", {}, (stored,))


@reads("Min", "Max")
def _extreme(ctx: Context, node: Node) -> Value:
    """Read Min and Max with one number as a Clip."""
    if len(node.inputs) != 2:
        node.refuse("expected one computed input and one constant")
    at = 0 if isinstance(ctx.value(node, 0), View) else 1
    view, bound = ctx.view(node, at), exact(node, ctx.array(node, 1 - at, "the bound"), "the bound")
    if bound.size != 1 or np.isnan(bound).any() or bound.ndim > len(view.shape):
        node.refuse(f"its bound of shape {bound.shape} is no single number")
    number = float(bound.ravel()[0])
    low, high = (-np.inf, number) if node.op == "Min" else (number, np.inf)
    return on_elements(ctx, node, view, "Clip", {"min": low, "max": high})


@reads("Pow")
def _power(ctx: Context, node: Node) -> Value:
    exponent = ctx.array(node, 1, "the exponent")
    if exponent.size != 1 or float(exponent.ravel()[0]) != 1:
        node.refuse("powers of computed values are not supported")
    return ctx.view(node)


@reads("Add", "Sub", "Mul", "Div")
def _arithmetic(ctx: Context, node: Node) -> Value:
    """Read an operator on two tensors, of which one may be constant."""
    values = [ctx.value(node, 0), ctx.value(node, 1)]
    if not any(isinstance(value, View) for value in values):
        return _scaled_weights(ctx, node, values)
    if all(isinstance(value, View) for value in values):
        return _of_two(ctx, node)
    at = 0 if isinstance(values[0], View) else 1
    view, constant = ctx.view(node, at), ctx.constant(node, 1 - at, "its other input")
    if constant.array.dtype.kind != "f":
        node.refuse(f"{constant.name!r} holds {constant.array.dtype}, its other input floats")
    if at == 0:
        if node.op == "Div" and not constant.array.all():
            node.refuse(f"{constant.name!r} divides by 0")
        return add_constant(ctx, node, view, node.op, constant)
    view, array = aligned(ctx, node, view, constant.array)
    stored = ctx.draft.store(node, array, constant.name)
    shape = ctx.draft.shapes[view.tensor]
    output = ctx.draft.emit(node, node.op, (stored, view.tensor), shape)
    return replace(view, tensor=output)


def _scaled_weights(ctx: Context, node: Node, values: list[Value]) -> Value:
    """Return quantised weights times or by a constant; they stay quantised."""
    weights, factor = values
    if node.op == "Mul" and isinstance(factor, Quantised):
        weights, factor = factor, weights
    if (
        isinstance(weights, Quantised)
        and isinstance(factor, Constant)
        and node.op in {"Mul", "Div"}
        and factor.array.ndim <= weights.array.ndim
    ):
        array = exact(node, factor.array, factor.name)
        if np.isfinite(array).all() and (array > 0).all():
            array = np.reciprocal(array) if node.op == "Div" else array
            return weights.scaled(array)
    folded = fold(node, [evaluated(value) for value in values if not isinstance(value, View)])
    return folded[0]


def _of_two(ctx: Context, node: Node) -> Value:
    """Read an operator on two computed tensors of one shape, such as a residual addition."""
    first, second = ctx.view(node, 0), ctx.view(node, 1)
    if _stripped(first.shape) != _stripped(second.shape):
        node.refuse(
            f"it combines computed tensors of shapes {first.shape} and {second.shape}; only equal "
            "shapes are supported"
        )
    if len(first.shape) < len(second.shape):
        first = replace(first, shape=second.shape, axes=_padded(first, len(second.shape)))
    else:
        second = replace(second, shape=first.shape, axes=_padded(second, len(first.shape)))
    bases = [ctx.draft.shapes[view.tensor] for view in (first, second)]
    if first.axes == second.axes and bases[0] == bases[1]:
        return on_elements(ctx, node, first, node.op, {}, (second.tensor,))
    if len(first.wide) <= 1:
        tensors = [as_vector(ctx, node, view) for view in (first, second)]
        elements = ctx.draft.shapes[tensors[0]]
        output = ctx.draft.emit(node, node.op, tensors, elements)
        return View(output, first.shape, tuple(1 if n > 1 else None for n in first.shape))
    if len(first.shape) != MAP_RANK:
        node.refuse(f"its inputs of shape {first.shape} are laid out differently")
    tensors = [as_map(ctx, node, view) for view in (first, second)]
    return plain(ctx, ctx.draft.emit(node, node.op, tensors, first.shape))


def _stripped(shape: Shape) -> Shape:
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape


def _padded(view: View, rank: int) -> tuple[int | None, ...] | None:
    if view.axes is None:
        return None
    return (None,) * (rank - len(view.axes)) + view.axes


@reads("Sum")
def _sum(ctx: Context, node: Node) -> Result:
    """Read a sum of two as an addition."""
    if len(node.inputs) == 1:
        return ctx.view(node)
    if len(node.inputs) > 2:
        node.refuse("sums of more than two tensors are not supported; add them pairwise")
    return _arithmetic(ctx, replace(node, op="Add"))


@reads("Softmax", "LogSoftmax")
def _softmax(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    axis = node.integer("axis", 1 if node.opset < 13 else -1) % max(len(view.shape), 1)
    # Before operator set 13, all axes from this one on are one distribution.
    over = set(range(axis, len(view.shape))) if node.opset < 13 else {axis}
    if not set(view.wide) <= over or len(view.wide) > 1:
        node.refuse(f"it works along axis {axis} of shape {view.shape}; expected one vector")
    vector = as_vector(ctx, node, view)
    output = ctx.draft.emit(node, node.op, (vector,), ctx.draft.shapes[vector], {"axis": 1})
    return View(output, view.shape, tuple(1 if size > 1 else None for size in view.shape))


@reads("ArgMax")
def _argmax(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    if node.integer("select_last_index", 0):
        node.refuse("select_last_index 1 is not supported: ties go to the lowest class")
    axis = _class_axis(node, view, node.integer("axis", 0))
    keep = node.integer("keepdims", 1)
    vector = as_vector(ctx, node, view)
    output = ctx.draft.emit(node, "ArgMax", (vector,), (1, 1), {"axis": 1, "keepdims": 1})
    shape = tuple(1 for i in range(len(view.shape)) if keep or i != axis)
    return View(output, shape, (None,) * len(shape), scores=view)


@reads("TopK")
def _topk(ctx: Context, node: Node) -> Value | tuple[Value, ...]:
    view = ctx.view(node)
    if not node.integer("largest", 1):
        node.refuse("largest 0 (the lowest scores) is not supported")
    axis = _class_axis(node, view, node.integer("axis", -1))
    counts = (node.integer("k", 1),) if node.opset < 10 else ctx.integers(node, 1, "k")
    if not counts or not 1 <= counts[0] <= view.shape[axis]:
        node.refuse(f"k {counts} does not fit {view.shape[axis]} classes")
    vector = as_vector(ctx, node, view)
    shape = tuple(counts[0] if i == axis else size for i, size in enumerate(view.shape))
    axes = tuple(1 if size > 1 else None for size in shape)
    results = []
    for name, what in zip(node.outputs, ("values", "indices"), strict=False):
        attributes: dict[str, Attribute] = {
            "k": counts[0],
            "axis": 1,
            "largest": 1,
            "sorted": node.integer("sorted", 1),
            "output": what,
        }
        output = ctx.draft.emit(node, "TopK", (vector,), (1, counts[0]), attributes, name=name)
        results.append(View(output, shape, axes, scores=view))
    return tuple(results)


def _class_axis(node: Node, view: View, axis: int) -> int:
    rank = len(view.shape)
    if not -rank <= axis < rank or not set(view.wide) <= {axis % rank}:
        node.refuse(f"axis {axis} of shape {view.shape} is not that of the classes")
    return axis % rank
