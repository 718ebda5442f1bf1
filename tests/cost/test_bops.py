from __future__ import annotations

import pytest

from hwflow.cost import LayerCost, total


def test_by_hand():
    conv = LayerCost("conv", 9 * 3, 16, 14 * 14, 1, 8)
    dense = LayerCost("fc", 64, 10, 1, 8, 4)
    assert (conv.params, conv.macs, conv.bops) == (432, 84672, 677376)
    sums = total([conv, dense])
    assert sums.weight_bits == 432 + 640 * 8
    assert (sums.params, sums.macs, sums.bops) == (432 + 640, 84672 + 640, 677376 + 640 * 32)


@pytest.mark.parametrize("layers", [[], iter(())])
def test_nothing_costs_nothing(layers):
    assert total(layers).bops == 0
