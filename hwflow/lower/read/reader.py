"""Reads a quantised ONNX file of any origin into the normal form of ``hwflow.lower.graph``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import TensorProto

# Importing them registers the operators they read.
import hwflow.lower.read.functions
import hwflow.lower.read.layers
import hwflow.lower.read.quantisers
import hwflow.lower.read.shapes  # noqa: F401
from hwflow.errors import HwflowError, UnsupportedModelError
from hwflow.lower.graph import Graph, Shape
from hwflow.lower.read.context import HANDLERS, QUANTISERS, Context, evaluated
from hwflow.lower.read.file import MAX_ELEMENTS, load
from hwflow.lower.read.fold import fold
from hwflow.lower.read.layers import float_message
from hwflow.lower.read.layouts import (
    ReshapedVectorError,
    as_vector,
    row_major,
    unit_free,
)
from hwflow.lower.read.nodes import (
    QUANTISER_DOMAINS,
    RUNTIME_DOMAIN,
    STANDARD,
    Node,
    Source,
    take_apart,
)
from hwflow.lower.read.tensors import MALFORMED, Constant
from hwflow.lower.read.tidy import merge_pads
from hwflow.lower.read.values import (
    Draft,
    Integers,
    Value,
    View,
    integer_datatype,
)

# Operators that keep quantised constants quantised, and integers' annotations.
# fmt: off
KEEPING = frozenset({
    "Add", "Constant", "DequantizeLinear", "Div", "Dropout", "Flatten", "Identity", "Mul",
    "QuantizeLinear", "Reshape", "Squeeze", "Sub", "Transpose", "Unsqueeze",
})
# fmt: on
LAYERS = ("Conv", "MatMul", "Gemm")
# fmt: off
QUANTISING = frozenset({
    "ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger",
    "QLinearConv", "QLinearMatMul", "QuantizeLinear",
})
# fmt: on
# Element types of an input of integers: their annotation and range.
INTEGER_INPUTS: dict[int, tuple[str, Integers]] = {
    TensorProto.UINT8: ("UINT8", Integers(0, 255)),
    TensorProto.INT8: ("INT8", Integers(-128, 127)),
}
HINTS = {
    "If": "control flow is not supported; export the model traced, not scripted",
    "Loop": "control flow is not supported; export the model traced, not scripted",
    "Scan": "control flow is not supported; export the model traced, not scripted",
    "QLinearConv": "operators on integers are not supported; export QDQ or QCDQ",
    "QLinearMatMul": "operators on integers are not supported; export QDQ or QCDQ",
    "ConvInteger": "operators on integers are not supported; export QDQ or QCDQ",
    "MatMulInteger": "operators on integers are not supported; export QDQ or QCDQ",
    "DynamicQuantizeLinear": "scales that depend on the frame are not supported; use static ones",
    "FloatQuant": "floats of few bits are not supported; quantise to integers",
    "MultiThreshold": "the file is a FINN graph; build from the QONNX file it was made of",
}


@dataclass(frozen=True)
class _Layout:
    """How the file's input of shape ``logical`` lies in the graph's input of shape ``base``."""

    base: Shape
    logical: Shape
    axes: tuple[int, ...] | None

    @property
    def channels_last(self) -> bool:
        return self.axes in {(0, 2, 3, 1), (0, 3, 1)}


def read(path: Path) -> Graph:
    """Return the normal form of the ONNX file ``path``.

    Raises:
        ConfigError: if the file cannot be read, or is no complete ONNX model.
        UnsupportedModelError: if the network is not quantised, or holds what hwflow cannot build.
    """
    model = load(path)
    try:
        source = take_apart(model)
        _check_quantised(source)
        return _best(source)
    except HwflowError:
        raise
    except MALFORMED as error:
        raise UnsupportedModelError(
            f"{path} is malformed: {type(error).__name__}: {error}; export it again"
        ) from error


def _check_quantised(source: Source) -> None:
    """Refuse float networks as what they are, before anything else is said about them."""
    annotated = {integer_datatype(constant.datatype) for constant in source.constants.values()} - {
        None
    }
    if annotated or any(
        node.op in QUANTISING or node.domain not in STANDARD for node in source.nodes
    ):
        return
    for node in source.nodes:
        if node.op in LAYERS:
            node.refuse(float_message(node))
    raise UnsupportedModelError(
        "the network is not quantised: it holds neither quantisers nor layers with quantised "
        "weights; train it with Brevitas, and export QONNX or QCDQ"
    )


def _best(source: Source) -> Graph:
    """Return the graph under the first input layout that needs the fewest transposes."""
    graphs: list[tuple[int, int, Graph]] = []
    failures: list[UnsupportedModelError] = []
    for rank, layout in enumerate(_layouts(source)):
        try:
            graph = _translate(source, layout)
        except ReshapedVectorError as error:
            failures.append(error)
            elements = int(np.prod(layout.base))
            if int(np.prod(error.shape)) == elements and len(layout.base) == 2:
                return _translate(source, _Layout(error.shape, layout.logical, None))
            continue
        except UnsupportedModelError as error:
            failures.append(error)
            continue
        cost = _transposes(graph)
        if not cost:
            return graph
        graphs.append((cost, rank, graph))
    if not graphs:
        raise failures[0]
    return min(graphs, key=lambda item: item[:2])[2]


def _transposes(graph: Graph) -> int:
    """Return how many transposes cost something: all but those to (H, W, C) before a Flatten."""
    readers: dict[str, set[str]] = {}
    for op in graph.ops:
        for name in op.inputs:
            readers.setdefault(name, set()).add(op.kind)
    return sum(
        op.attributes["perm"] != (0, 2, 3, 1) or readers.get(op.output) != {"Flatten"}
        for op in graph.ops
        if op.kind == "Transpose"
    )


def _layouts(source: Source) -> Iterator[_Layout]:
    """Yield the layouts that the input may have, the likeliest first."""
    shape = _input_shape(source)
    if len(shape) == 2:
        yield _Layout(shape, shape, (0, 1))
    elif len(shape) == 3:
        n, a, b = shape
        yield _Layout((n, a, 1, b), shape, (0, 1, 3))
        yield _Layout((n, 1, a, b), shape, (0, 2, 3))
        yield _Layout((n, b, 1, a), shape, (0, 3, 1))
    else:
        n, a, b, c = shape
        first = _Layout(shape, shape, (0, 1, 2, 3))
        last = _Layout((n, c, a, b), shape, (0, 2, 3, 1))
        declared = source.input.layout
        if declared is not None and declared.replace(" ", "") in {"['N','H','W','C']", "NHWC"}:
            yield last
            return
        # Where both will do, few channels tell which axis they are.
        yield from (last, first) if c <= 4 < a else (first, last)


def _input_shape(source: Source) -> Shape:
    """Return the input's shape with batch 1."""
    name, dims = source.input.name, source.input.dims
    shown = "(" + ", ".join("?" if size is None else str(size) for size in dims) + ")"
    if not 2 <= len(dims) <= 4:
        raise UnsupportedModelError(
            f"the input {name!r} has the shape {shown}; expected (N, K), (N, C, L), (N, C, H, W) "
            "or (N, H, W, C)"
        )
    sizes = [size for size in dims[1:] if size is not None]
    if len(sizes) < len(dims) - 1:
        raise UnsupportedModelError(
            f"the input {name!r} has the shape {shown}, unknown beyond the batch; export the model "
            "with fixed height, width and channels"
        )
    if min(sizes) < 1 or dims[0] == 0:
        raise UnsupportedModelError(f"the input {name!r} has the shape {shown}: it is empty")
    if int(np.prod(sizes, dtype=object)) > MAX_ELEMENTS:
        raise UnsupportedModelError(f"the input {name!r} has the shape {shown}: it is too large")
    return (1, *sizes)


