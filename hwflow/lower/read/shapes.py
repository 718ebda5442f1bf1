"""Reads what moves elements and computes nothing: most of it is exporters' debris."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto

from hwflow.lower.graph import Shape
from hwflow.lower.read.context import Context, reads
from hwflow.lower.read.layouts import is_map, plain, reshaped
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.tensors import Constant
from hwflow.lower.read.values import Quantised, Value, View

# Attributes of Constant that are numbers.
NUMBERS = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


@reads("Constant")
def _constant(ctx: Context, node: Node) -> Value:
    (name, value), *more = node.attributes.items() or [("", None)]
    if not more and name == "value" and isinstance(value, Constant):
        return replace(value, name=node.outputs[0])
    if more or name not in NUMBERS:
        node.refuse("it holds no plain tensor of numbers; strings and sparse ones are unsupported")
    return Constant(np.asarray(value, dtype=NUMBERS[name]), node.outputs[0])


@reads("Identity")
def _identity(ctx: Context, node: Node) -> Value:
    return ctx.value(node, 0)


@reads("Dropout")
def _dropout(ctx: Context, node: Node) -> Value:
    training = ctx.optional_array(node, 2, "training_mode")
    if training is not None and training.any():
        node.refuse("it was exported in training mode; export the model in evaluation mode")
    return ctx.value(node, 0)


@reads("Cast")
def _cast(ctx: Context, node: Node) -> Value:
    view = ctx.view(node, integers=True, labels=True)
    target = node.integer("to", TensorProto.FLOAT)
    if view.scores is not None:
        return view
    name = TensorProto.DataType.Name(target)
    if target not in {TensorProto.FLOAT, TensorProto.DOUBLE}:
        node.refuse(f"a cast of computed values to {name} is not supported; export in float32")
    if view.integers is not None:
        if view.integers.scale is not None:
            node.refuse("it reads quantised integers; put DequantizeLinear in its place")
        return replace(view, integers=None)
    return view


@reads("Shape")
def _shape(ctx: Context, node: Node) -> Value:
    shape = ctx.view(node, integers=True, labels=True).shape
    end = node.attributes.get("end")
    return Constant(np.asarray(shape[node.integer("start", 0) : end], np.int64), node.outputs[0])


@reads("Size")
def _size(ctx: Context, node: Node) -> Value:
    shape = ctx.view(node, integers=True, labels=True).shape
    return Constant(np.asarray(np.prod(shape), np.int64), node.outputs[0])


@reads("Transpose")
def _transpose(ctx: Context, node: Node) -> Value:
    value = ctx.value(node, 0)
    rank = len(shape_of(value))
    perm = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        node.refuse(f"perm {perm} is no permutation of the {rank} axes of its input")
    if isinstance(value, Constant):
        return replace(value, array=value.array.transpose(perm))
    if isinstance(value, Quantised):
        return value.permuted(perm)
    view = ctx.view(node, integers=True)
    shape = tuple(view.shape[axis] for axis in perm)
    if view.axes is None:
        if len(view.wide) > 1:
            node.refuse("a transpose of a reshaped feature map is not supported")
        return replace(view, shape=shape)
    return replace(view, shape=shape, axes=tuple(view.axes[axis] for axis in perm))


@reads("Reshape")
def _reshape(ctx: Context, node: Node) -> Value:
    value = ctx.value(node, 0)
    wanted = ctx.integers(node, 1, "the new shape")
    if wanted is None:
        node.refuse("its new shape is missing; export the model again")
    shape = shape_of(value)
    if not node.integer("allowzero", 0):
        wanted = tuple(
            shape[axis] if size == 0 and axis < len(shape) else size
            for axis, size in enumerate(wanted)
        )
    return to_shape(ctx, node, value, wanted)


@reads("Flatten")
def _flatten(ctx: Context, node: Node) -> Value:
    value = ctx.value(node, 0)
    shape = shape_of(value)
    axis = node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        node.refuse(f"axis {axis} is out of range for an input of shape {shape}")
    axis = axis % len(shape) if axis < 0 else axis
    return to_shape(ctx, node, value, (int(np.prod(shape[:axis])), int(np.prod(shape[axis:]))))


@reads("Squeeze")
def _squeeze(ctx: Context, node: Node) -> Value:
    value = ctx.value(node, 0)
    shape = shape_of(value)
    axes = axes_of(ctx, node, len(shape))
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    if any(shape[axis] != 1 for axis in axes):
        node.refuse(f"axes {axes} of shape {shape} are not all of size 1")
    return to_shape(ctx, node, value, [size for axis, size in enumerate(shape) if axis not in axes])


@reads("Unsqueeze")
def _unsqueeze(ctx: Context, node: Node) -> Value:
    value = ctx.value(node, 0)
    shape = list(shape_of(value))
    given = node.integers("axes") or ctx.integers(node, 1, "axes")
    if given is None:
        node.refuse("its axes are missing; export the model again")
    rank = len(shape) + len(given)
    for axis in sorted(_normal(node, given, rank)):
        shape.insert(axis, 1)
    return to_shape(ctx, node, value, shape)


@reads("Expand", "Tile", "Slice", "Concat", "Split", "Resize", "Upsample", "Gather")
def _nothing(ctx: Context, node: Node) -> Value:
    """Take what changes nothing: an Expand to the same shape, a Slice of everything."""
    view = ctx.view(node)
    if node.op == "Expand":
        wanted = ctx.integers(node, 1, "the new shape") or ()
        nothing = np.broadcast_shapes(view.shape, wanted) == view.shape
    elif node.op == "Tile":
        nothing = set(ctx.integers(node, 1, "repeats") or ()) <= {1}
    elif node.op == "Slice":
        nothing = _takes_all(ctx, node, view.shape)
    else:
        nothing = node.op == "Concat" and len(node.inputs) == 1
    if not nothing:
        node.refuse(
            f"it changes which elements a feature map of shape {view.shape} has, which is not "
            "supported; leave it out of the network or do it before the input"
        )
    return view


def _takes_all(ctx: Context, node: Node, shape: Shape) -> bool:
    starts = node.integers("starts") or ctx.integers(node, 1, "starts") or ()
    ends = node.integers("ends") or ctx.integers(node, 2, "ends") or ()
    axes = node.integers("axes") or ctx.integers(node, 3, "axes") or tuple(range(len(starts)))
    steps = ctx.integers(node, 4, "steps") or (1,) * len(starts)
    return all(
        range(shape[axis])[slice(start, end, step)] == range(shape[axis])
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
    )


@reads("Pad")
def _pad(ctx: Context, node: Node) -> Value:
    view = ctx.view(node)
    mode = node.text("mode", "constant")
    if mode != "constant":
        node.refuse(f"mode {mode!r} is not supported; pad with a constant")
    rank = len(view.shape)
    pads = node.integers("pads") or ctx.integers(node, 1, "pads") or ()
    fill = ctx.optional_array(node, 2, "the padding value")
    value = node.number("value", 0.0) if fill is None else float(np.ravel(fill)[0])
    axes = ctx.integers(node, 3, "axes")
    axes = tuple(range(rank)) if axes is None else _normal(node, axes, rank)
    if len(pads) != 2 * len(axes):
        node.refuse(f"it has {len(pads)} pads; expected {2 * len(axes)}")
    if not any(pads):
        return view
    if min(pads) < 0:
        node.refuse(f"pads {pads} crop the feature map, which is not supported")
    base = ctx.draft.shapes[view.tensor]
    standard = is_map(ctx, view)
    both = np.zeros((2, len(base)), dtype=int)
    for index, axis in enumerate(axes):
        before, after = pads[index], pads[index + len(axes)]
        if not before and not after:
            continue
        target = axis if standard else view.axes[axis] if view.axes is not None else None
        if target not in {2, 3}:
            node.refuse(f"it pads axis {axis} of shape {view.shape}; only rows and columns can be")
        both[:, target] = before, after
    if np.isnan(value) or value == np.inf:
        node.refuse(f"it pads with {value}")
    tensor = ctx.draft.emit(
        node,
        "Pad",
        (view.tensor,),
        tuple(int(size) for size in base + both.sum(axis=0)),
        {"mode": "constant", "pads": tuple(int(pad) for pad in both.ravel()), "value": value},
    )
    padded = plain(ctx, tensor)
    if standard:
        return padded
    assert view.axes is not None
    shape = tuple(1 if axis is None else padded.shape[axis] for axis in view.axes)
    return replace(view, tensor=tensor, shape=shape)


def shape_of(value: Value) -> Shape:
    """Return the shape that the file's operators see."""
    return value.shape if isinstance(value, View) else tuple(value.array.shape)


