"""Expected hardware of a chain of nodes at a target II."""

from __future__ import annotations

from itertools import product

import pytest

from hwflow.cost import LayerCost
from hwflow.cost.foldings import options
from hwflow.cost.matrix import Matrix
from hwflow.cost.model import price
from hwflow.cost.network import estimate
from hwflow.cost.nodes import Activating, Map, Pooling, Products, Windows
from hwflow.cost.resources import Resources
from hwflow.cost.streams import Converter, Fifo, Requantiser, Thresholds
from hwflow.errors import ConfigError

FRAME = Map(30, 30, 3)
SUMS = Map(28, 28, 16)
CONV = Products(LayerCost("conv0", 27, 16, 784, 1, 8))
CHAIN = (
    Windows("conv0", FRAME, 8, 3, 784, depthwise=False),
    CONV,
    Activating("conv0", SUMS, CONV.acc_bits, 4, steps=15),
    Pooling("conv0", SUMS, 4, 4, (2, 2), add=False),
    Products(LayerCost("fc0", 14 * 14 * 16, 10, 1, 8, 4)),
)
KINDS = ["matrix", "thresholds", "pool_max", "matrix"]


@pytest.mark.parametrize("target", [1000, 8000, 100_000])
def test_nodes_fold_to_the_target(target):
    found = estimate(CHAIN, target_ii=target)
    assert found.ii_cycles == max(layer.cycles for layer in found.layers) <= target
    assert [layer.kind for layer in found.layers[1:]] == KINDS
    assert found.layers[0].kind.startswith("window")
    for layer, node in zip(found.layers, CHAIN, strict=True):
        if isinstance(node, Products):
            assert layer.cycles * layer.pe * layer.simd == node.cost.macs
    total = sum((layer.resources for layer in found.layers), Resources())
    assert found.resources == total


def test_faster_is_dearer():
    luts = [estimate(CHAIN, target_ii=target).resources.lut for target in (1000, 8000, 100_000)]
    assert luts == sorted(luts, reverse=True)
    assert luts[0] > 1.5 * luts[-1]


def test_no_other_folding_of_two_nodes_is_cheaper():
    """By trying all pairs: each node, and the converter and FIFO between them."""
    chain = CHAIN[2:4]

    def worth(first, second):
        wide, narrow = first.out_lanes * 4, second.in_lanes * 4
        between = price(Fifo(5, max(wide, narrow)))
        if wide != narrow:
            between += price(Converter(wide, narrow))
        nodes = price(first.blocks[0]) + price(second.blocks[0])
        return (nodes + between).lut

    fast = ([each for each in options(node) if each.cycles <= 4000] for node in chain)
    best = min(worth(*pair) for pair in product(*fast))
    assert estimate(chain, target_ii=4000).resources.lut == pytest.approx(best)


def test_a_node_is_priced_as_its_unit_is():
    (layer,) = estimate(CHAIN[4:], target_ii=3136).layers
    unit = Matrix(
        rows=10, columns=3136, pe=layer.pe, simd=layer.simd, weight_bits=8, act_bits=4, acc_bits=24
    )
    styles = [Matrix(**{**vars(unit), "ram_style": style}) for style in ("auto", "lut", "block")]
    assert layer.resources in [price(each) for each in styles]


def test_many_steps_multiply_and_few_compare():
    wide = next(options(Activating("x", SUMS, 20, 8, steps=255)))
    few = next(options(Activating("x", SUMS, 20, 5, steps=30)))
    assert isinstance(wide.blocks[0], Requantiser)
    assert isinstance(few.blocks[0], Thresholds)


def test_too_fast_names_the_layer():
    with pytest.raises(ConfigError, match=r"layer conv0: no folding .* 783 cycles"):
        estimate(CHAIN, target_ii=783)


def test_windows_too_wide_for_their_products_name_the_layer():
    """Either node alone is fast enough, but only with lanes that the other does not have."""
    depthwise = Products(LayerCost("d", 81, 128, 16, 4, 4, depthwise=True))
    chain = (
        Windows("d", Map(12, 12, 128), 4, 9, 16, depthwise=True),
        depthwise,
        Activating("d", Map(4, 4, 128), depthwise.acc_bits, 4, steps=15),
    )
    for node in chain:
        assert min(option.cycles for option in options(node)) <= 146
    with pytest.raises(ConfigError, match=r"layer d: no folding .* 146 cycles .* fastest 290;"):
        estimate(chain, target_ii=146)
    with pytest.raises(ConfigError, match=r"fastest 290;"):
        estimate(chain, target_ii=289)
    assert len(estimate(chain, target_ii=290).layers) == len(chain)
