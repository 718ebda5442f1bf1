"""Reads convolutions, matrix products, pools and batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwflow.lower.graph import Shape
from hwflow.lower.read.context import Context, reads
from hwflow.lower.read.elements import add_constant
from hwflow.lower.read.layouts import (
    MAP_RANK,
    as_map,
    as_vector,
    plain,
    unit_free,
)
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.shapes import axes_of, shape_of
from hwflow.lower.read.tensors import Constant
from hwflow.lower.read.values import Quantised, Value, View
from hwflow.lower.read.windows import Windows, spatial, windows


def read_weights(ctx: Context, node: Node, position: int) -> Constant | Quantised:
    """Return the weights of a layer, which must be quantised or annotated as integers."""
    value = ctx.value(node, position)
    if isinstance(value, View):
        node.refuse(
            f"its input {position} is computed from the frame; layers need constant weights"
        )
    if isinstance(value, Constant):
        if value.array.dtype.kind != "f":
            node.refuse(
                f"it has integer weights ({value.name!r}, {value.array.dtype}) on a float input; "
                "put DequantizeLinear behind them, that is: export QONNX or QCDQ"
            )
        if value.datatype is None:
            node.refuse(float_message(node, value.name))
    return value


def float_message(node: Node, weights: str | None = None) -> str:
    """Return what to say of a layer without quantised weights."""
    where = "" if weights is None else f" ({weights!r})"
    return (
        f"the network is not quantised: node {node.name} ({node.op}) has float weights{where}; "
        "train it with Brevitas or quantise it with ONNX Runtime, and export QONNX or QCDQ"
    )


@reads("Conv")
def _conv(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    weights = read_weights(ctx, node, 1)
    shape = shape_of(weights)
    if len(shape) != len(view.shape):
        node.refuse(f"weights of shape {shape} do not fit an input of shape {view.shape}")
    given = node.integers("kernel_shape")
    if given is not None and given != shape[2:]:
        node.refuse(f"kernel_shape {given} is not that of its weights {shape}")
    group = node.integer("group", 1)
    if group < 1 or shape[1] * group != view.shape[1] or shape[0] % group:
        node.refuse(
            f"weights of shape {shape} in {group} groups do not fit {view.shape[1]} channels"
        )
    if view.axes is not None and len(ctx.draft.shapes[view.tensor]) == 2:
        return _pointwise(ctx, node, view, weights, group)
    where = spatial(ctx, node, view)
    kernel = where.pair(shape[2:], 1)
    if where.line is not None:
        weights = _shaped(weights, (*shape[:2], *kernel))
    spans = windows(node, where, kernel)
    output = ctx.draft.emit(
        node,
        "Conv",
        (where.tensor, ctx.draft.weights(node, weights)),
        (1, shape[0], *spans.size),
        {**spans.attributes(), "group": group},
        name=_product_name(ctx, node),
    )
    return _biased(ctx, node, where.view(ctx, output), 2)


def _pointwise(
    ctx: Context, node: Node, view: View, weights: Constant | Quantised, group: int
) -> Value:
    """Read a convolution of a vector (1, K, 1, 1), which is a matrix product."""
    shape = shape_of(weights)
    if view.wide not in {(), (1,)} or group > 1 or set(shape[2:]) > {1}:
        as_map(ctx, node, view)
    matrix = _shaped(weights, shape[:2])
    output = ctx.draft.emit(
        node,
        "MatMul",
        (as_vector(ctx, node, view), ctx.draft.weights(node, _permuted(matrix, (1, 0)))),
        (1, shape[0]),
        name=_product_name(ctx, node),
    )
    logical = (1, shape[0], *(1,) * (len(view.shape) - 2))
    return _biased(
        ctx, node, replace(plain(ctx, output), shape=logical, axes=unit_free(logical)), 2
    )


def _product_name(ctx: Context, node: Node) -> str:
    """Return what the product is called; the sum with the bias keeps the name of the file."""
    return node.outputs[0] if ctx.optional(node, 2) is None else f"{node.outputs[0]}.product"


def _biased(ctx: Context, node: Node, view: View, position: int) -> View:
    """Return ``view`` plus the layer's bias per channel (axis 1), where it has one."""
    if ctx.optional(node, position) is None:
        return view
    bias = ctx.constant(node, position, "the bias")
    if bias.array.shape != (view.shape[1],):
        node.refuse(f"its bias has the shape {bias.array.shape}; expected ({view.shape[1]},)")
    return add_constant(ctx, node, view, "Add", bias, (1,) * (len(view.shape) - 2))


