"""Writes operators that work on each element, alone or with a constant."""

from __future__ import annotations

from dataclasses import replace

from hwflow.lower.graph import Attribute, Shape
from hwflow.lower.read.context import Context
from hwflow.lower.read.layouts import aligned
from hwflow.lower.read.nodes import Node
from hwflow.lower.read.tensors import Constant
from hwflow.lower.read.values import View


def on_elements(
    ctx: Context,
    node: Node,
    view: View,
    kind: str,
    attributes: dict[str, Attribute],
    parameters: tuple[str, ...] = (),
    name: str | None = None,
) -> View:
    """Write an operator on each element of a view's tensor; return its output, seen the same.

    ``name``: what the output is called, unless as in the file.
    """
    inputs = (view.tensor, *parameters)
    shape = ctx.draft.shapes[view.tensor]
    output = ctx.draft.emit(node, kind, inputs, shape, attributes, name=name)
    return replace(view, tensor=output)


def add_constant(
    ctx: Context, node: Node, view: View, kind: str, constant: Constant, behind: Shape = ()
) -> View:
    """Return the view Add (Mul, …) a constant, with axes of sizes ``behind`` appended to it."""
    array = constant.array.reshape(constant.array.shape + behind)
    view, values = aligned(ctx, node, view, array)
    stored = ctx.draft.store(node, values, constant.name)
    shape = ctx.draft.shapes[view.tensor]
    return replace(view, tensor=ctx.draft.emit(node, kind, (view.tensor, stored), shape))
