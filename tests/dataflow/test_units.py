"""Layers on DSPs compute what they did, and FINN's unit stands only where it is exact."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hwflow.dataflow import finn
from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.units import Placement, finn_takes, finn_weight_bits, multiplies, place
from hwflow.dataflow.verify import execute
from hwflow.lower.evaluate import apply, evaluate

from .integer_nets import Builder, random_frames

pytestmark = pytest.mark.finn


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


def mixed():
    """8-bit, 2-bit and ±1 weights on 8, 8 and 2 bits of activation."""
    b = Builder((8, 8, 2), seed=1)
    x = b.threshold(b.conv("frame", 4, bits=8), 8, linear=True)
    x = b.threshold(b.conv(x, 8, bits=2), 2)
    return b.network(b.scores(x, 5))


@pytest.mark.parametrize("finn_unit", [False, True])
def test_a_layer_on_dsps_computes_the_same(finn_unit):
    network = mixed()
    model = to_hardware(network)
    from qonnx.custom_op.registry import getCustomOp

    matrices = [node for node in model.graph.node if node.op_type == "HwfMVAU_rtl"]
    # A product of ±1 with anything is an addition.
    assert [multiplies(getCustomOp(node)) for node in matrices] == [True, True, False]
    place(model, tuple(Placement(node.name, finn_unit) for node in matrices[:2]))
    kinds = [node.op_type for node in model.graph.node if "MVAU" in node.op_type]
    assert kinds == [*(["MVAU_rtl" if finn_unit else "HwfMVAU_rtl"] * 2), "HwfMVAU_rtl"]
    frames = random_frames(network, 4)
    np.testing.assert_array_equal(execute(model, frames), evaluate(network, frames))


def test_lowest_code_gets_a_bit_more():
    """DSP48E1 cannot multiply by −2^(b−1) side by side with another product."""
    assert finn_weight_bits(np.array([-8, 7])) == 5
    assert finn_weight_bits(np.array([-7, 7])) == 4
    assert finn_weight_bits(np.array([-1, 1])) == 2


def test_finn_unit_is_left_where_one_product_outgrows_the_accumulators():
    """Weights of −8 and 4-bit inputs: 5 + 4 bits a product to mvu.sv, 8 bits in fact."""
    b = Builder((1, 1, 2), seed=2)
    layer = b.conv(b.threshold("frame", 4), 4, (1, 1), bits=4)
    weights = np.zeros((4, 1, 1, 2), np.int64)
    weights[:, 0, 0, 0] = -8
    out = dataclasses.replace(b.tensors[layer], low=-120, high=0)
    b.layers[-1] = dataclasses.replace(b.layers[-1], weights=weights, output=out)
    b.tensors[layer], b.values[layer] = out, apply(b.layers[-1], b.values)
    network = b.network(b.scores(b.threshold(layer, 2), 3, bits=4))
    model = to_hardware(network)
    from qonnx.custom_op.registry import getCustomOp

    unit = next(n for n in model.graph.node if n.op_type == "HwfMVAU_rtl")
    operator = getCustomOp(unit)
    bits = finn_weight_bits(model.get_initializer(unit.input[1]))
    assert (bits, operator.get_nodeattr("outputDataType")) == (5, "INT8")
    assert not finn_takes(operator, bits)
    operator.set_nodeattr("outputDataType", "INT9")
    assert finn_takes(operator, bits)
