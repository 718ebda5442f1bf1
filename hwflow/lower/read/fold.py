"""Computes what does not depend on the frame, by ONNX's reference implementation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import helper
from onnx.reference import ReferenceEvaluator

from hwflow.lower.read.file import MAX_ELEMENTS
from hwflow.lower.read.nodes import STANDARD, Node
from hwflow.lower.read.tensors import MALFORMED, Constant

# Operators whose output is at most as large as their inputs together.
# fmt: off
FOLDABLE = frozenset({
    "Abs", "Acos", "Add", "And", "ArgMax", "ArgMin", "Asin", "Atan", "BatchNormalization",
    "BitShift", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Cos", "Div", "Elu", "Equal",
    "Erf", "Exp", "Floor", "Gather", "GatherElements", "Gemm", "Greater", "GreaterOrEqual",
    "HardSigmoid", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log", "MatMul",
    "Max", "Mean", "Min", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal",
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Round", "Selu",
    "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax", "Softplus", "Softsign",
    "Split", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "Where", "Xor",
})
# fmt: on
# fmt: off
BROADCASTING = frozenset({
    "Add", "And", "BitShift", "Div", "Equal", "Greater", "GreaterOrEqual", "Less",
    "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum",
    "Where", "Xor",
})
# fmt: on
# Operators whose output may be larger: the size is computed first.
GROWING = frozenset({"ConstantOfShape", "Expand", "Tile", "Range"})


def fold(node: Node, inputs: Sequence[Constant | None]) -> tuple[Constant, ...]:
    """Return the outputs of a node all of whose inputs are constants.

    Raises:
        UnsupportedModelError: if the operator cannot be evaluated, or its values do not fit.
    """
    if node.domain not in STANDARD or node.op not in FOLDABLE | GROWING:
        node.refuse("computing constants with it is not supported; export constants folded")
    arrays = {
        f"in{position}": value.array for position, value in enumerate(inputs) if value is not None
    }
    try:
        _check_size(node, [None if value is None else value.array for value in inputs])
        results = ReferenceEvaluator(_model(node, inputs)).run(None, arrays)
    except MALFORMED as error:
        node.refuse(f"its constant inputs cannot be evaluated: {error}")
    return tuple(
        Constant(np.asarray(result), name)
        for result, name in zip(results, _outputs(node), strict=True)
    )


def _outputs(node: Node) -> list[str]:
    return [name or f"{node.name}.unused{i}" for i, name in enumerate(node.outputs)]


def _model(node: Node, inputs: Sequence[Constant | None]) -> object:
    copy = type(node.proto)()
    copy.CopyFrom(node.proto)
    copy.domain = ""
    names = ["" if value is None else f"in{i}" for i, value in enumerate(inputs)]
    del copy.input[:], copy.output[:]
    copy.input.extend(names)
    copy.output.extend(_outputs(node))
    infos = [
        helper.make_tensor_value_info(
            f"in{i}", helper.np_dtype_to_tensor_dtype(value.array.dtype), value.array.shape
        )
        for i, value in enumerate(inputs)
        if value is not None
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in _outputs(node)]
    graph = helper.make_graph([copy], "constants", infos, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)])


def _check_size(node: Node, arrays: Sequence[np.ndarray | None]) -> None:
    """Refuse results that memory might not hold, before they are computed."""
    present = [array for array in arrays if array is not None]
    if node.op == "ConstantOfShape":
        shape = [int(size) for size in present[0]]
    elif node.op == "Range":
        start, limit, step = (float(array) for array in present)
        shape = [int(abs((limit - start) / step)) + 1]
    elif node.op == "Tile":
        repeats = [int(count) for count in present[1]]
        shape = [size * count for size, count in zip(present[0].shape, repeats, strict=True)]
    elif node.op == "Expand":
        shape = [*present[0].shape, *(int(size) for size in present[1])]
    elif node.op == "MatMul":
        shape = [*present[0].shape[:-1], *present[1].shape[-1:]]
    elif node.op in {"Gather", "GatherElements"}:
        axis = node.integer("axis", 0)
        shape = [present[0].size // max(1, present[0].shape[axis]), present[1].size]
    else:
        shape = [sum(array.size for array in present)]
        if node.op in BROADCASTING:
            shape = list(np.broadcast_shapes(*(array.shape for array in present)))
    if int(np.prod(shape, dtype=object)) > MAX_ELEMENTS:
        node.refuse(f"a constant of shape {shape} is too large; at most {MAX_ELEMENTS} elements")