def to_shape(ctx: Context, node: Node, value: Value, wanted: Sequence[int]) -> Value:
    """Return ``value`` in another shape, -1 for the size that follows from the others."""
    elements = int(np.prod(shape_of(value)))
    shape = tuple(wanted)
    batched = ctx.batch > 1 and shape and shape[0] == ctx.batch and isinstance(value, View)
    if batched and (-1 in shape or int(np.prod(shape)) == elements * ctx.batch):
        shape = (1, *shape[1:])
    if shape.count(-1) == 1:
        rest = -int(np.prod(shape))
        shape = tuple(elements // max(rest, 1) if size == -1 else size for size in shape)
    if min(shape, default=1) < 1 or int(np.prod(shape)) != elements:
        node.refuse(
            f"an input of shape {shape_of(value)} (batch 1) does not fit into {tuple(wanted)}; "
            "export the model with batch 1"
        )
    if isinstance(value, Constant):
        return replace(value, array=value.array.reshape(shape))
    if isinstance(value, Quantised):
        return value.reshaped(shape)
    return reshaped(ctx, node, value, shape)


def axes_of(ctx: Context, node: Node, rank: int) -> tuple[int, ...] | None:
    """Return the axes of an operator, given as an attribute or an input, None for none."""
    given = node.integers("axes")
    if given is None:
        given = ctx.integers(node, 1, "axes")
    return None if given is None else _normal(node, given, rank)


def _normal(node: Node, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    if any(not -rank <= axis < rank for axis in axes) or len({a % rank for a in axes}) < len(axes):
        node.refuse(f"axes {tuple(axes)} do not fit a tensor of {rank} dimensions")
    return tuple(axis % rank for axis in axes)
