"""Width converters and FIFOs between the layers of a stage."""

from __future__ import annotations

from typing import Any

import numpy as np

Model = Any
Node = Any

# Words that cut the combinational ready path between two layers and cover their latency.
SLACK_WORDS = 4
# FINN's FIFO keeps up to this many words in shift registers, one LUT a bit.
SHIFT_REGISTER_WORDS = 33


def fifo_depth(producer: Any, consumer: Any) -> int:
    """Return the words between two FINN layers so that neither waits for the other's bursts.

    A matrix unit takes the SF = MW/SIMD words of a vector one a clock and then computes without
    reading; a window generator and a pool take a row, then hold their input while they catch up.
    So the FIFO holds what the consumer takes at once: one vector, or one row of the feature map,
    and ``SLACK_WORDS`` more. That this reaches the bound of the largest fold count is checked in
    simulation (``hardware.ii_cycles``), not assumed.
    """
    kind = consumer.onnx_node.op_type
    beats = tuple(int(size) for size in consumer.get_folded_input_shape()[:-1])
    if kind in {"MVAU_rtl", "HwfXnorMVAU_rtl"}:
        burst = beats[-1]
    elif kind.startswith(("ConvolutionInputGenerator", "HwfMaxPool", "FMPadding")):
        burst = int(np.prod(beats[-2:]))
    else:
        burst = 1
    return burst + SLACK_WORDS


def connect(model: Model, part: str) -> Model:
    """Insert the converters and FIFOs, as RTL layers."""
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.custom_op.registry import getCustomOp
    from qonnx.transformation.general import GiveUniqueNodeNames

    model = model.transform(InsertDWC())
    model = model.transform(GiveUniqueNodeNames()).transform(SpecializeLayers(part))
    nodes = list(model.graph.node)
    for node in nodes:
        operator = getCustomOp(node)
        follower = model.find_consumer(node.output[0])
        depth = 2 if follower is None else fifo_depth(operator, getCustomOp(follower))
        operator.set_nodeattr("outFIFODepths", [depth])
        operator.set_nodeattr("inFIFODepths", [2])
    model = model.transform(InsertFIFO())
    return model.transform(GiveUniqueNodeNames()).transform(SpecializeLayers(part))
