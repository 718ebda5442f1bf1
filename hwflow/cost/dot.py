"""Size of a dot product made of LUTs, counted along the structure of ``hwf_dot_lut``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

GROUP = 6  # bits that hwf_popcount compresses to GROUP_BITS
GROUP_BITS = 3


@dataclass(frozen=True)
class DotSize:
    """Of one dot product. ``products``: bit products, each entering a count.

    ``adder_bits``: bits of all adders behind the first compression, each with its register.
    ``registers``: bits behind the first compression, and those that delay shorter counts.
    """

    products: int
    adder_bits: int
    registers: int


@lru_cache(maxsize=65536)
def dot_size(lanes: int, weight_bits: int, act_bits: int) -> DotSize:
    """Return the size of Σ of ``lanes`` products; ±1 operands have one bit."""
    columns = weight_bits + act_bits - 1
    ones = [
        lanes * (min(s, weight_bits - 1) - max(0, s - act_bits + 1) + 1) for s in range(columns)
    ]
    levels = [_levels(count) for count in ones]
    adders, registers = 0, 0
    for count, own in zip(ones, levels, strict=True):
        groups = -(-count // GROUP)
        registers += GROUP_BITS * groups + (max(levels) - own) * count.bit_length()
        adders += adder_tree_bits(groups, GROUP_BITS)
    return DotSize(weight_bits * act_bits * lanes, adders + _join_bits(ones), registers)


def adder_tree_bits(count: int, bits: int) -> int:
    """Return the sum bits of all adders of ``hwf_adder_tree``."""
    total = 0
    while count > 1:
        bits += 1
        total += (count // 2) * bits
        count -= count // 2
    return total


def _levels(ones: int) -> int:
    groups = -(-ones // GROUP)
    return (groups - 1).bit_length()


def _join_bits(ones: list[int]) -> int:
    """Return the bits of the adders that join the columns of weight 1, 2, 4, …, pair by pair."""
    total, half = 0, 1
    while half < len(ones):
        for first in range(0, len(ones), 2 * half):
            low = sum(count << k for k, count in enumerate(ones[first : first + half]))
            high = sum(count << k for k, count in enumerate(ones[first + half : first + 2 * half]))
            if high and low.bit_length() > half:
                total += (low + (high << half)).bit_length() - half
        half *= 2
    return total
