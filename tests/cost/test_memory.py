"""Block RAM where it fills, LUTs elsewhere, and what is asked for always."""

from __future__ import annotations

import pytest

from hwflow.cost.memory import rom_in_block, rom_luts, rom_ramb18, yosys_replay_in_block


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [
        # yosys 0.70, hwf_weight_rom with random words; a RAMB36 counts as two
        (576, 64, 4),
        (4608, 24, 6),
        (1152, 8, 1),
        (5000, 6, 2),
        (9216, 16, 8),
        (513, 36, 2),
        (3000, 3, 1),
        (256, 80, 3),
        (2304, 128, 18),
        (18432, 32, 32),
        (32768, 8, 15),
        # shapes of one block
        (512, 36, 1),
        (512, 37, 2),
        (1024, 18, 1),
        (16384, 1, 1),
    ],
)
def test_blocks_are_filled_in_their_best_shape(depth, width, blocks):
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
        (512, 10, True),  # 80 LUTs, and 23 to choose among them
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


@pytest.mark.parametrize(
    ("depth", "width", "block"),
    [
        # yosys 0.70, hwf_folds
        (256, 8, False),
        (256, 15, True),
        (256, 16, True),
        (128, 16, False),
        (128, 32, True),
        (512, 8, True),
        (64, 64, False),
    ],
)
def test_replay_memories_go_where_yosys_puts_them(depth, width, block):
    assert yosys_replay_in_block(depth, width) is block
