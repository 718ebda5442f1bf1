"""Executes an ONNX file as it is by qonnx, and finds the tensors of its normal form in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from hwflow.lower.emit import QONNX
from hwflow.lower.graph import Graph, Shape
from hwflow.lower.lowering.stretch import Float32s
from hwflow.lower.read.file import load
from hwflow.lower.read.nodes import Source, clean, take_apart

# Operators whose outputs are integers where their inputs are.
_PASSING = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_MOST_WORDS = 120

Tensors = dict[str, NDArray[Any]]


class NotExecutedError(Exception):
    """qonnx cannot execute the file; the message says why in a line."""


class FileExecution:
    """The file at ``path``, whose normal form is ``graph``."""

    def __init__(self, path: Path, graph: Graph) -> None:
        self._path, self._graph = path, graph
        self._model: Any = None
        self._names: dict[str, str] = {}
        self._result = ""
        self._batch = 1

    def run(self, inputs: Float32s) -> tuple[Tensors, NDArray[Any]]:
        """Return tensors of the normal form, and the file's last output, each (N, …).

        ``inputs``: the normal form's, (N, C, H, W) or (N, K). Behind the first axis a tensor has
        the file's shape. Tensors that the file does not hold under a name of its own are missing.

        Raises:
            NotExecutedError: qonnx or onnxruntime fails.
        """
        try:
            if self._model is None:
                self._prepare()
            parts = [
                self._execute(inputs[start : start + self._batch])
                for start in range(0, len(inputs), self._batch)
            ]
        except Exception as error:  # qonnx and onnxruntime raise what they like
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise NotExecutedError(lines[0][:_MOST_WORDS]) from error
        held = [name for name in self._names if all(name in part for part in parts)]
        tensors = {name: np.concatenate([part[name] for part in parts]) for name in held}
        return tensors, np.concatenate([part[""] for part in parts])

    def _prepare(self) -> None:
        proto = load(self._path)
        source = take_apart(proto)
        constants = {entry.name for entry in proto.graph.initializer}
        (entry,) = [entry for entry in proto.graph.input if entry.name not in constants]
        dims = entry.type.tensor_type.shape.dim
        self._input = entry.name
        self._element = helper.tensor_dtype_to_np_dtype(entry.type.tensor_type.elem_type)
        if not dims[0].dim_value:
            dims[0].ClearField("dim_param")
            dims[0].dim_value = 1
            for result in proto.graph.output:
                result.type.tensor_type.ClearField("shape")
            del proto.graph.value_info[:]
        # A fixed batch is kept: shapes in the file may rely on it.
        self._batch = dims[0].dim_value
        self._shape = [dim.dim_value for dim in dims]
        ordered = [node.proto for node in source.nodes]
        del proto.graph.node[:]
        proto.graph.node.extend(ordered)
        _settle_trunc(proto)
        _settle_labels(proto)
        self._result = proto.graph.output[-1].name
        self._names = _names(source, self._graph, self._result)
        self._model = ModelWrapper(proto).transform(InferShapes())

    def _execute(self, frames: Float32s) -> Tensors:
        """Return the tensors of at most one batch by their names in the normal form."""
        if self._graph.channels_last and frames.ndim == 4:
            frames = frames.transpose(0, 2, 3, 1)
        missing = self._batch - len(frames)
        filled = np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
        feed = {self._input: np.ascontiguousarray(filled, self._element).reshape(self._shape)}
        context = execute_onnx(self._model, feed, return_full_exec_context=True)
        wanted = {**self._names, "": self._result}
        return {
            name: _frames(context[own], self._batch)[: len(frames)]
            for name, own in wanted.items()
            if own in context and (self._batch == 1 or len(context[own]) == self._batch)
        }


def arrangements(values: NDArray[Any], shape: Shape) -> Iterator[NDArray[Any]]:
    """Yield the ways to see ``values`` (N, …) as a tensor (1, …) ``shape``, row-major (N, size).

    The elements as they are, and with axes in another order where that gives ``shape``.
    """
    count = len(values)
    if values.size != count * int(np.prod(shape)):
        return
    yield values.reshape(count, -1)
    sizes = [size for size in values.shape[1:] if size > 1]
    wanted = [size for size in shape if size > 1]
    maps = values.reshape(count, *sizes)
    for order in list(permutations(range(len(sizes))))[1:]:
        if [sizes[axis] for axis in order] == wanted:
            yield maps.transpose(0, *(axis + 1 for axis in order)).reshape(count, -1)


def _frames(values: Any, batch: int) -> NDArray[Any]:
    array = np.asarray(values)
    return array[np.newaxis] if batch == 1 else array


def _names(source: Source, graph: Graph, result: str) -> dict[str, str]:
    """Return the file's own names of tensors of the normal form.

    A tensor keeps its name, cleaned. QuantizeLinear's reals are what DequantizeLinear gives, and
    called after its integers.
    """
    names: dict[str, str] = {}
    unclear = set[str]()
    for node in source.nodes:
        pairs = list(zip(node.outputs, node.proto.output, strict=True))
        if node.op == "DequantizeLinear":
            pairs.append((clean(f"{node.inputs[0]}.values"), node.proto.output[0]))
        for name, own in pairs:
            if names.setdefault(name, own) != own:
                unclear.add(name)
    if graph.output not in names:
        names[graph.output] = result
    return {
        name: own for name, own in names.items() if name in graph.shapes and name not in unclear
    }


def _settle_trunc(proto: Any) -> None:
    """Give a file whose Trunc has its sixth input the operator set that introduced it."""
    if any(node.op_type == "Trunc" and len(node.input) == 6 for node in proto.graph.node):
        for opset in proto.opset_import:
            if opset.domain == QONNX:
                opset.version = max(opset.version, 2)


def _settle_labels(proto: Any) -> None:
    """Declare labels as the integers that they are; some exporters declare floats."""
    labels = set[str]()
    for node in proto.graph.node:
        if node.op_type == "ArgMax" or (node.op_type in _PASSING and node.input[0] in labels):
            labels.add(node.output[0])
        elif node.op_type == "TopK":
            labels.update(node.output[1:])
    for info in (*proto.graph.output, *proto.graph.value_info):
        if info.name in labels:
            info.type.tensor_type.elem_type = TensorProto.INT64