def _translate(source: Source, layout: _Layout) -> Graph:
    """Return the graph of ``source`` under one layout of its input."""
    tensors = [source.input.name, *(name for node in source.nodes for name in node.outputs if name)]
    draft = Draft(tensors)
    ctx = Context(draft, batch=source.input.dims[0] or 1)
    name = draft.tensor(source.input.name)
    draft.shapes[name] = layout.base
    _annotate_input(source, draft, name)
    ctx.values[source.input.name] = _input_view(source, layout, name)
    for key, constant in source.constants.items():
        ctx.values[key] = replace(constant, datatype=integer_datatype(constant.datatype))
    for node in source.nodes:
        for output, value in zip(node.outputs, _values(ctx, node), strict=False):
            if isinstance(value, Constant) and value.datatype is None:
                datatype = integer_datatype(source.datatypes.get(output))
                value = replace(value, datatype=datatype)
            ctx.values[output] = value
    output = _scores(ctx, source)
    graph = draft.graph(source.name, name, output, channels_last=layout.channels_last)
    return merge_pads(graph)


def _annotate_input(source: Source, draft: Draft, name: str) -> None:
    datatype = integer_datatype(source.datatypes.get(source.input.name))
    stored = INTEGER_INPUTS.get(source.input.element)
    if datatype is not None:
        draft.datatypes[name] = datatype
    elif stored is not None:
        draft.datatypes[name] = stored[0]


