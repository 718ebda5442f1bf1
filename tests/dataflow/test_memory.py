"""Block RAM where it fills, LUTs elsewhere, and what is asked for always."""

from __future__ import annotations

import pytest

from hwflow.dataflow.memory import RomStyle, rom_luts, rom_ramb18, rom_style


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
    ("depth", "width", "style"),
    [
        (16, 4096, RomStyle.LUT),  # shallow: mostly empty blocks
        (512, 2, RomStyle.LUT),  # narrow
        (63, 36, RomStyle.LUT),
        (512, 36, RomStyle.BLOCK),
        (1024, 256, RomStyle.BLOCK),
        (128, 36, RomStyle.LUT),
        (256, 36, RomStyle.BLOCK),
    ],
)
def test_automatic(depth, width, style):
    assert rom_style(depth, width) is style


def test_what_is_asked_for_wins():
    assert rom_style(4, 4, "block") is RomStyle.BLOCK
    assert rom_style(4096, 64, "lut") is RomStyle.LUT
    assert rom_style(4096, 64, "distributed") is RomStyle.DISTRIBUTED
    with pytest.raises(ValueError, match="ram_style 'ultra'"):
        rom_style(4, 4, "ultra")
