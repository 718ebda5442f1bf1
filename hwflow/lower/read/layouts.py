"""Brings views into the layouts that operators of the normal form read.

Maps (1, C, H, W) and vectors (1, K); a ``Transpose`` or ``Flatten`` is written only where one is
needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Shape
from hwflow.lower.read.context import Context
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.values import View

MAP_RANK = 4


class ReshapedVectorError(UnsupportedModelError):
    """A vector is used as a feature map of shape ``shape``."""

    def __init__(self, message: str, *, node: str, shape: Shape) -> None:
        super().__init__(message, node=node)
        self.shape = shape


def plain(ctx: Context, tensor: str) -> View:
    """Return a tensor of the normal form as it is."""
    shape = ctx.draft.shapes[tensor]
    return View(tensor, shape, unit_free(shape))


def unit_free(shape: Shape) -> tuple[int | None, ...]:
    """Return the axes of a view that is its tensor."""
    return tuple(axis if size > 1 else None for axis, size in enumerate(shape))


def reshaped(ctx: Context, node: Node, view: View, shape: Shape) -> View:
    """Return the elements of ``view``, in row-major order, as another shape."""
    if view.axes is not None and _wide(view.shape) == _wide(shape):
        kept = [axis for axis in view.axes if axis is not None]
        return replace(view, shape=shape, axes=_spread(shape, kept))
    view = row_major(ctx, node, view)
    base = ctx.draft.shapes[view.tensor]
    if _wide(base) == _wide(shape):
        kept = [axis for axis, size in enumerate(base) if size > 1]
        return replace(view, shape=shape, axes=_spread(shape, kept))
    return replace(view, shape=shape, axes=None)


def row_major(ctx: Context, node: Node, view: View) -> View:
    """Return a view whose tensor has the view's elements in the view's row-major order."""
    if view.axes is None:
        return view
    order = [axis for axis in view.axes if axis is not None]
    return view if order == sorted(order) else _transposed(ctx, node, view)


def _transposed(ctx: Context, node: Node, view: View) -> View:
    """Write the Transpose that puts the view's axes in the view's order."""
    base = ctx.draft.shapes[view.tensor]
    assert view.axes is not None
    order = [axis for axis in view.axes if axis is not None]
    spare = [axis for axis in range(len(base)) if axis not in order]
    if len(view.shape) == len(base):
        perm = tuple(spare.pop(0) if axis is None else axis for axis in view.axes)
    else:
        perm = (*spare, *order)
    shape = tuple(base[axis] for axis in perm)
    output = ctx.draft.emit(
        node, "Transpose", (view.tensor,), shape, {"perm": perm}, name=f"{view.tensor}.transposed"
    )
    kept = [perm.index(axis) for axis in order]
    return replace(view, tensor=output, axes=_spread(view.shape, kept))


def is_map(ctx: Context, view: View) -> bool:
    """Whether a view is its tensor (1, C, H, W) as it is."""
    return (
        view.axes is not None
        and len(view.shape) == len(ctx.draft.shapes[view.tensor]) == MAP_RANK
        and all(view.axes[axis] == axis for axis in view.wide)
    )


def as_map(ctx: Context, node: Node, view: View) -> str:
    """Return the tensor (1, C, H, W) that equals a view of four axes."""
    if len(view.shape) != MAP_RANK:
        node.refuse(
            f"its input has the shape {view.shape}; expected a feature map of 1 or 2 dimensions, "
            "(N, C, L) or (N, C, H, W)"
        )
    if view.axes is None or len(ctx.draft.shapes[view.tensor]) != MAP_RANK:
        raise ReshapedVectorError(
            f"{node.op}: its input {view.shape} is made of a vector by Reshape; only the "
            "network's own input may be reshaped into a feature map",
            node=node.name,
            shape=view.shape,
        )
    if is_map(ctx, view):
        return view.tensor
    return _transposed(ctx, node, view).tensor


def as_vector(ctx: Context, node: Node, view: View) -> str:
    """Return the tensor (1, K) of all elements of a view, in its row-major order."""
    view = row_major(ctx, node, view)
    base = ctx.draft.shapes[view.tensor]
    elements = int(np.prod(base))
    if base == (1, elements):
        return view.tensor
    return ctx.draft.emit(
        node, "Flatten", (view.tensor,), (1, elements), {"axis": 1}, name=f"{view.tensor}.flat"
    )


def aligned(ctx: Context, node: Node, view: View, array: NDArray[Any]) -> tuple[View, NDArray[Any]]:
    """Return a view and a constant that broadcasts to the view's tensor as the file's to the view.

    Raises:
        UnsupportedModelError: if the constant would enlarge the feature map.
    """
    if (np.asarray(array) == np.ravel(array)[:1]).all() and array.size:
        _check_broadcast(node, view.shape, array.shape)
        view = _deepened(view, array.ndim)
        return view, np.full((1,) * len(ctx.draft.shapes[view.tensor]), np.ravel(array)[0])
    _check_broadcast(node, view.shape, array.shape)
    view = _deepened(view, array.ndim)
    if view.axes is None:
        if len(view.wide) > 1:
            node.refuse("a constant that differs between elements meets a reshaped feature map")
        view = replace(plain(ctx, as_vector(ctx, node, view)), shape=view.shape)
        view = replace(view, axes=_spread(view.shape, [1] if view.wide else []))
    assert view.axes is not None
    padded = array.reshape((1,) * (len(view.shape) - array.ndim) + array.shape)
    wide = [axis for axis, size in enumerate(padded.shape) if size > 1]
    targets = {axis: view.axes[axis] for axis in wide}
    order = sorted(wide, key=lambda axis: targets[axis] or 0)
    sizes = [1] * len(ctx.draft.shapes[view.tensor])
    for axis in wide:
        target = targets[axis]
        assert target is not None, (view, axis)
        sizes[target] = padded.shape[axis]
    rest = [axis for axis in range(padded.ndim) if axis not in wide]
    return view, padded.transpose(*rest, *order).reshape(sizes)


def _check_broadcast(node: Node, shape: Shape, other: Shape) -> None:
    try:
        result = np.broadcast_shapes(shape, other)
    except ValueError:
        node.refuse(f"its inputs of shapes {shape} and {other} do not fit together")
    if int(np.prod(result)) != int(np.prod(shape)):
        node.refuse(f"a constant of shape {other} enlarges a tensor of shape {shape}")


def _deepened(view: View, rank: int) -> View:
    """Return the view with axes of size 1 in front, up to ``rank``."""
    more = max(0, rank - len(view.shape))
    axes = None if view.axes is None else (None,) * more + view.axes
    return replace(view, shape=(1,) * more + view.shape, axes=axes)


def _wide(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size > 1]


def _spread(shape: Shape, axes: Sequence[int]) -> tuple[int | None, ...]:
    """Return ``axes``, one for each axis of more than one element, and None between them."""
    remaining = iter(axes)
    return tuple(next(remaining) if size > 1 else None for size in shape)