def _shaped(value: Constant | Quantised, shape: Sequence[int]) -> Constant | Quantised:
    if isinstance(value, Quantised):
        return value.reshaped(shape)
    return replace(value, array=value.array.reshape(shape))


def _permuted(value: Constant | Quantised, order: Sequence[int]) -> Constant | Quantised:
    if isinstance(value, Quantised):
        return value.permuted(order)
    return replace(value, array=value.array.transpose(order))


@reads("MatMul")
def _matmul(ctx: Context, node: Node) -> Value:
    if not isinstance(ctx.value(node, 0), View):
        node.refuse("the weights are its first input; expected input × weights: transpose both")
    view = ctx.view(node)
    weights = read_weights(ctx, node, 1)
    shape = shape_of(weights)
    if len(shape) > 2 and set(shape[:-2]) == {1}:
        shape = shape[-2:]
        weights = _shaped(weights, shape)
    return matrix_product(ctx, node, view, weights, shape)


def matrix_product(
    ctx: Context,
    node: Node,
    view: View,
    weights: Constant | Quantised,
    shape: Shape,
    name: str | None = None,
) -> View:
    """Return the view, its last axis as vectors, times weights of ``shape`` (K, M).

    ``name``: what the product is called, unless as in the file.
    """
    if len(shape) != 2 or not view.shape or shape[0] != view.shape[-1]:
        node.refuse(f"weights of shape {shape} do not fit an input of shape {view.shape}")
    last = len(view.shape) - 1
    logical = (*view.shape[:-1], shape[1])
    if view.wide in {(), (last,)}:
        vector = as_vector(ctx, node, view)
        output = ctx.draft.emit(
            node, "MatMul", (vector, ctx.draft.weights(node, weights)), (1, shape[1]), name=name
        )
        axes = tuple(1 if size > 1 else None for size in logical)
        return View(output, logical, axes)
    return _at_each_position(ctx, node, view, weights, logical)


def _at_each_position(
    ctx: Context, node: Node, view: View, weights: Constant | Quantised, logical: Shape
) -> View:
    """Read a matrix product over the channels of a map: a 1×1 convolution."""
    base = ctx.draft.shapes[view.tensor]
    channels, outputs = shape_of(weights)
    if view.axes is None or len(base) != MAP_RANK or view.axes[-1] not in {1, None}:
        node.refuse(
            f"its input has the shape {view.shape}; expected a vector (1, {channels}): "
            "flatten the feature map first"
        )
    if base[1] != channels:
        node.refuse(f"it mixes an axis of shape {view.shape} that is not the channels")
    kernel = _shaped(_permuted(weights, (1, 0)), (outputs, channels, 1, 1))
    output = ctx.draft.emit(
        node,
        "Conv",
        (view.tensor, ctx.draft.weights(node, kernel)),
        (1, outputs, *base[2:]),
        {**Windows((1, 1), (1, 1), (1, 1), (0, 0, 0, 0), (0, 0)).attributes(), "group": 1},
    )
    axes = (*view.axes[:-1], 1 if outputs > 1 else None)
    return View(output, logical, axes)


