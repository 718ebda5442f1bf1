"""Networks that share a budget, against every combination of their foldings."""

from __future__ import annotations

from dataclasses import astuple
from itertools import product

import numpy as np
import pytest

from hwflow.cost import LayerCost
from hwflow.cost.network import PRICES, estimate, foldings, within
from hwflow.cost.nodes import Products
from hwflow.cost.resources import Resources
from hwflow.cost.swaps import eased, overrun
from hwflow.cost.together import together

BINARY = Products(LayerCost("fc0", 96, 32, 64, 1, 1), binary=True)
WIDE = Products(LayerCost("fc0", 96, 32, 64, 8, 8))
CHAINS = ((BINARY,), (WIDE,))
TARGETS = (8_000, 24_000)
AROUND = Resources(lut=500.0, bram36=2.0)
WHOLE = Resources(lut=20_000.0, lutram=9_000.0, ff=40_000.0, dsp=100.0, bram36=40.0)


def shared(budget, targets=TARGETS):
    return together(CHAINS, targets, budget, around=lambda _: AROUND, least=AROUND)


def array(resources):
    return np.array(astuple(resources))


@pytest.fixture(scope="module")
def every_pair():
    """What any two foldings, one of each chain and both fast enough, take with what is around."""
    fast = [
        np.array([array(each.own) for each in foldings(node) if each.option.cycles <= target])
        for (node,), target in zip(CHAINS, TARGETS, strict=True)
    ]
    return fast[0][:, None] + fast[1][None] + array(AROUND)


def by_trying_all(every_pair, budget):
    """Whether any of them keeps to the budget."""
    return bool((every_pair <= array(budget)).all(axis=2).any())


BUDGETS = [
    Resources(lut=lut, lutram=9_000.0, ff=40_000.0, dsp=dsp, bram36=bram)
    for lut, dsp, bram in product((700.0, 1_100.0, 2_000.0, 6_000.0), (0.0, 4.0, 20.0), (2.0, 9.0))
]


def test_the_budgets_are_some_too_small_and_some_not(every_pair):
    answers = {by_trying_all(every_pair, budget) for budget in BUDGETS}
    assert answers == {True, False}


@pytest.mark.parametrize("budget", BUDGETS)
def test_finds_foldings_exactly_where_there_are_some(every_pair, budget):
    found = shared(budget)
    assert (found is not None) == by_trying_all(every_pair, budget)
    if found is not None:
        assert not overrun(found.resources, budget)
        cycles = [network.ii_cycles for network in found.networks]
        assert all(own <= target for own, target in zip(cycles, TARGETS, strict=True))
        assert found.resources == found.networks[0].resources + found.networks[1].resources + AROUND


def test_too_fast_is_none():
    assert shared(WHOLE, (1, 24_000)) is None
    assert within((BINARY,), target_ii=1, prices=PRICES) is None


def test_what_stands_around_counts():
    """The same budget suffices or not, by what the folded networks need beside them."""
    tight = shared(WHOLE)
    assert tight is not None
    budget = Resources(lut=20_000.0, lutram=9_000.0, ff=40_000.0, dsp=100.0, bram36=40.0)
    much = Resources(lut=19_900.0)
    assert together(CHAINS, TARGETS, budget, around=lambda _: much, least=Resources()) is None


def alike(count):
    return tuple(Products(LayerCost(f"fc{n}", 64, 64, 1, 8, 8)) for n in range(count))


def test_layers_that_are_alike_part_ways():
    """Prices send all of them to LUTs or all to DSPs; the budget is for half of either."""
    chain = alike(4)
    luts = estimate(chain, target_ii=256, prices=Resources(lut=1.0, dsp=1e4, bram36=1e4))
    dsps = estimate(chain, target_ii=256, prices=Resources(lut=1.0, dsp=1.0, bram36=1e4))
    assert luts.resources.dsp == 0 < dsps.resources.dsp
    half = Resources(
        lut=(luts.resources.lut + dsps.resources.lut) / 2 + 100,
        lutram=9_000.0,
        ff=40_000.0,
        dsp=dsps.resources.dsp / 2 + 1,
        bram36=1.0,
    )
    (found,) = eased((chain,), (dsps,), half, PRICES)
    assert not overrun(found.resources, half)
    assert [layer.cycles for layer in found.layers] == [layer.cycles for layer in dsps.layers]
    assert [layer.in_lanes for layer in found.layers] == [layer.in_lanes for layer in dsps.layers]
    assert len({layer.folded.own.dsp for layer in found.layers}) > 1
    assert eased((chain,), (dsps,), Resources(lut=10.0), PRICES) is None


def test_overrun_names_what_is_short():
    over = overrun(Resources(lut=20.0, bram36=3.0), Resources(lut=10.0, bram36=3.0))
    assert over == {"lut": 2.0}
