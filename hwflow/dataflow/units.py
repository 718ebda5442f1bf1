"""Units that multiply on DSPs: where they can stand, and how a layer moves to one.

FINN's matrix unit packs two to four products into one DSP; ours take one DSP per product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Model = Any
Node = Any

# FINN's _mvu_rtl_possible and get_dsp_datapath_limits, for DSP48E1; accumulators beyond 24 bits
# would not be exact in FINN's own execution in float32.
MAX_ACTIVATION_BITS, MAX_WEIGHT_BITS, MAX_ACCUMULATOR_BITS = 18, 25, 24


@dataclass(frozen=True)
class Placement:
    """A layer's move to DSPs: in FINN's unit, or in our own."""

    node: str
    finn: bool


def bits_of(datatype: str) -> int:
    """Return the bits of a qonnx type name; 1 for BIPOLAR and BINARY."""
    from qonnx.core.datatype import DataType

    return int(DataType[datatype].bitwidth())


def multiplies(operator: Any) -> bool:
    """Whether a lane of ``operator`` multiplies; with ±1 or one bit on a side it only adds."""
    kinds = operator.get_nodeattr("inputDataType"), operator.get_nodeattr("weightDataType")
    return all(bits_of(kind) > 1 for kind in kinds)


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
