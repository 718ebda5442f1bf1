"""DSPs go where they save the most LUTs, and no further than there are any."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.dataflow import finn
from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.folding import fold
from hwflow.dataflow.units import choose, finn_weight_bits, place
from hwflow.dataflow.verify import execute
from hwflow.lower.evaluate import evaluate

from .integer_nets import NETWORKS, Builder, random_frames

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


def test_wide_products_go_on_dsps_and_narrow_ones_stay():
    network = mixed()
    model = fold(to_hardware(network), 1500)
    placed = place(model, choose(model, 200))
    kinds = [node.op_type for node in placed.graph.node if "MVAU" in node.op_type]
    assert kinds == ["MVAU_rtl", "HwfMVAU_rtl", "HwfMVAU_rtl"]
    frames = random_frames(network, 4)
    np.testing.assert_array_equal(execute(placed, frames), evaluate(network, frames))


@pytest.mark.parametrize("dsps", [0, 1, 5, 20, 1000])
def test_never_more_dsps_than_there_are(dsps):
    model = fold(to_hardware(NETWORKS["wide"]()), 300)
    chosen = choose(model, dsps)
    assert sum(placement.dsps for placement in chosen) <= dsps
    assert all(placement.luts > 0 for placement in chosen)
    assert bool(chosen) == (dsps > 0)


def test_lowest_code_gets_a_bit_more():
    """DSP48E1 cannot multiply by −2^(b−1) side by side with another product."""
    assert finn_weight_bits(np.array([-8, 7])) == 5
    assert finn_weight_bits(np.array([-7, 7])) == 4
    assert finn_weight_bits(np.array([-1, 1])) == 2
