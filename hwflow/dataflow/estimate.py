"""Latency of a chain of layers, estimated from what each has to read before it can answer."""

from __future__ import annotations

from typing import Any

import numpy as np

Model = Any

# Registers from a layer's input to its output, rounded up over all kinds of layers used.
PIPELINE_CYCLES = 16


def first_fraction(operator: Any) -> float:
    """Return the part of its input frame that a layer reads before its first output."""
    kind = operator.onnx_node.op_type
    shape = [int(size) for size in operator.get_normal_input_shape()]
    if kind.startswith("ConvolutionInputGenerator"):
        rows, columns = operator.get_nodeattr("ConvKernelDim")
        return float(((rows - 1) * shape[2] + columns) / (shape[1] * shape[2]))
    if kind == "HwfMaxPool_rtl":
        k = operator.get_nodeattr("K")
        return float(((k - 1) * shape[2] + k) / (shape[1] * shape[2]))
    if kind in {"MVAU_rtl", "HwfXnorMVAU_rtl"}:
        return 1 / int(np.prod(operator.get_nodeattr("numInputVectors")))
    return 0.0


def latency_cycles(model: Model) -> int:
    """Return the estimated clocks from a frame's first input beat to its last score.

    Each layer starts once its fraction of the input has come, at the pace at which it comes, and
    ends neither before its own cycles have passed nor before its input has ended and been
    answered.
    """
    from qonnx.custom_op.registry import getCustomOp

    operators = [getCustomOp(node) for node in model.graph.node]
    pace = max(int(operator.get_exp_cycles()) for operator in operators)
    start, end = 0.0, float(pace)
    for operator in operators:
        cycles = int(operator.get_exp_cycles())
        fraction = first_fraction(operator)
        start += fraction * (end - start) + PIPELINE_CYCLES
        end = max(end + fraction * cycles, start + cycles) + PIPELINE_CYCLES
    return int(np.ceil(end))