def _input_view(source: Source, layout: _Layout, name: str) -> View:
    """Return the file's view of its input; integers need a Cast or DequantizeLinear first."""
    element = source.input.element
    if element not in {TensorProto.FLOAT, TensorProto.DOUBLE, *INTEGER_INPUTS}:
        known = element in TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(element) if known else element
        raise UnsupportedModelError(
            f"the input {source.input.name!r} has elements of type {kind}; "
            "expected FLOAT, UINT8 or INT8"
        )
    axes = None
    if layout.axes is not None:
        free = unit_free(layout.base)
        axes = tuple(free[axis] for axis in layout.axes)
    integers = INTEGER_INPUTS[element][1] if element in INTEGER_INPUTS else None
    return View(name, layout.logical, axes, integers=integers)


def _values(ctx: Context, node: Node) -> tuple[Value, ...]:
    """Return what the outputs of ``node`` stand for."""
    if node.domain in QUANTISER_DOMAINS:
        handler = QUANTISERS.get(node.op)
    elif node.domain in STANDARD or (node.domain == RUNTIME_DOMAIN and node.op in QUANTISING):
        handler = HANDLERS.get(node.op)
    else:
        node.refuse(
            f"operators of domain {node.domain!r} are not supported; export with the operators of "
            "ONNX and qonnx"
        )
    inputs = [ctx.optional(node, position) for position in range(len(node.inputs))]
    computed = any(isinstance(value, View) for value in inputs)
    kept = node.op in KEEPING or node.domain not in STANDARD
    if not computed and not kept:
        known = [value for value in inputs if not isinstance(value, View)]
        return fold(node, [None if value is None else evaluated(value) for value in known])
    if handler is None:
        node.refuse(HINTS.get(node.op, "the operator is not supported; replace or remove it"))
    try:
        result = handler(ctx, node)
    except MALFORMED as error:
        node.refuse(f"it is malformed: {type(error).__name__}: {error}; export the model again")
    return result if isinstance(result, tuple) else (result,)


def _scores(ctx: Context, source: Source) -> str:
    """Return the tensor of the output, as a vector where it is one."""
    values = [ctx.values.get(name) for name in source.outputs]
    views = []
    for name, value in zip(source.outputs, values, strict=True):
        if not isinstance(value, View):
            raise UnsupportedModelError(f"the output {name!r} does not depend on the input")
        if value.integers is not None:
            raise UnsupportedModelError(
                f"the output {name!r} is integers; put DequantizeLinear behind it"
            )
        views.append(value)
    if len(views) > 1:
        views = [view.scores or view for view in views]
        if any(view != views[0] for view in views):
            raise UnsupportedModelError(
                f"the network has {len(views)} outputs ({', '.join(source.outputs)}); expected "
                "one, the scores"
            )
    view = views[0]
    node = next(n for n in reversed(source.nodes) if source.outputs[0] in n.outputs)
    if len(view.wide) <= 1:
        return as_vector(ctx, node, view)
    return row_major(ctx, node, view).tensor
