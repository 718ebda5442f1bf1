"""What a stream FIFO is made of: registers, LUTs as memory, or block RAM, by depth and width.

The rule behind ``hwf_fifo`` and ``hwf_fifo_block``: a build takes the module that it names, and the
cost models price what it says.
"""

from __future__ import annotations

from enum import StrEnum

from hwflow.cost.memory import LUTS_PER_RAMB18, distributed_ram_luts

#: Up to so many words lie in registers.
REGISTER_WORDS = 2
# Words and bits of a RAMB18, widest shape first (UG473, tables 1-3 and 1-7).
_RAMB18_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))


class FifoMemory(StrEnum):
    """Where the words of a FIFO lie."""

    REGISTERS = "registers"
    DISTRIBUTED = "distributed"
    BLOCK = "block"


def fifo_memory(depth: int, bits: int) -> FifoMemory:
    """Return where ``depth`` words of ``bits`` bits lie.

    Block RAM where each RAMB18 saves at least ``LUTS_PER_RAMB18`` LUTs.
    """
    if depth <= REGISTER_WORDS:
        return FifoMemory.REGISTERS
    saves = distributed_ram_luts(depth, bits) >= LUTS_PER_RAMB18 * ram_ramb18(depth, bits)
    return FifoMemory.BLOCK if saves else FifoMemory.DISTRIBUTED


def ram_ramb18(depth: int, bits: int) -> int:
    """Return the RAMB18 of a RAM of ``depth`` words of ``bits`` bits; a RAMB36 counts as two.

    Whole rows of blocks of one shape, and the rest of the words in a shape of their own, at best;
    yosys takes one more for some shapes (5 instead of 4 for 4449 words of 12 bits).
    """
    best = None
    for words, lanes in _RAMB18_SHAPES:
        row = -(-bits // lanes)
        if depth <= words:
            found = row
        else:
            found = depth // words * row
            found += ram_ramb18(depth % words, bits) if depth % words else 0
        best = found if best is None else min(best, found)
    assert best is not None
    return best


def depth_steps(least: int) -> tuple[int, ...]:
    """Return the depths up to the first that is at least ``least`` at which a FIFO's cost changes.

    Pointers of 2^n words are the smallest; from 64 words on memory comes in rows of 64 (LUTs) and
    512 (block RAM).
    """
    steps = [1]
    while steps[-1] < least:
        last = steps[-1]
        row = 64 if last < _RAMB18_SHAPES[0][0] else _RAMB18_SHAPES[0][0]
        steps.append(2 * last if last < row else last + row)
    return tuple(steps)
