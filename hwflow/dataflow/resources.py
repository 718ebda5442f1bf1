"""What the layers of a stage take, by the cost models of ``hwflow.cost``."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Literal

from hwflow.cost.luts import lut_lane_cost
from hwflow.cost.resources import Resources
from hwflow.dataflow.units import Placement, bits_of
from hwflow.rtl.accelerator import StagePorts

Model = Any
Unit = Literal["lut", "dsp", "finn"]

# A row of lanes: accumulator, comparator, output register. A layer: counters and handshake.
ROW_LUTS, LAYER_LUTS = 24.0, 60.0
XNOR_LANE_LUTS = 2.0
# Memories: a LUT holds 64 bits as ROM or RAM; deeper than this they go into 36 Kbit blocks.
LUT_BITS, BLOCK_BITS, BLOCK_DEPTH = 64, 36 * 1024, 64
# Of a bit of stream: a width converter or FIFO behind each layer, and a comparing lane.
STREAM_BIT_LUTS, COMPARE_BIT_LUTS = 2.0, 1.0
REQUANT_LANE_LUTS = 120.0


def estimate(model: Model, placements: Sequence[Placement] = ()) -> Resources:
    """Return what the folded ``model`` takes, with ``placements`` carried out."""
    from qonnx.custom_op.registry import getCustomOp

    total = Resources()
    for node in model.graph.node:
        operator = getCustomOp(node)
        total += layer_resources(operator)
        total += Resources(lut=STREAM_BIT_LUTS * operator.get_outstream_width())
    for placement in placements:
        total += Resources(lut=-placement.luts, dsp=placement.dsps)
    return total


def converter_resources(in_bits: int, out_bits: int) -> Resources:
    """Return what a width converter between streams of so many bits takes; none if equal."""
    if in_bits == out_bits:
        return Resources()
    return Resources(lut=STREAM_BIT_LUTS * max(in_bits, out_bits), ff=2.0 * max(in_bits, out_bits))


def fifo_resources(depth: int, bits: int) -> Resources:
    """Return what a FIFO of ``depth`` words of ``bits`` bits takes."""
    memory = bits * ceil(depth / LUT_BITS)
    return Resources(lut=memory + 2.0 * ceil(depth).bit_length(), lutram=memory)


def controller_resources(
    stages: Sequence[StagePorts],
    *,
    classes: int,
    frame_bytes: int,
    frame_beat_bytes: int,
    retention_frames: Sequence[int],
) -> Resources:
    """Return what the cascade around ``stages`` takes: controller, registers, retained frames.

    Arguments as in ``hwflow.rtl.accelerator.AcceleratorParameters``.
    """
    del classes, frame_beat_bytes
    kept = 8 * frame_bytes * sum(retention_frames)
    return Resources(lut=300.0 + 250.0 * len(stages), bram36=ceil(kept / BLOCK_BITS))


def layer_estimates(model: Model) -> tuple[tuple[str, Resources], ...]:
    """Return (node name, resources) of each node of ``model``, converters and FIFOs among them."""
    from qonnx.custom_op.registry import getCustomOp

    return tuple((node.name, layer_resources(getCustomOp(node))) for node in model.graph.node)


def layer_resources(operator: Any, *, unit: Unit | None = None) -> Resources:
    """Return what one node takes at its present folding, without the converter or FIFO behind.

    ``unit``: price a matrix node as if it were in LUTs ("lut"), on our own unit's DSPs ("dsp") or
    in FINN's DSP unit ("finn"); None prices it as it stands.
    """
    del unit
    kind = operator.onnx_node.op_type
    if kind == "StreamingDataWidthConverter_rtl":
        return converter_resources(
            operator.get_nodeattr("inWidth"), operator.get_nodeattr("outWidth")
        )
    if kind == "StreamingFIFO_rtl":
        return fifo_resources(operator.get_nodeattr("depth"), operator.get_instream_width())
    width = operator.get_outstream_width()
    base = Resources(lut=LAYER_LUTS)
    if kind in {"HwfXnorMVAU_rtl", "HwfMVAU_rtl"}:
        return base + _matrix(operator, operator.get_nodeattr("MW") * operator.get_nodeattr("MH"))
    if kind == "HwfVVAU_rtl":
        weights = operator.get_nodeattr("Channels") * operator.get_nodeattr("KernelSize")
        return base + _matrix(operator, weights)
    if kind == "ConvolutionInputGenerator_rtl":
        depth = operator.get_buffer_depth()
        return base + Resources(lut=operator.get_instream_width() * ceil(depth / LUT_BITS))
    if kind == "Thresholding_rtl":
        lanes, bits = operator.get_nodeattr("PE"), bits_of(operator.get_nodeattr("weightDataType"))
        channels = operator.get_nodeattr("NumChannels")
        levels = operator.get_output_datatype().bitwidth()
        stored = channels * operator.get_nodeattr("numSteps") * bits
        compare = 2 * COMPARE_BIT_LUTS * lanes * levels * bits
        return base + Resources(lut=compare) + _memory(stored, channels // lanes)
    if kind == "HwfRequant_rtl":
        return base + Resources(lut=REQUANT_LANE_LUTS * operator.get_nodeattr("PE"))
    return base + Resources(lut=COMPARE_BIT_LUTS * width)


def _matrix(operator: Any, weights: int) -> Resources:
    pe, simd = operator.get_nodeattr("PE"), operator.get_nodeattr("SIMD")
    if operator.onnx_node.op_type == "HwfXnorMVAU_rtl":
        bits, lane = 1, XNOR_LANE_LUTS
    else:
        bits = bits_of(operator.get_nodeattr("weightDataType"))
        lane = lut_lane_cost(bits, bits_of(operator.get_nodeattr("inputDataType")))
    compute = Resources(lut=lane * pe * simd + ROW_LUTS * pe)
    return compute + _memory(weights * bits, weights // (pe * simd))


def _memory(bits: int, depth: int) -> Resources:
    if depth < BLOCK_DEPTH:
        return Resources(lut=bits / LUT_BITS)
    return Resources(bram36=ceil(bits / BLOCK_BITS))
