"""Operators over windows: which map they read, and where their windows lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwflow.lower.graph import Attribute, Shape
from hwflow.lower.read.context import Context
from hwflow.lower.read.layouts import MAP_RANK, as_map, plain
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.values import View

Pair = tuple[int, int]


@dataclass(frozen=True)
class Spatial:
    """A map (1, C, H, W) for an operator over windows; ``line``: the axis of a 1-D signal."""

    tensor: str
    shape: Shape
    line: int | None

    def pair(self, values: Sequence[int], other: int) -> Pair:
        """Return an attribute of two numbers; ``other`` for the axis that a signal lacks."""
        if self.line is None:
            first, second = values
            return first, second
        (value,) = values
        return (value, other) if self.line == 2 else (other, value)

    def view(self, ctx: Context, tensor: str) -> View:
        """Return an operator's output as the file sees it."""
        if self.line is None:
            return plain(ctx, tensor)
        shape = ctx.draft.shapes[tensor]
        logical = (shape[0], shape[1], shape[self.line])
        axes = tuple(
            axis if size > 1 else None
            for axis, size in zip((0, 1, self.line), logical, strict=True)
        )
        return View(tensor, logical, axes)


def spatial(ctx: Context, node: Node, view: View) -> Spatial:
    """Return the map that a view of 3 or 4 axes is; a signal (1, C, L) is a map of one row."""
    if len(view.shape) == MAP_RANK:
        tensor = as_map(ctx, node, view)
        return Spatial(tensor, ctx.draft.shapes[tensor], None)
    if len(view.shape) > MAP_RANK:
        node.refuse(f"its input has the shape {view.shape}; 3-D operators are not supported")
    if len(view.shape) < MAP_RANK - 1:
        node.refuse(f"its input has the shape {view.shape}; expected (N, C, H, W), or (N, C, L)")
    # Signals lie along the width, unless they come from a map of one column.
    line = 2 if view.axes is not None and view.axes[2] == 2 else 3
    at = 3 if line == 2 else 2
    shape = (*view.shape[:at], 1, *view.shape[at:])
    axes = None if view.axes is None else (*view.axes[:at], None, *view.axes[at:])
    tensor = as_map(ctx, node, replace(view, shape=shape, axes=axes))
    return Spatial(tensor, ctx.draft.shapes[tensor], line)


@dataclass(frozen=True)
class Windows:
    """Kernel, strides, dilations, pads (top, left, bottom, right) and output size."""

    kernel: Pair
    strides: Pair
    dilations: Pair
    pads: tuple[int, int, int, int]
    size: Pair

    def attributes(self) -> dict[str, Attribute]:
        """Return them as ONNX writes them."""
        return {
            "kernel_shape": self.kernel,
            "strides": self.strides,
            "dilations": self.dilations,
            "pads": self.pads,
        }


def windows(node: Node, where: Spatial, kernel: Pair) -> Windows:
    """Return the windows of an operator, its ``auto_pad`` and ``ceil_mode`` written out as pads."""
    rank = 1 if where.line is not None else 2
    strides = where.pair(_list(node, "strides", (1,) * rank), 1)
    dilations = where.pair(_list(node, "dilations", (1,) * rank), 1)
    given = _list(node, "pads", (0,) * (2 * rank))
    begin, end = where.pair(given[:rank], 0), where.pair(given[rank:], 0)
    if min(*strides, *dilations, *kernel) < 1 or min(*begin, *end) < 0:
        node.refuse(
            f"kernel {kernel}, strides {strides} and dilations {dilations} must be positive "
            f"and pads {given} not negative"
        )
    auto = node.text("auto_pad", "NOTSET")
    if auto not in {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"}:
        node.refuse(f"auto_pad {auto!r} is unknown")
    both, size = [], []
    for axis in range(2):
        low, high, count = _one_axis(
            node, auto, where.shape[2 + axis], kernel[axis], strides[axis], dilations[axis],
            (begin[axis], end[axis]),
        )  # fmt: skip
        both.append((low, high))
        size.append(count)
    pads = (both[0][0], both[1][0], both[0][1], both[1][1])
    return Windows(kernel, strides, dilations, pads, (size[0], size[1]))


def _one_axis(
    node: Node, auto: str, size: int, kernel: int, stride: int, dilation: int, pads: Pair
) -> tuple[int, int, int]:
    """Return the pads before and after, and the number of windows along one axis."""
    span = (kernel - 1) * dilation + 1
    low, high = (0, 0) if auto == "VALID" else pads
    if auto.startswith("SAME"):
        total = max((-(-size // stride) - 1) * stride + span - size, 0)
        low = total // 2 if auto == "SAME_UPPER" else -(-total // 2)
        high = total - low
    room = size + low + high - span
    if room < 0:
        node.refuse(f"its kernel spans {span}, more than the {size + low + high} padded elements")
    count = room // stride + 1
    if node.integer("ceil_mode", 0) and room % stride and count * stride < size + low:
        # A last window that begins inside the map or its left pads, and ends outside.
        high += stride - room % stride
        count += 1
    return low, high, count


def _list(node: Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    values = node.integers(name)
    if values is None:
        return default
    if len(values) != len(default):
        node.refuse(f"{name} {values} has {len(values)} numbers; expected {len(default)}")
    return values
