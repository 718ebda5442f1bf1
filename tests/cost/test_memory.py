"""Block RAM where it fills, LUTs elsewhere, and what is asked for always."""

from __future__ import annotations

import pytest

from hwflow.cost.memory import rom_in_block, rom_luts, rom_ramb18


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [(512, 36, 1), (512, 37, 2), (1024, 18, 1), (64, 256, 8), (16384, 1, 1), (20000, 1, 2)],
)
def test_blocks_have_fixed_shapes(depth, width, blocks):
    assert rom_ramb18(depth, width) == blocks


def test_luts_hold_64_words():
    assert rom_luts(64, 10) == 10
    assert rom_luts(65, 10) == 20


@pytest.mark.parametrize(
    ("depth", "width", "block"),
    [
        (16, 4096, False),  # shallow: mostly empty blocks
        (512, 2, False),  # narrow
        (63, 36, False),
        (512, 36, True),
        (1024, 256, True),
        (128, 36, False),
        (256, 36, True),
    ],
)
def test_automatic(depth, width, block):
    assert rom_in_block(depth, width) is block


def test_what_is_asked_for_wins():
    assert rom_in_block(4, 4, "block")
    assert not rom_in_block(4096, 64, "lut")
    assert not rom_in_block(4096, 64, "distributed")
