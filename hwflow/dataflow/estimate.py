"""Latency of a stage, estimated from what each layer has to read before it can answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwflow.cost.latency import PIPELINE_CYCLES

Model = Any


def first_fraction(operator: Any) -> float:
    """Return the part of its input frame that a layer reads before its first output."""
    kind = operator.onnx_node.op_type
    shape = [int(size) for size in operator.get_normal_input_shape()]
    if kind == "ConvolutionInputGenerator_rtl":
        kernel, dilation = operator.get_nodeattr("ConvKernelDim"), operator.get_nodeattr("Dilation")
        rows, columns = ((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
        return float(((rows - 1) * shape[2] + columns) / (shape[1] * shape[2]))
    if kind == "HwfPool_rtl":
        rows, columns = operator.get_nodeattr("KernelH"), operator.get_nodeattr("KernelW")
        return float(((rows - 1) * shape[2] + columns) / (shape[1] * shape[2]))
    if kind in {"MVAU_rtl", "HwfXnorMVAU_rtl", "HwfMVAU_rtl", "HwfVVAU_rtl"}:
        return 1 / int(np.prod(operator.get_nodeattr("numInputVectors")))
    return 0.0


def latency_cycles(model: Model) -> int:
    """Return the estimated clocks from a frame's first input beat to its last score.

    Each layer starts once its fraction of its inputs has come, at the pace at which they come, and
    ends neither before its own cycles have passed nor before its inputs have ended and been
    answered.
    """
    from qonnx.custom_op.registry import getCustomOp

    operators = [getCustomOp(node) for node in model.graph.node]
    pace = max(int(operator.get_exp_cycles()) for operator in operators)
    times = {model.graph.input[0].name: (0.0, float(pace))}
    for operator in operators:
        node = operator.onnx_node
        cycles = int(operator.get_exp_cycles())
        fraction = first_fraction(operator)
        inputs = [times[name] for name in node.input if name in times]
        start = max(begin + fraction * (end - begin) for begin, end in inputs) + PIPELINE_CYCLES
        last = max(end for _, end in inputs)
        end = max(last + fraction * cycles, start + cycles) + PIPELINE_CYCLES
        times |= dict.fromkeys(node.output, (start, end))
    return int(np.ceil(times[model.graph.output[0].name][1]))
