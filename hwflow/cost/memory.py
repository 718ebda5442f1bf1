"""Where a read-only memory goes: LUTs or block RAM, by its size or as asked."""

from __future__ import annotations

#: Values of the attribute ``ram_style``. A ROM of LUTs is logic and "distributed" alike.
RAM_STYLES = frozenset({"auto", "lut", "distributed", "block"})

# A LUT6 holds 64 x 1 bits; shapes of a RAMB18: UG473, table 1-7.
LUT_DEPTH = 64
# Of one more row of a memory made of LUTs, per bit: a LUT6 chooses among four.
MULTIPLEXER_LUTS = 1 / 3
# Its shapes by depth, widest word each; of the shallowest, one port to read.
RAMB18_WIDTHS = {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1}
# Zynq-7020 has 53,200 LUTs and 280 RAMB18, 190 to one; half of that, since LUTs run out first.
LUTS_PER_RAMB18 = 95
# yosys' own weights, where FINN's memories leave it the choice: its files brams_xc4v.txt and
# lutrams_xc5v.txt, and `-logic-cost-rom` of synth_xilinx.
YOSYS_RAMB18_COST, YOSYS_LUTRAM_DEPTH = 129, 256


def rom_luts(depth: int, width: int) -> int:
    """Return the LUTs of a ROM of ``depth`` words made of LUT6, without its output multiplexer."""
    return width * -(-depth // LUT_DEPTH)


def rom_ramb18(depth: int, width: int) -> int:
    """Return the RAMB18 blocks of a ROM of ``depth`` words, as yosys packs them.

    All blocks see the low part of an address; a multiplexer behind them chooses by the rest. So any
    column of a block, its parity bits too, may hold any piece of any bit, and the best shape wins:
    18432 x 32 bits fill 32 blocks, where one bit of all words in each block would take 64.
    """
    return _rom_shape(depth, width)[0]


def rom_ramb18_pieces(depth: int, width: int) -> int:
    """Return into how many pieces such blocks cut the words: inputs of each bit's multiplexer."""
    return _rom_shape(depth, width)[1]


def _rom_shape(depth: int, width: int) -> tuple[int, int]:
    """Return blocks and pieces of the best shape; of equals, that of the fewest pieces."""
    pieces = ((-(-depth // words), bits) for words, bits in RAMB18_WIDTHS.items())
    return min((-(-width * count // bits), count) for count, bits in pieces)


def rom_in_block(depth: int, width: int, style: str = "auto") -> bool:
    """Return whether a ROM goes into block RAM, as ``style`` asks.

    "auto" takes block RAM from 64 words on where each RAMB18 saves at least ``LUTS_PER_RAMB18``
    LUTs, multiplexers included: shallow or narrow memories would leave most of a block empty.
    """
    assert style in RAM_STYLES, style
    if style != "auto":
        return style == "block"
    multiplexers = MULTIPLEXER_LUTS * width * (-(-depth // LUT_DEPTH) - 1)
    saved = rom_luts(depth, width) + multiplexers
    return depth >= LUT_DEPTH and saved >= LUTS_PER_RAMB18 * rom_ramb18(depth, width)


def yosys_rom_in_block(depth: int, width: int) -> bool:
    """Return whether yosys puts a ROM that says nothing of it into block RAM.

    It counts logic as 1/64 of the bits, and a RAMB18 as ``YOSYS_RAMB18_COST``.
    """
    logic = depth * width / LUT_DEPTH
    return depth > 1 and logic > float(YOSYS_RAMB18_COST * rom_ramb18(depth, width))


def yosys_ram_in_block(depth: int, width: int) -> bool:
    """Return whether yosys puts a RAM that says nothing of it into block RAM.

    It counts four LUTs as 8: they hold 32 words of 8 bits, 64 of 4, 128 of 2 or 256 of 1.
    """
    rows = -(-depth // YOSYS_LUTRAM_DEPTH)
    address_bits = max(5, (min(depth, YOSYS_LUTRAM_DEPTH) - 1).bit_length())
    distributed: int = rows * width << (address_bits - 5)
    return distributed > YOSYS_RAMB18_COST * rom_ramb18(depth, width)


def yosys_replay_in_block(depth: int, width: int) -> bool:
    """Return whether yosys puts a RAM that is written and read by turns into block RAM.

    It says nothing of it either. Made of LUTs, each four cost 1, and 7 by the share of their 6 (32
    words) or 3 bits (64 words) that is used; each input of a multiplexer and each enable, 1/2.
    """
    costs = []
    for words, bits in ((LUT_DEPTH // 2, 6), (LUT_DEPTH, 3)):
        rows = -(-depth // words)
        used = 7 * rows * width / bits
        choice = (width * (rows - 1) + rows) / 2 if rows > 1 else 0.0
        costs.append(rows * -(-width // bits) + used + choice)
    return min(costs) > YOSYS_RAMB18_COST * rom_ramb18(depth, width)


def distributed_ram_luts(depth: int, width: int) -> int:
    """Return the LUTs of a RAM of ``depth`` words made of LUTs, with one port to read.

    Four LUTs hold 32 words of 6 bits or 64 of 3 (RAM32M, RAM64M; UG474, table 2-3); rows of one
    kind, of the one that is cheaper with the multiplexer behind its rows.
    """
    short, long = -(-depth // (LUT_DEPTH // 2)), -(-depth // LUT_DEPTH)
    kinds = ((4 * -(-width // 6) * short, short), (4 * -(-width // 3) * long, long))
    return min(kinds, key=lambda kind: kind[0] + MULTIPLEXER_LUTS * width * (kind[1] - 1))[0]


def shared_ram_luts(depth: int, width: int) -> int:
    """Return the LUTs of such a RAM whose words are read where they are written.

    Four LUTs hold 32 words of 8 bits, one LUT 64 words of a bit.
    """
    if depth <= LUT_DEPTH // 2:
        return 4 * -(-width // 8)
    return width * -(-depth // LUT_DEPTH)


def ram_banks(depth: int) -> int:
    """Return the banks of 64 words between which a deep RAM made of LUTs chooses."""
    return max(1, -(-depth // LUT_DEPTH))
