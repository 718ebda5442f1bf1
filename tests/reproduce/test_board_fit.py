"""The fastest that cascades and single networks can be within one board."""

from __future__ import annotations

import pytest
from tiny import stage

from hwflow.config.design import Fill
from hwflow.cost.swaps import overrun
from hwflow.dataflow.reach import MARGIN
from hwflow.errors import ConfigError
from hwflow.nets import build
from hwflow.reproduce.hardware import fit

FRAME = (16, 16, 1)


def network(bits, features, hidden=(), frame=FRAME, classes=10):
    net = {"name": "vgg_tiny", "features": list(features), "hidden": list(hidden)}
    recipe = stage(net=net, weight_bit_width=bits, act_bit_width=bits)
    return build(recipe, frame, classes)


@pytest.fixture(scope="module")
def digits():
    """The stages of models/digits_cascade."""
    return (
        network(1, [32, 32, "pool", 64, "pool"], [128]),
        network(8, [16, 16, "pool", 32]),
    )


def test_as_fast_as_a_build(digits):
    """`hwflow build models/digits_cascade/bundle --fill auto --set escalation_rate=0.15`.

    It found 432 and 2,304 cycles a frame, and 24,970 LUTs in layers.
    """
    found = fit(digits, (1.0, 0.15))
    assert [each.cycles for each in found.stages] == [432, 2304]
    assert found.ii_cycles == 432
    assert found.frames_per_second == pytest.approx(1e8 / 432)
    layers = found.resources.lut - found.around.lut
    assert layers == pytest.approx(24_970, rel=0.03)


def test_keeps_to_shares_and_pace(digits):
    found = fit(digits, (1.0, 0.3), fill=Fill(lut=0.4, bram=0.5, dsp=0.1))
    assert not overrun(found.resources, found.limit)
    assert found.limit.dsp == pytest.approx(22)
    assert [each.reach for each in found.stages] == pytest.approx([1.0, 0.3 * MARGIN])
    assert max(each.cycles * each.reach for each in found.stages) <= found.ii_cycles
    assert found.resources == found.stages[0].resources + found.stages[1].resources + found.around


def test_more_frames_or_less_room_are_slower(digits):
    fast = fit(digits, (1.0, 0.1))
    assert fit(digits, (1.0, 0.8)).ii_cycles > fast.ii_cycles
    assert fit(digits, (1.0, 0.1), fill=Fill(lut=0.3)).ii_cycles > fast.ii_cycles


def test_one_network_has_the_board_to_itself(digits):
    alone = fit(digits[1:])
    assert len(alone.stages) == 1
    assert alone.ii_cycles < fit(digits, (1.0, 1.0)).ii_cycles
    assert alone.around.lut < fit(digits, (1.0, 1.0)).around.lut
    # No network is faster than its frames come in, 8 bytes a clock.
    assert alone.ii_cycles >= 16 * 16 / 8


def test_the_same_each_time(digits):
    assert fit(digits, (1.0, 0.3)) == fit(digits, (1.0, 0.3))


def test_pruned_networks_are_as_small_as_they_are(digits):
    recipe = digits[1].recipe
    fewer = build(recipe, FRAME, 10, channels=(8, 12, 16))
    assert fit((fewer,)).ii_cycles < fit(digits[1:]).ii_cycles


def test_says_what_does_not_fit():
    large = network(8, [16, "pool"], [2048, 2048])
    with pytest.raises(ConfigError, match=r"they fit at no folding: .*[Mm]ake them smaller"):
        fit((large,))
    with pytest.raises(ConfigError, match=r"[\d,]+ LUTs at least, of 5,320"):
        fit((network(8, [16, 16, 32]),), fill=Fill(lut=0.1))


@pytest.mark.parametrize("reach", [(1.0,), (0.9, 0.3), (1.0, 1.2), (1.0, -0.1), ()])
def test_reach_has_to_suit(digits, reach):
    with pytest.raises(ConfigError, match="reach: "):
        fit(digits, reach)


def test_stages_see_the_same_frames(digits):
    other = network(1, [8], frame=(8, 8, 1))
    with pytest.raises(ConfigError, match=r"networks: of frames \(8, 8, 1\) .* \(16, 16, 1\)"):
        fit((digits[0], other), (1.0, 0.3))
