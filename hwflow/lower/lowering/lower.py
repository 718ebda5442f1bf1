"""From a graph of float operators and quantisers to the integer network that it means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import (
    ARITHMETIC,
    FUNCTIONS,
    QUANTISERS,
    TAILS,
    Graph,
    Op,
)
from hwflow.lower.lowering.builder import INPUT, Builder
from hwflow.lower.lowering.context import Context, Mark, refuse
from hwflow.lower.lowering.ending import ScoreTail, finish_scores, strip_tail
from hwflow.lower.lowering.input_spec import InputSpec, ResolvedInput, input_shape, resolve_input
from hwflow.lower.lowering.layers import (
    average_pool,
    convolution,
    flatten,
    max_pool,
    pad,
    product,
    transpose,
)
from hwflow.lower.lowering.quantise import quantise
from hwflow.lower.lowering.steps import arithmetic, function
from hwflow.lower.lowering.stretch import Stretch
from hwflow.lower.lowering.value import Value, map_index
from hwflow.lower.lowering.weights import Constant, fold
from hwflow.lower.network import Network, Tensor
from hwflow.lower.read.reader import read

__all__ = ["InputSpec", "Lowered", "ResolvedInput", "lower", "lower_file", "resolve_input", "trace"]

AUTO = InputSpec()
_LOWER: dict[str, Callable[[Context, Op], Value]] = {
    **dict.fromkeys(QUANTISERS, quantise),
    **dict.fromkeys(ARITHMETIC, arithmetic),
    **dict.fromkeys(FUNCTIONS, function),
    "Conv": convolution,
    "MatMul": product,
    "MaxPool": max_pool,
    "GlobalMaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": average_pool,
    "Flatten": flatten,
    "Transpose": transpose,
    "Pad": pad,
}


@dataclass(frozen=True, eq=False)
class Lowered:
    """A network, and where the file's quantisers (``marks``) and scores (``tail``) are in it."""

    network: Network
    marks: tuple[Mark, ...]
    tail: ScoreTail
    input: ResolvedInput


def lower(graph: Graph, spec: InputSpec = AUTO) -> Network:
    """Return the integer network of ``graph`` on bytes that ``spec`` turns into its input.

    Raises:
        ConfigError: ``spec`` does not fit the graph's input.
        UnsupportedModelError: naming the node that cannot be exact integers, and what to do.
    """
    return trace(graph, spec).network


def lower_file(path: Path, spec: InputSpec = AUTO) -> Network:
    """Return the integer network of the ONNX file ``path``; see ``read`` and ``lower``."""
    return lower(read(path), spec)


def trace(graph: Graph, spec: InputSpec = AUTO) -> Lowered:
    """Return the network of ``graph`` with what a comparison with the file needs; see ``lower``."""
    resolved = resolve_input(graph, spec)
    shape = input_shape(graph)
    low, high = resolved.bounds
    context = Context(
        graph,
        Builder(Tensor(INPUT, shape, low, high)),
        Counter(name for op in graph.ops for name in set(op.inputs)),
    )
    index = map_index(shape) if len(graph.shapes[graph.input]) == 4 else np.arange(shape[2])
    scale, shift = (
        np.broadcast_to(np.array(values, np.float64), shape[2])
        for values in (resolved.scale, resolved.shift)
    )
    context.values[graph.input] = Value(INPUT, index, Stretch(scale, shift))
    scores = strip_tail(graph)
    for op in graph.ops:
        if op.output not in scores.dropped:
            context.values[op.output] = _lower(context, op)
    value = context.values[scores.output]
    if isinstance(value, Constant):
        raise UnsupportedModelError(
            f"the output {graph.output!r} does not depend on the input; export the whole network"
        )
    tail = finish_scores(context, scores.source(graph), value)
    layers = context.builder.finish(tail.tensor)
    network = Network(
        name=graph.name,
        input=context.builder.input,
        layers=layers,
        scores=tail.tensor,
        score_scale=tail.scale,
        score_offset=tail.offset,
    )
    return Lowered(network, tuple(context.marks), tail, resolved)


def _lower(context: Context, op: Op) -> Value | Constant:
    inputs = [context.get(name) for name in op.inputs]
    constants = tuple(value for value in inputs if isinstance(value, Constant))
    if len(constants) == len(inputs):
        return fold(op, constants)
    if op.kind in TAILS:
        refuse(
            op,
            f"{op.kind} in the middle of the network is not supported; it may only be the last "
            "operator",
        )
    if op.kind not in _LOWER:
        refuse(op, f"operator {op.kind} is not supported")
    return _LOWER[op.kind](context, op)
