"""Convolutions, matrix products, pools and changes of shape."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from hwflow.lower.graph import Op
from hwflow.lower.lowering.context import Context, affine, pair, refuse
from hwflow.lower.lowering.quantise import rising
from hwflow.lower.lowering.stretch import Float64s, Stretch
from hwflow.lower.lowering.value import Value, flattened, is_map, map_index
from hwflow.lower.lowering.weights import by_output, common_scale
from hwflow.lower.network import IntArray, Pair

Pads = tuple[int, int, int, int]

# Ranges that are searched integer by integer for the code of a padding value.
_SEARCHED = 2**16
# How far the value of a code may be from the padding value, relative to the scale and offset:
# what float32 leaves of a preprocessing such as (x − 0.5) / 0.5.
_CLOSE = 2.0**-20


def convolution(context: Context, op: Op) -> Value:
    """Lower a convolution (1, C, H, W): dense, in groups or depthwise."""
    value = _map(context, op)
    integers, scales = by_output(op, context.weights(op, 1), axis=0)
    kernel = (int(integers.shape[2]), int(integers.shape[3]))
    channels, outputs = value.index.shape[0], len(integers)
    groups = op.attributes["group"]
    assert isinstance(groups, int), op.name
    fits = integers.shape[1] * groups == channels and outputs % groups == 0
    if not fits or kernel != pair(op, "kernel_shape"):
        refuse(
            op,
            f"its weights {integers.shape} in {groups} groups do not fit {channels} channels or "
            f"kernel_shape {op.attributes['kernel_shape']}",
        )
    value = _padded(context, op, value, _pads(op))
    stride, dilation = pair(op, "strides"), pair(op, "dilations")
    scale, offset = affine(op, value)
    if groups == channels == outputs and channels > 1:
        filters = integers[:, 0]
        sums = filters.sum(axis=(1, 2))
        tensor = context.builder.depthwise(op.name, value.tensor, filters, stride, dilation)
        stretch = Stretch(scale * scales, offset * sums * scales)
    else:
        dense = _dense(integers, groups, channels).transpose(0, 2, 3, 1)
        factors, common = _common(op, scale)
        tensor = context.builder.conv(op.name, value.tensor, dense * factors, stride, dilation)
        stretch = Stretch(common * scales, dense.sum(axis=(1, 2)) @ offset * scales)
    return _produced(context, tensor, stretch)


def product(context: Context, op: Op) -> Value:
    """Lower a vector (1, K) times a constant matrix (K, M)."""
    value = context.value(op)
    if value.index.ndim != 1:
        refuse(
            op,
            f"its input has the shape {value.shape}, expected a vector (1, K); flatten in front",
        )
    integers, scales = by_output(op, context.weights(op, 1), axis=1)
    if integers.shape[0] != value.index.size:
        refuse(op, f"its weights {integers.shape} do not fit a vector of {value.index.size}")
    scale, offset = affine(op, value)
    matrix = np.empty_like(integers.T)
    matrix[:, value.index] = integers.T
    factors, common = _common(op, scale)
    weights = (matrix * factors)[:, np.newaxis, np.newaxis, :]
    tensor = context.builder.conv(op.name, value.tensor, weights, (1, 1), (1, 1))
    stretch = Stretch(common * scales, (matrix @ offset) * scales)
    return Value(tensor, np.arange(len(matrix)), stretch)


def max_pool(context: Context, op: Op) -> Value:
    """Lower a maximum over windows or over the map."""
    value = _map(context, op)
    if op.kind == "GlobalMaxPool":
        kernel = stride = cast(Pair, value.index.shape[1:])
        pads = (0, 0, 0, 0)
    else:
        kernel, stride, pads = pair(op, "kernel_shape"), pair(op, "strides"), _pads(op)
        if set(cast(tuple[int, ...], op.attributes.get("dilations", (1, 1)))) != {1}:
            refuse(op, "dilated max pooling is not supported; pool without dilations")
        pads = _ceiled(context, op, value, pads)
    if kernel == stride == (1, 1) and not any(pads):
        return value
    value = rising(context, op, value)
    tensor = value.tensor
    if any(pads):
        lowest = context.builder.tensor(tensor).low
        tensor = context.builder.pad(op.name, tensor, pads, lowest)
    tensor = context.builder.max_pool(op.name, tensor, kernel, stride)
    return _produced(context, tensor, value.stretch)


def average_pool(context: Context, op: Op) -> Value:
    """Lower an average over windows or over the map: a sum, and a smaller scale."""
    value = _map(context, op)
    if op.kind == "GlobalAveragePool":
        kernel = stride = cast(Pair, value.index.shape[1:])
    else:
        kernel, stride, pads = pair(op, "kernel_shape"), pair(op, "strides"), _pads(op)
        if op.attributes.get("ceil_mode", 0):
            refuse(op, "average pooling with ceil_mode=1 is not supported; set ceil_mode=0")
        if any(pads) and not op.attributes.get("count_include_pad", 0):
            refuse(
                op,
                "average pooling with padding and count_include_pad=0 divides by another number "
                "at the border; pool without padding, or set count_include_pad=1",
            )
        value = _padded(context, op, value, pads)
    scale, offset = affine(op, value)
    if kernel == stride == (1, 1):
        return value
    tensor = context.builder.sum_pool(op.name, value.tensor, kernel, stride)
    return _produced(context, tensor, Stretch(scale / (kernel[0] * kernel[1]), offset))


def pad(context: Context, op: Op) -> Value:
    """Lower padding of a map with one value."""
    value = _map(context, op)
    pads, real = op.attributes["pads"], op.attributes.get("value", 0.0)
    assert isinstance(pads, tuple), op.name
    assert isinstance(real, int | float), op.name
    half = len(pads) // 2
    if half != 4 or any(pads[axis] for axis in (0, 1, half, half + 1)) or min(pads) < 0:
        refuse(op, f"pads {pads}: only height and width of a map can be padded, and not cropped")
    sides = (int(pads[2]), int(pads[3]), int(pads[6]), int(pads[7]))
    return _padded(context, op, value, sides, float(real))


def flatten(context: Context, op: Op) -> Value:
    """Lower the change from a map to a vector (1, K)."""
    value = context.value(op)
    if context.graph.shapes[op.output] != (1, value.index.size):
        refuse(
            op,
            f"its result has the shape {context.graph.shapes[op.output]}, expected "
            f"(1, {value.index.size}): flatten all axes of a frame",
        )
    if value.stretch.channels == value.index.size:
        return replace(value, index=value.index.reshape(-1))
    return flattened(value, context.builder.reshape(op.name, value.tensor))


def transpose(context: Context, op: Op) -> Value:
    """Lower another order of axes: nothing moves until something needs the usual order."""
    value = context.value(op)
    perm = op.attributes["perm"]
    assert isinstance(perm, tuple), op.name
    if perm[0] != 0:
        refuse(op, f"perm {perm} moves the batch axis; keep it first")
    axes = tuple(int(axis) - 1 for axis in perm[1:])
    return replace(value, index=value.index.transpose(axes))


def _map(context: Context, op: Op) -> Value:
    value = context.value(op)
    if not is_map(value):
        refuse(
            op,
            f"its input {value.shape} is no feature map (1, C, H, W) in that order of axes; take "
            "out the Transpose or Flatten in front of it",
        )
    return value


def _produced(context: Context, tensor: str, stretch: Stretch) -> Value:
    return Value(tensor, map_index(context.builder.tensor(tensor).shape), stretch)


def _dense(integers: IntArray, groups: int, channels: int) -> IntArray:
    """Return weights (OC, IC, KH, KW) of a convolution in groups, zero between the groups."""
    if groups == 1:
        return integers
    outputs, width = integers.shape[:2]
    dense = np.zeros((outputs, channels, *integers.shape[2:]), np.int64)
    for output in range(outputs):
        first = output // (outputs // groups) * width
        dense[output, first : first + width] = integers[output]
    return dense


def _common(op: Op, scale: Float64s) -> tuple[IntArray, float]:
    """Return integers f (C,) and s with f · s = ``scale``."""
    if (scale == scale[0]).all():
        return np.ones(len(scale), np.int64), float(scale[0])
    factors, common = common_scale(scale[np.newaxis])
    if factors is None:
        refuse(
            op,
            "the channels that it reads have different scales; quantise its input with one scale "
            "for all channels",
        )
    return factors[0], float(common[0])


def _pads(op: Op) -> Pads:
    pads = op.attributes["pads"]
    assert isinstance(pads, tuple), op.name
    top, left, bottom, right = (int(value) for value in pads)
    return top, left, bottom, right


def _ceiled(context: Context, op: Op, value: Value, pads: Pads) -> Pads:
    """Return ``pads`` with what the last windows of ceil_mode read beyond them."""
    if not op.attributes.get("ceil_mode", 0):
        return pads
    kernel, stride = pair(op, "kernel_shape"), pair(op, "strides")
    sizes, outputs = value.index.shape[1:], context.graph.shapes[op.output][2:]
    more = [
        max(
            0,
            (outputs[axis] - 1) * stride[axis]
            + kernel[axis]
            - sizes[axis]
            - pads[axis]
            - pads[axis + 2],
        )
        for axis in (0, 1)
    ]
    return pads[0], pads[1], pads[2] + more[0], pads[3] + more[1]


def _padded(context: Context, op: Op, value: Value, pads: Pads, real: float = 0.0) -> Value:
    """Return ``value`` surrounded by the integer that means ``real``."""
    if not any(pads):
        return value
    code = _code(context, op, value, real)
    tensor = context.builder.pad(op.name, value.tensor, pads, code)
    return _produced(context, tensor, value.stretch)


def _code(context: Context, op: Op, value: Value, real: float) -> int:
    """Return the integer that means ``real`` in every channel of ``value``.

    Raises:
        UnsupportedModelError: there is none.
    """
    tensor = context.builder.tensor(value.tensor)
    curve = value.stretch.affine()
    if curve is not None:
        scale, offset = curve
        with np.errstate(all="ignore"):
            steps = np.where(scale == 0, 0, (real - offset) / scale)
        candidates = np.rint(steps[np.isfinite(steps)][:1]).astype(np.int64)
        tolerance = _CLOSE * (np.abs(scale) + np.abs(offset))
    else:
        candidates = np.arange(tensor.low, min(tensor.high, tensor.low + _SEARCHED) + 1)
        tolerance = np.zeros(value.stretch.channels)
    reals = value.stretch.evaluate(
        np.broadcast_to(candidates, (value.stretch.channels, len(candidates)))
    )
    right = (np.abs(reals - real) <= tolerance[:, np.newaxis]).all(axis=0)
    if not right.any():
        refuse(
            op,
            f"it pads with {real:g}, but no integer of its input means exactly {real:g} in every "
            "channel; use a quantiser whose zero point is an integer, one scale and shift for all "
            "channels in front of it, or no padding",
        )
    return int(candidates[np.argmax(right)])
