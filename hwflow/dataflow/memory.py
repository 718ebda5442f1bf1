"""Where a read-only memory goes: LUTs or block RAM, by its size or as asked."""

from __future__ import annotations

from enum import IntEnum


class RomStyle(IntEnum):
    """``Style`` of ``hwf_weight_rom``."""

    LUT = 0
    DISTRIBUTED = 1
    BLOCK = 2


_ASKED = {
    "lut": RomStyle.LUT,
    "distributed": RomStyle.DISTRIBUTED,
    "block": RomStyle.BLOCK,
}
#: values of the attribute ``ram_style``
RAM_STYLES = frozenset({"auto", *_ASKED})

# A LUT6 holds 64 x 1 bits; a RAMB18 holds 512 x 36 in its widest shape (UG473, table 1-7) and
# half the width for each doubling of the depth.
LUT_DEPTH = 64
RAMB18_DEPTH, RAMB18_WIDTH = 512, 36
# Zynq-7020 has 53,200 LUTs and 280 RAMB18, 190 to one; half of that, since LUTs run out first.
LUTS_PER_RAMB18 = 95


def rom_luts(depth: int, width: int) -> int:
    """Return the LUTs of a ROM of ``depth`` words made of LUT6, without its output multiplexer."""
    return width * -(-depth // LUT_DEPTH)


def rom_ramb18(depth: int, width: int) -> int:
    """Return the RAMB18 blocks of a ROM of ``depth`` words."""
    lanes = RAMB18_WIDTH
    while depth > RAMB18_DEPTH and lanes > 1:
        depth, lanes = -(-depth // 2), lanes // 2
    return -(-width // lanes) * -(-depth // RAMB18_DEPTH)


def rom_style(depth: int, width: int, asked: str = "auto") -> RomStyle:
    """Return the style of a ROM; ``asked`` is "auto" or names one.

    "auto" takes block RAM from 64 words on where each RAMB18 saves at least ``LUTS_PER_RAMB18``
    LUTs: shallow or narrow memories would leave most of a block empty.

    Raises:
        ValueError: ``asked`` is no style.
    """
    if asked != "auto":
        if asked not in _ASKED:
            raise ValueError(f"ram_style {asked!r}: expected one of {sorted(RAM_STYLES)}")
        return _ASKED[asked]
    saves = rom_luts(depth, width) >= LUTS_PER_RAMB18 * rom_ramb18(depth, width)
    return RomStyle.BLOCK if depth >= LUT_DEPTH and saves else RomStyle.LUT
