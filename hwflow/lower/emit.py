"""Writes a graph in normal form as a QONNX model, and executes it in floats as qonnx does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from hwflow.lower.graph import QUANTISERS, Graph, Op
from hwflow.lower.lowering.stretch import Float32s

QONNX = "qonnx.custom_op.general"
_OPSET = 13
# Attributes of the normal form that are inputs in ONNX.
_AS_INPUTS = {"Clip": ("min", "max"), "Pad": ("pads", "value")}


def execute(
    graph: Graph, frames: Float32s, *, without: Collection[str] = ()
) -> Mapping[str, Float32s]:
    """Return every tensor of ``graph`` on the float inputs ``frames`` (N, C, H, W) or (N, K).

    ``without``: outputs of operators to leave out, such as the tail.
    """
    model = to_model(graph, batch=len(frames), without=without)
    context: Mapping[str, Float32s] = execute_onnx(
        model, {graph.input: frames}, return_full_exec_context=True
    )
    return context


def to_model(graph: Graph, *, batch: int, without: Collection[str] = ()) -> Any:
    """Return a qonnx ``ModelWrapper`` of ``graph`` for ``batch`` frames at once."""
    ops = [op for op in graph.ops if op.output not in without]
    constants = dict(graph.constants)
    nodes = [_node(op, constants) for op in ops]
    computed = _computed(graph, ops)
    tensors = {
        name: helper.make_tensor_value_info(
            name,
            TensorProto.FLOAT,
            [batch, *shape[1:]] if name in computed else list(shape),
        )
        for name, shape in graph.shapes.items()
    }
    output = ops[-1].output
    proto = helper.make_graph(
        nodes,
        "network",
        [tensors.pop(graph.input)],
        [tensors.pop(output)],
        initializer=[numpy_helper.from_array(values, name) for name, values in constants.items()],
        value_info=[tensors[op.output] for op in ops[:-1]],
    )
    # Trunc has a sixth input since version 2 of its operator set.
    version = 2 if any(op.kind == "Trunc" and len(op.inputs) == 6 for op in ops) else 1
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(QONNX, version)]
    return ModelWrapper(helper.make_model(proto, opset_imports=opsets))


def _computed(graph: Graph, ops: list[Op]) -> set[str]:
    """Return the tensors that depend on the frame."""
    computed = {graph.input}
    for op in ops:
        if computed.intersection(op.inputs):
            computed.add(op.output)
    return computed


def _node(op: Op, constants: dict[str, Float32s]) -> Any:
    inputs: list[str] = list(op.inputs)
    attributes: dict[str, Any] = dict(op.attributes)
    for name in _AS_INPUTS.get(op.kind, ()):
        key = f"{op.output}.{name}"
        value = attributes.pop(name)
        kind = np.int64 if name == "pads" else np.float32
        constants[key] = np.array(value, kind)
        inputs.append(key)
    domain = QONNX if op.kind in QUANTISERS else ""
    return helper.make_node(op.kind, inputs, [op.output], name=op.name, domain=domain, **attributes)
