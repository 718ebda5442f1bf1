"""What the blocks say of themselves: counted by hand, and never less for more lanes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwflow.cost.controller import Controller, StageSide
from hwflow.cost.dot import adder_tree_bits, dot_size
from hwflow.cost.matrix import FinnMatrix, Matrix
from hwflow.cost.memory import (
    distributed_ram_luts,
    rom_ramb18,
    rom_ramb18_pieces,
    shared_ram_luts,
)
from hwflow.cost.model import price
from hwflow.cost.rom import Rom, distinct
from hwflow.cost.streams import Converter, Fifo, Join, Pool, Requantiser, Thresholds
from hwflow.cost.window import Window

ROOM = 1.0 + 1e-9


def test_dot_products_by_hand():
    # Six ±1 lanes: one 6:3 group.
    six = dot_size(6, 1, 1)
    assert (six.group_luts, six.adder_luts, six.registers) == (6, 0, 3)
    # Twelve: two groups and a sum of up to 12, 4 bits.
    twelve = dot_size(12, 1, 1)
    assert (twelve.adder_luts, twelve.registers) == (3, 3 + 3 + 4)
    # 2 × 2 bits, one lane: counts of 1, 2 and 1 products; the outer two wait for the middle one.
    assert dot_size(1, 2, 2).group_luts == 1 + 2 + 1


def test_adder_trees_by_hand():
    assert adder_tree_bits(1, 8) == 0
    assert adder_tree_bits(4, 8) == 2 * 9 + 10
    assert adder_tree_bits(3, 8) == 9 + 10


def test_rams_made_of_luts():
    assert distributed_ram_luts(32, 6) == 4
    assert distributed_ram_luts(64, 3) == 4
    assert distributed_ram_luts(72, 16) == 36  # three rows of 32 words
    assert distributed_ram_luts(408, 64) == 616  # seven of 64
    assert shared_ram_luts(32, 8) == 4
    assert shared_ram_luts(96, 128) == 256


def test_random_columns():
    assert distinct(1, 50) == 0
    assert distinct(2, 1000) == pytest.approx(2)
    assert distinct(100, 7) == 7


FOLDINGS = st.tuples(st.sampled_from([1, 2, 3, 4, 8, 16]), st.sampled_from([1, 2, 3, 4, 8, 16]))


@given(
    FOLDINGS,
    st.sampled_from([(1, 1), (1, 8), (2, 2), (4, 4), (8, 8)]),
    st.sampled_from(["lut", "dsp"]),
    st.sampled_from(["pe", "simd"]),
)
def test_more_lanes_of_a_matrix_never_take_less(folding, bits, unit, grown):
    """Without memories, whose cost depends on the shape: weights in block RAM, replay in LUTs."""
    pe, simd = folding
    block = Matrix(96 * 4, 96 * 4, pe, simd, *bits, acc_bits=24, unit=unit, ram_style="block")
    one, more = price(block), price(replace(block, **{grown: 2 * getattr(block, grown)}))
    assert one.lut - one.lutram <= (more.lut - more.lutram) * ROOM
    assert one.ff <= more.ff + 1  # of a single ±1 lane, whose counters get shorter
    assert one.dsp <= more.dsp
    assert one.lutram <= one.lut


@given(FOLDINGS, st.sampled_from([(2, 2), (4, 4), (8, 8)]), st.sampled_from(["pe", "simd"]))
def test_more_lanes_of_finns_matrix_never_take_fewer_dsps(folding, bits, grown):
    pe, simd = folding
    block = FinnMatrix(96 * 4, 96 * 4, pe, simd, *bits, acc_bits=24)
    more = replace(block, **{grown: 2 * getattr(block, grown)})
    assert price(block).dsp <= price(more).dsp


@given(st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([1, 2, 4, 8, 64]))
def test_more_lanes_of_channel_units_never_take_less(lanes, folds):
    """As many folds, so more channels."""
    for one in (Thresholds(folds, lanes, 16, 4), Requantiser(folds, lanes, 18, 8, 10, 24, 16)):
        before, after = price(one), price(replace(one, lanes=2 * lanes))
        assert before.dsp <= after.dsp
        assert before.lut <= after.lut * ROOM
        assert before.ff <= after.ff * ROOM


@given(st.integers(1, 2000), st.sampled_from([1, 8, 36, 128]))
def test_every_fifo_has_a_price(depth, bits):
    found = price(Fifo(depth, bits))
    assert found.lut > 0
    assert found.ff > 0
    assert found.lutram == 0 or found.bram36 == 0


def test_other_units_have_prices():
    for block in (
        Converter(8, 64),
        Converter(64, 8),
        Converter(24, 16),
        Pool(8, 8, 4, 2, 4, 4, 2, 2, add=False),
        Pool(8, 8, 4, 2, 4, 10, 8, 8, add=True),
        Window(16, 16, 3, 3, 4, 8, 140),
        Window(16, 16, 3, 3, 1, 8, 0, parallel=True),
    ):
        assert 0 < price(block).lut < 2000


def test_pieces_of_block_ram_are_chosen_among_by_luts():
    # 2304 words of 128 bits: five pieces of 512 words, 36 bits wide, in 18 blocks.
    assert Rom(2304, 128).ramb18 == 18
    assert Rom(2304, 128).multiplexer_luts == 128 * 2
    assert Rom(512, 36).multiplexer_luts == 0
    # 18432 words of 32 bits fit as many blocks in nine pieces as in 36.
    assert rom_ramb18(18432, 32) == 32
    assert rom_ramb18_pieces(18432, 32) == 9


def test_joins_take_dsps_for_wide_products_alone():
    assert Join(16, 12, (11,)).dsps == 16
    assert Join(16, 12, (7,)).dsps == 0
    assert price(Join(16, 12, (7,))).lut > price(Join(16, 12)).lut


def test_a_controller_grows_with_what_it_retains():
    sides = (StageSide(1, 10, 1), StageSide(4, 18, 2))
    few = Controller(sides, 10, 784, 8, (4,))
    assert price(few).bram36 >= 0.5
    assert price(replace(few, retention_frames=(64,))).bram36 > price(few).bram36
    assert price(replace(few, stages=(*sides, sides[1]), retention_frames=(4, 4))).lut > (
        price(few).lut
    )
