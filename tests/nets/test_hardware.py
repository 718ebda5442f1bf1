"""Networks as chains of hardware nodes."""

from __future__ import annotations

import pytest
from families import CLASSES, FAMILIES, family_stage

from hwflow.cost.network import estimate
from hwflow.cost.nodes import Activating, Pooling, Products
from hwflow.nets import build
from hwflow.nets.hardware import hardware


def chain(family, **bits):
    recipe, shape = family_stage(family, **bits)
    network = build(recipe, shape, CLASSES)
    return network, hardware(network)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_every_family_has_an_estimate(family, bits):
    network, nodes = chain(family, weight_bit_width=bits, act_bit_width=bits)
    assert [node.cost for node in nodes if isinstance(node, Products)] == list(network.costs())
    found = estimate(nodes, target_ii=50_000)
    assert found.ii_cycles <= 50_000
    assert found.resources.lut > 0


def kinds(nodes):
    return [type(node).__name__ for node in nodes]


def test_the_nodes_of_a_residual_network():
    _, nodes = chain("resnet8", weight_bit_width=4, act_bit_width=4)
    conv = ["Padding", "Windows", "Products", "Activating"]
    main = ["Forking", *conv, *conv]
    joined = ["Joining", "Activating"]
    down = ["Windows", "Products", "Activating"]  # 1×1 of stride 2
    blocks = [*main, *joined, *main, *down, *joined, *main, *down, *joined]
    assert kinds(nodes) == [*conv, *blocks, "Pooling", "Activating", "Products"]
    built = [layer.kind for layer in estimate(nodes, target_ii=50_000).layers]
    assert [built.count(kind) for kind in ("fork", "join", "pool_sum", "requant")] == [3, 3, 1, 1]


def test_binary_layers_need_no_threshold_unit():
    _, nodes = chain("cnv", weight_bit_width=1, act_bit_width=1)
    each = [node for node in nodes if isinstance(node, Activating | Pooling)]
    assert kinds(each) == ["Activating", "Pooling", "Pooling"]  # the first layer reads bytes
