"""Expected matrix units of a network at a target II."""

from __future__ import annotations

import pytest

from hwflow.cost import LayerCost
from hwflow.cost.matrix import Matrix
from hwflow.cost.model import price
from hwflow.cost.network import estimate
from hwflow.errors import ConfigError

LAYERS = (
    LayerCost("conv0", 27, 16, 900, 1, 8),
    LayerCost("conv1", 9, 16, 900, 4, 4, depthwise=True),
    LayerCost("fc0", 400, 10, 1, 8, 8),
)


@pytest.mark.parametrize("target", [900, 5000, 100_000])
def test_layers_fold_to_the_target(target):
    found = estimate(LAYERS, target_ii=target)
    assert found.ii_cycles <= target
    for layer, shape in zip(found.layers, LAYERS, strict=True):
        assert shape.outputs % layer.pe == 0
        assert shape.fan_in % layer.simd == 0
        assert layer.cycles * layer.pe * layer.simd == shape.macs
        assert layer.resources.lut > 0
    assert found.resources.lut == pytest.approx(sum(part.resources.lut for part in found.layers))


def test_faster_is_dearer():
    fast, slow = (estimate(LAYERS, target_ii=target) for target in (900, 100_000))
    assert fast.resources.lut > 1.5 * slow.resources.lut


def test_a_layer_is_priced_as_its_unit_is():
    (layer,) = estimate(LAYERS[2:], target_ii=400).layers
    unit = Matrix(
        rows=10, columns=400, pe=layer.pe, simd=layer.simd, weight_bits=8, act_bits=8, acc_bits=25
    )
    assert layer.resources == price(unit)


def test_too_fast_names_the_layer():
    with pytest.raises(ConfigError, match=r"layer conv0: no folding .* 899 cycles"):
        estimate(LAYERS, target_ii=899)
