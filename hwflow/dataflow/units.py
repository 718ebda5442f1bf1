"""Which multiplying layers go on DSPs: those where a DSP saves the most LUTs, while some are left.

Weights of a few bits are cheapest in LUTs; 8 × 8 bits are worth a DSP. FINN's matrix unit packs
two to four products into one DSP and is preferred where it takes the types; other layers may use
one DSP per product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwflow.cost.luts import lut_lane_cost

Model = Any
Node = Any

# FINN's _mvu_rtl_possible and get_dsp_datapath_limits, for DSP48E1; accumulators beyond 24 bits
# would not be exact in FINN's own execution in float32.
MAX_ACTIVATION_BITS, MAX_WEIGHT_BITS, MAX_ACCUMULATOR_BITS = 18, 25, 24
# LUTs around one DSP of FINN's unit (yosys, 4 and 8 bits: 682 / 8 and 988 / 16), and around one
# DSP of our own units, whose sum tree and accumulators are counted elsewhere.
FINN_DSP_LUTS = 64.0
OWN_DSP_LUTS = 8.0


@dataclass(frozen=True)
class Placement:
    """A layer's move to DSPs: ``dsps`` of them save ``luts`` LUTs; ``finn``: in FINN's unit."""

    node: str
    finn: bool
    dsps: int
    luts: float


def bits_of(datatype: str) -> int:
    """Return the bits of a qonnx type name; 1 for BIPOLAR and BINARY."""
    from qonnx.core.datatype import DataType

    return int(DataType[datatype].bitwidth())


def choose(model: Model, dsps: int) -> tuple[Placement, ...]:
    """Return the moves that save the most LUTs with at most ``dsps`` DSPs, for a folded ``model``.

    Greedy by LUTs saved per DSP.
    """
    from qonnx.custom_op.registry import getCustomOp

    options = []
    for node in model.graph.node:
        if node.op_type in {"HwfMVAU_rtl", "HwfVVAU_rtl"}:
            option = _option(model, node, getCustomOp(node))
            if option is not None and option.luts > 0:
                options.append(option)
    options.sort(key=lambda option: (-option.luts / option.dsps, option.node))
    chosen = []
    for option in options:
        if option.dsps <= dsps:
            dsps -= option.dsps
            chosen.append(option)
    return tuple(chosen)


def _option(model: Model, node: Node, operator: Any) -> Placement | None:
    pe, simd = operator.get_nodeattr("PE"), operator.get_nodeattr("SIMD")
    weight = operator.get_nodeattr("weightDataType")
    act_bits = bits_of(operator.get_nodeattr("inputDataType"))
    in_luts = pe * simd * lut_lane_cost(bits_of(weight), act_bits)
    bits = finn_weight_bits(model.get_initializer(node.input[1]))
    if node.op_type == "HwfMVAU_rtl" and finn_takes(operator, bits):
        # mvu.sv: products of the narrowest lane, side by side in the 25-bit port.
        packed = 1 + (MAX_WEIGHT_BITS - bits) // (bits + act_bits - 1)
        count = -(-pe // packed) * simd
        return Placement(node.name, finn=True, dsps=count, luts=in_luts - FINN_DSP_LUTS * count)
    if act_bits == 1 or bits_of(weight) == 1:
        return None  # an addition, not a product
    count = pe * simd
    return Placement(node.name, finn=False, dsps=count, luts=in_luts - OWN_DSP_LUTS * count)


def finn_takes(operator: Any, weight_bits: int) -> bool:
    """Whether FINN's DSP matrix unit can stand for ``operator``, an ``HwfMVAU_rtl``.

    ``weight_bits``: in which it would take the weights. Its accumulators must hold any product of
    the two types (mvu.sv); ours are as wide as the actual weights need, which can be less.
    """
    act = operator.get_nodeattr("inputDataType")
    act_bits = bits_of(act)
    product_bits = weight_bits + act_bits - act.startswith("INT")
    folds = (operator.get_nodeattr("MW") // operator.get_nodeattr("SIMD")) * (
        operator.get_nodeattr("MH") // operator.get_nodeattr("PE")
    )
    return (
        act_bits >= 2
        and act_bits - act.startswith("INT") < MAX_ACTIVATION_BITS
        and bits_of(operator.get_nodeattr("weightDataType")) < MAX_WEIGHT_BITS
        and product_bits <= bits_of(operator.get_nodeattr("outputDataType")) <= MAX_ACCUMULATOR_BITS
        and folds > 1  # its weight memory is addressed
    )


def finn_weight_bits(weights: Any) -> int:
    """Return the bits in which ``weights`` leave −2^(b−1) unused, which DSP48E1 wants; ≥ 2."""
    return max(2, int(np.abs(weights).max()).bit_length() + 1)


def place(model: Model, placements: tuple[Placement, ...]) -> Model:
    """Carry ``placements`` out, in place."""
    chosen = {placement.node: placement for placement in placements}
    for index, node in enumerate(list(model.graph.node)):
        placement = chosen.get(node.name)
        if placement is None:
            continue
        if placement.finn:
            unit = _finn_unit(model, node)
            model.graph.node.remove(node)
            model.graph.node.insert(index, unit)
        else:
            from qonnx.custom_op.registry import getCustomOp

            getCustomOp(node).set_nodeattr("mulStyle", "dsp")
    return model


def _finn_unit(model: Model, node: Node) -> Node:
    from onnx import helper
    from qonnx.core.datatype import DataType
    from qonnx.custom_op.registry import getCustomOp

    operator = getCustomOp(node)
    weights = f"INT{finn_weight_bits(model.get_initializer(node.input[1]))}"
    model.set_tensor_datatype(node.input[1], DataType[weights])
    accumulators = operator.get_nodeattr("outputDataType")
    same = ("MW", "MH", "SIMD", "PE", "numInputVectors", "inputDataType")
    return helper.make_node(
        "MVAU_rtl",
        list(node.input),
        list(node.output),
        name=node.name.replace("HwfMVAU_rtl", "MVAU_rtl"),
        domain=node.domain,
        backend="fpgadataflow",
        **{name: operator.get_nodeattr(name) for name in same},
        weightDataType=weights,
        outputDataType=accumulators,
        accDataType=accumulators,
        noActivation=1,
        resType="dsp",
    )
