"""Rewrites of the normal form: explicit padding moves into the operator behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwflow.lower.graph import Graph, Op


def merge_pads(graph: Graph) -> Graph:
    """Return ``graph`` with each Pad that an operator can do itself moved into that operator.

    Zeros in front of Conv, and of AveragePool that counts them; -inf in front of MaxPool.
    """
    makers = {op.output: op for op in graph.ops}
    ops = []
    for op in graph.ops:
        pad = makers.get(op.inputs[0]) if op.inputs else None
        while pad is not None and pad.kind == "Pad" and (merged := _merged(pad, op)) is not None:
            op = merged
            pad = makers.get(op.inputs[0])
        ops.append(op)
    read = {name for op in ops for name in op.inputs} | {graph.output}
    dead = {op.output for op in ops if op.kind == "Pad" and op.output not in read}
    return replace(
        graph,
        ops=tuple(op for op in ops if op.output not in dead),
        shapes={name: shape for name, shape in graph.shapes.items() if name not in dead},
    )


def _merged(pad: Op, op: Op) -> Op | None:
    """Return ``op`` with the pads of ``pad``, None where it would compute something else."""
    own = np.array(op.attributes.get("pads", (0, 0, 0, 0)))
    attributes = dict(op.attributes)
    value = pad.attributes["value"]
    if op.kind == "AveragePool" and value == 0:
        if own.any() and not attributes["count_include_pad"]:
            return None
        attributes["count_include_pad"] = 1
    elif (op.kind, value) not in {("Conv", 0.0), ("MaxPool", -np.inf)}:
        return None
    pads = pad.attributes["pads"]
    assert isinstance(pads, tuple)
    more = np.array([*pads[2:4], *pads[6:8]])
    attributes["pads"] = tuple(int(size) for size in own + more)
    return replace(op, inputs=(pad.inputs[0], *op.inputs[1:]), attributes=attributes)