@reads("Gemm")
def _gemm(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    weights = read_weights(ctx, node, 1)
    if len(view.shape) != 2 or len(shape_of(weights)) != 2:
        node.refuse(f"inputs {view.shape} and {shape_of(weights)} are not two matrices")
    if node.integer("transA", 0):
        view = replace(
            view, shape=view.shape[::-1], axes=None if view.axes is None else view.axes[::-1]
        )
    if node.integer("transB", 0):
        weights = _permuted(weights, (1, 0))
    if view.shape[0] != 1:
        node.refuse(f"its input has the shape {view.shape}; expected one vector (1, K)")
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    name = _product_name(ctx, node) if alpha == 1 else f"{node.outputs[0]}.product"
    view = matrix_product(ctx, node, view, weights, shape_of(weights), name)
    if alpha != 1:
        factor = Constant(np.asarray(alpha, np.float32), f"{node.name}.alpha")
        view = add_constant(ctx, node, view, "Mul", factor)
    if ctx.optional(node, 2) is None or beta == 0:
        return view
    bias = ctx.constant(node, 2, "the bias")
    bias = replace(bias, array=bias.array * np.float32(beta))
    return add_constant(ctx, node, view, "Add", bias)


@reads("MaxPool", "AveragePool")
def _pool(ctx: Context, node: Node) -> Value:
    view = ctx.view(node, integers=node.op == "MaxPool")
    where = spatial(ctx, node, view)
    given = node.integers("kernel_shape")
    if given is None or len(given) != len(view.shape) - 2:
        node.refuse(f"kernel_shape {given} does not fit an input of shape {view.shape}")
    spans = windows(node, where, where.pair(given, 1))
    attributes = {**spans.attributes(), "ceil_mode": 0}
    if node.op == "MaxPool":
        if node.integer("storage_order", 0):
            node.refuse("storage_order 1 is not supported")
    else:
        if spans.dilations != (1, 1):
            node.refuse(f"dilations {spans.dilations} are not supported")
        del attributes["dilations"]
        include = node.integer("count_include_pad", 0)
        if include and node.integer("ceil_mode", 0) and any(spans.pads):
            node.refuse("ceil_mode with count_include_pad is not supported; pad explicitly")
        attributes["count_include_pad"] = include
    output = ctx.draft.emit(
        node, node.op, (where.tensor,), (*where.shape[:2], *spans.size), attributes
    )
    integers = view.integers and replace(view.integers, source=None)
    return replace(where.view(ctx, output), integers=integers)


@reads("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(ctx: Context, node: Node) -> Value:
    where = spatial(ctx, node, ctx.view(node))
    output = ctx.draft.emit(node, node.op, (where.tensor,), (*where.shape[:2], 1, 1))
    return where.view(ctx, output)


REDUCTIONS = {
    "ReduceMean": "GlobalAveragePool",
    "ReduceSum": "GlobalAveragePool",
    "ReduceMax": "GlobalMaxPool",
}


@reads(*REDUCTIONS)
def _reduce(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    base = ctx.draft.shapes[view.tensor]
    axes = axes_of(ctx, node, len(view.shape))
    if not axes:
        if node.integer("noop_with_empty_axes", 0):
            return view
        axes = tuple(range(len(view.shape)))
    keep = node.integer("keepdims", 1)
    shape = tuple(
        1 if axis in axes else size
        for axis, size in enumerate(view.shape)
        if keep or axis not in axes
    )
    if view.axes is None:
        node.refuse("a reduction of a reshaped feature map is not supported")
    reduced = {view.axes[axis] for axis in axes} - {None}
    kept = tuple(view.axes[axis] for axis in range(len(view.shape)) if keep or axis not in axes)
    kept = tuple(axis if size > 1 else None for axis, size in zip(kept, shape, strict=True))
    if not reduced:
        return replace(view, shape=shape, axes=kept)
    if len(base) != MAP_RANK or reduced != {axis for axis in (2, 3) if base[axis] > 1}:
        node.refuse(
            f"it reduces axes {axes} of shape {view.shape}; rows and columns together can be"
        )
    tensor = ctx.draft.emit(node, REDUCTIONS[node.op], (view.tensor,), (*base[:2], 1, 1))
    view = View(tensor, shape, kept)
    if node.op == "ReduceSum":
        count = Constant(np.asarray(base[2] * base[3], np.float32), f"{node.name}.count")
        view = add_constant(ctx, node, view, "Mul", count)
    return view


@reads("BatchNormalization")
def _batch_norm(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    if node.integer("training_mode", 0):
        node.refuse("training_mode 1 uses the batch's statistics; export in evaluation mode")
    if not node.integer("spatial", 1):
        node.refuse("spatial 0 (statistics per pixel) is not supported")
    if len(view.shape) < 2:
        node.refuse(f"its input has the shape {view.shape}; expected (N, C, …)")
    channels = view.shape[1]
    what = ("scale", "bias", "mean", "variance")
    parameters = [ctx.constant(node, 1 + i, f"its {name}") for i, name in enumerate(what)]
    for parameter, name in zip(parameters, what, strict=True):
        if parameter.array.shape != (channels,):
            node.refuse(f"its {name} has the shape {parameter.array.shape}; expected ({channels},)")
    epsilon = node.number("epsilon", 1e-5)
    if (parameters[3].array + np.float32(epsilon) <= 0).any():
        node.refuse("a variance plus epsilon is not positive; train the network again")
    if view.axes is None or (channels > 1 and view.axes[1] != 1):
        tensor = as_map(ctx, node, view) if len(view.shape) == MAP_RANK else None
        if tensor is None:
            node.refuse(f"its axis 1 of shape {view.shape} is not the channels")
        view = plain(ctx, tensor)
    width = ctx.draft.shapes[view.tensor][1]
    stored = [
        ctx.draft.store(node, np.broadcast_to(parameter.array, (width,)), parameter.name)
        for parameter in parameters
    ]
    output = ctx.draft.emit(
        node,
        "BatchNormalization",
        (view.tensor, *stored),
        ctx.draft.shapes[view.tensor],
        {"epsilon": epsilon},
    )
    return replace(view, tensor=output)
