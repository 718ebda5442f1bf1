"""One hardware node by itself, as a graph and as RTL: what nodes take is measured so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.cost.block import Block
from hwflow.dataflow.blocks import block_of
from hwflow.dataflow.finn import Finn
from hwflow.dataflow.stitch import stitch

Model = Any

DOMAIN = "finn.custom_op.fpgadataflow.rtl"
STAGE = "stage"


def single_node(
    op: str,
    attributes: Mapping[str, Any],
    constants: Sequence[tuple[NDArray[np.int64], str]],
    *,
    name: str,
) -> Model:
    """Return a qonnx model of the one node, called ``name``; within ``finn.session``.

    ``constants``: values and qonnx type of each, in the operator's order.
    """
    from onnx import helper
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.custom_op.registry import getCustomOp

    streams = ["x0", "x1"] if op == "HwfAdd_rtl" else ["x0"]
    inputs = [f"c{k}" for k in range(len(constants))]
    outputs = [f"y{k}" for k in range(int(attributes.get("NumOutputs", 1)))]
    node = helper.make_node(
        op,
        [*streams, *inputs],
        outputs,
        name=name,
        domain=DOMAIN,
        backend="fpgadataflow",
        **attributes,
    )
    operator = getCustomOp(node)

    def info(names: Sequence[str], shape: Callable[[int], Sequence[int]]) -> list[Any]:
        shapes = ([int(size) for size in shape(port)] for port in range(len(names)))
        return [helper.make_tensor_value_info(n, 1, s) for n, s in zip(names, shapes, strict=True)]

    graph = helper.make_graph(
        [node],
        name,
        info(streams, operator.get_normal_input_shape),
        info(outputs, operator.get_normal_output_shape),
    )
    model = ModelWrapper(helper.make_model(graph))
    for constant, (values, datatype) in zip(inputs, constants, strict=True):
        model.set_initializer(constant, values.astype(np.float32))
        model.set_tensor_datatype(constant, DataType[datatype])
    for port, stream in enumerate(streams):
        model.set_tensor_datatype(stream, operator.get_input_datatype(port))
    for port, stream in enumerate(outputs):
        model.set_tensor_datatype(stream, operator.get_output_datatype(port))
    return model


def write_single(
    model: Model, folder: Path, finn: Finn, *, part: str, clock_period_ns: float
) -> tuple[list[str], Block]:
    """Write the RTL of a ``single_node`` into ``folder`` as a build does.

    Returns its sources, the module of the node's name among them, and the node as numbers.
    """
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
    from qonnx.custom_op.registry import getCustomOp

    model, _ = PrepareIP(part, clock_period_ns).apply(model)
    sources = stitch(model, STAGE, folder, finn.rtllib)
    block = block_of(getCustomOp(model.graph.node[0]))
    return [source for source in sources if Path(source).stem != STAGE], block
