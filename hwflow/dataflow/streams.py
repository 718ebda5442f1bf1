"""Width converters and FIFOs between the layers of a stage."""

from __future__ import annotations

from typing import Any

import numpy as np

Model = Any
Node = Any

# Words that cut the combinational ready path between two layers and cover their latency.
SLACK_WORDS = 4
# Matrix units that need this share of the pace-setting layer's cycles must not wait for refills.
CRITICAL_SHARE = 0.8

MATRIX_UNITS = frozenset({"MVAU_rtl", "HwfXnorMVAU_rtl"})


def fifo_depth(consumer: Any, window: Any | None, ii_cycles: int) -> int:
    """Return the words in front of ``consumer`` so that neither side waits for bursts.

    A matrix unit takes the SF = MW/SIMD words of a vector one a clock and then computes without
    reading, so it gets one vector. A window generator fills (k - 1) rows and k pixels before it
    can answer, and does not take the next frame's while it still emits this one's windows: the
    FIFO holds as much. Pools and thresholds never pause by themselves. ``SLACK_WORDS`` more cover
    latencies.

    While a window generator fills, a matrix unit behind it that sets the pace (``ii_cycles``)
    must not starve: it gets as many vectors more as it computes in that time. That all this
    reaches the bound of the largest fold count is checked in simulation
    (``hardware.ii_cycles``), not assumed.

    Args:
        consumer: the FINN layer that reads the FIFO.
        window: the window generator whose vectors it reads, if it does.
        ii_cycles: the largest fold count of the stage.
    """
    kind = consumer.onnx_node.op_type
    beats = tuple(int(size) for size in consumer.get_folded_input_shape()[:-1])
    if kind in MATRIX_UNITS:
        return beats[-1] * (1 + _vectors_in_refill(consumer, window, ii_cycles)) + SLACK_WORDS
    if kind.startswith("ConvolutionInputGenerator"):
        return _refill(consumer) + SLACK_WORDS
    return SLACK_WORDS + 1


def _vectors_in_refill(matrix: Any, window: Any | None, ii_cycles: int) -> int:
    cycles = int(matrix.get_exp_cycles())
    if window is None or cycles < CRITICAL_SHARE * ii_cycles:
        return 0
    vectors = int(np.prod(matrix.get_nodeattr("numInputVectors")))
    return -(-_refill(window) * vectors // cycles)


def _refill(window: Any) -> int:
    """Return the words that a window generator takes before its first output."""
    _, _, width, folds, _ = (int(size) for size in window.get_folded_input_shape())
    rows, columns = window.get_nodeattr("ConvKernelDim")
    return int(((rows - 1) * width + columns) * folds)


def connect(model: Model, part: str) -> Model:
    """Insert the converters and FIFOs, as RTL layers."""
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.custom_op.registry import getCustomOp
    from qonnx.transformation.general import GiveUniqueNodeNames

    model = model.transform(InsertDWC())
    model = model.transform(GiveUniqueNodeNames()).transform(SpecializeLayers(part))
    operators = [getCustomOp(node) for node in model.graph.node]
    ii_cycles = max(int(operator.get_exp_cycles()) for operator in operators)
    window = None
    for operator, follower in zip(operators, [*operators[1:], None], strict=True):
        if not _is_converter(operator):
            is_window = operator.onnx_node.op_type.startswith("ConvolutionInputGenerator")
            window = operator if is_window else None
        # A converter is registered and takes at once whatever the next FIFO has room for.
        direct = follower is None or _is_converter(follower)
        depth = 2 if direct else fifo_depth(follower, window, ii_cycles)
        operator.set_nodeattr("outFIFODepths", [depth])
        operator.set_nodeattr("inFIFODepths", [2])
    model = model.transform(InsertFIFO())
    return model.transform(GiveUniqueNodeNames()).transform(SpecializeLayers(part))


def _is_converter(operator: Any) -> bool:
    return str(operator.onnx_node.op_type).startswith("StreamingDataWidthConverter")
