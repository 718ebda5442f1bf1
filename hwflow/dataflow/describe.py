"""What ``design.json`` says of a stage: ports, bounds, and each hardware node with its estimate."""

from __future__ import annotations

import math
import re
from typing import Any

from hwflow.config.accelerator import Estimate, Layer, StageHardware
from hwflow.cost.resources import Resources
from hwflow.dataflow.estimate import latency_cycles
from hwflow.dataflow.resources import converter_resources, fifo_resources, layer_resources
from hwflow.dataflow.streams import CONVERTER, FIFO
from hwflow.dataflow.units import bits_of
from hwflow.errors import UnsupportedModelError

Model = Any

# <layer>_<op>_rtl of a unit, with _in<port>_fifo or _width behind it for what stands before it.
_NODE_NAME = re.compile(r"(.+?)_[A-Za-z]+_rtl(?:_in\d+_(?:fifo|width))?")


def describe(model: Model, name: str, *, frame_beats: int = 1) -> StageHardware:
    """Return the description of the hardware graph ``model``; see ``StageConfig``."""
    from qonnx.custom_op.registry import getCustomOp

    nodes = list(model.graph.node)
    operators = {output: getCustomOp(node) for node in nodes for output in node.output}
    source = model.graph.input[0].name
    (first,) = (getCustomOp(node) for node in nodes if source in node.input)
    last = operators[model.graph.output[0].name]
    scores = last.get_output_datatype()
    if not scores.signed():
        raise UnsupportedModelError(
            f"scores of type {scores.name}: expected signed integers", node=last.onnx_node.name
        )
    layers = tuple(_layer(model, getCustomOp(node), stage=name) for node in nodes)
    return StageHardware(
        name=name,
        top=name,
        in_bytes=first.get_instream_width_padded() // 8,
        score_bits=scores.bitwidth(),
        score_lanes=int(last.get_folded_output_shape()[-1]),
        ii_bound_cycles=max(frame_beats, *(layer.cycles for layer in layers)),
        latency_estimate_cycles=latency_cycles(model),
        layers=layers,
    )


def _layer(model: Model, operator: Any, *, stage: str) -> Layer:
    node = operator.onnx_node
    known = operator.get_nodeattr_types()

    def attribute(name: str) -> int | None:
        return int(operator.get_nodeattr(name)) if name in known else None

    mw, mh = attribute("MW"), attribute("MH")
    if node.op_type == "HwfVVAU_rtl":
        mw, mh = attribute("KernelSize"), attribute("Channels")
    bits, macs = None, 0
    if mw is not None and mh is not None:
        binary = node.op_type == "HwfXnorMVAU_rtl"
        bits = 1 if binary else bits_of(operator.get_nodeattr("weightDataType"))
        macs = mw * mh * math.prod(operator.get_nodeattr("numInputVectors"))
    return Layer(
        name=node.name,
        layer=layer_of(node.name.removeprefix(f"{stage}_")),
        op=node.op_type,
        backend="hwflow" if node.op_type.startswith("Hwf") else "finn",
        module=operator.get_verilog_top_module_name(),
        pe=attribute("PE"),
        simd=attribute("SIMD"),
        mw=mw,
        mh=mh,
        weight_bit_width=bits,
        cycles=cycles_of(operator),
        macs=macs,
        fifo_depth_words=attribute("depth"),
        fifo_word_bits=int(operator.get_outstream_width()) if node.op_type == FIFO else None,
        memory_bits=_memory_bits(model, node),
        estimate=_estimate(operator),
    )


def layer_of(node: str) -> str:
    """Return the layer that a hardware node belongs to, from its name without the stage's."""
    match = _NODE_NAME.fullmatch(node)
    return match[1] if match else node


def cycles_of(operator: Any) -> int:
    """Return the clocks a frame takes in a node; of FIFOs and converters the beats that pass.

    FINN tells 0 for those, yet no frame passes in fewer clocks than it has beats.
    """
    if operator.onnx_node.op_type not in {FIFO, CONVERTER}:
        return int(operator.get_exp_cycles())
    shapes = operator.get_folded_input_shape(), operator.get_folded_output_shape()
    return max(math.prod(int(size) for size in shape[:-1]) for shape in shapes)


def _memory_bits(model: Model, node: Any) -> int:
    """Return the bits of a node's weights and thresholds, as the network holds them."""
    total = 0
    for name in node.input:
        values = model.get_initializer(name)
        if values is not None:
            total += int(values.size) * int(model.get_tensor_datatype(name).bitwidth())
    return total


def _estimate(operator: Any) -> Estimate:
    kind = operator.onnx_node.op_type
    if kind == FIFO:
        bits = int(operator.get_outstream_width())
        found = fifo_resources(operator.get_nodeattr("depth"), bits)
    elif kind == CONVERTER:
        found = converter_resources(
            operator.get_nodeattr("inWidth"), operator.get_nodeattr("outWidth")
        )
    else:
        found = layer_resources(operator)
    return _rounded(found)


def _rounded(found: Resources) -> Estimate:
    return Estimate(
        lut=round(found.lut),
        lutram=round(found.lutram),
        ff=round(found.ff),
        dsp=round(found.dsp),
        bram36=round(2 * found.bram36) / 2,
    )
