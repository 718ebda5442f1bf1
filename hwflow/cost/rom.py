"""Read-only memories as numbers: block RAM by the rule, LUTs and registers as terms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from hwflow.cost.memory import (
    MULTIPLEXER_LUTS,
    rom_in_block,
    rom_luts,
    rom_ramb18,
    rom_ramb18_pieces,
)

# Beyond so many words random columns are all different.
ALL_DIFFER = 24


@dataclass(frozen=True)
class Rom:
    """A ROM of ``depth`` words of ``width`` bits, as good as random; ``style``: ``ram_style``."""

    depth: int
    width: int
    style: str = "auto"

    @property
    def in_block(self) -> bool:
        """Whether it lies in block RAM."""
        return self.depth > 1 and rom_in_block(self.depth, self.width, self.style)

    @property
    def ramb18(self) -> int:
        """RAMB18 blocks."""
        return rom_ramb18(self.depth, self.width) if self.in_block else 0

    @property
    def luts(self) -> float:
        """LUTs, if synthesis were perfect; fits price them."""
        if self.depth == 1 or self.in_block:
            return 0.0
        rows = rom_luts(self.depth, 1)
        return distinct(self.depth, self.width) * (rows + MULTIPLEXER_LUTS * (rows - 1))

    @property
    def multiplexer_luts(self) -> float:
        """LUTs behind block RAM that choose among its pieces, four in a LUT."""
        if not self.in_block:
            return 0.0
        pieces = rom_ramb18_pieces(self.depth, self.width)
        return float(self.width * -(-pieces // 4)) if pieces > 1 else 0.0

    @property
    def register_bits(self) -> float:
        """Flip-flops of the output register; block RAM brings its own."""
        return 0.0 if self.depth == 1 or self.in_block else distinct(self.depth, self.width)


@lru_cache(maxsize=65536)
def distinct(depth: int, width: int) -> float:
    """Return how many of ``width`` random columns of ``depth`` bits differ and are not constant.

    Synthesis merges equal ones, which matters for memories of a few words.
    """
    if depth > ALL_DIFFER:
        return float(width)
    patterns = 2.0**depth
    return float((patterns - 2) * (1 - (1 - 1 / patterns) ** width))
