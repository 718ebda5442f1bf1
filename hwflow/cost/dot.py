"""Size of a dot product made of LUTs, counted along the structure of ``hwf_dot_lut``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

GROUP = 6  # bits that hwf_popcount compresses at once
# Synthesis makes a shift register in a LUT of so many flip-flops in a row (yosys: xilinx_srl).
SHIFT_REGISTER = 3


@dataclass(frozen=True)
class DotSize:
    """Of one dot product.

    ``products``: bit products, each entering a count. ``adder_bits``: sum bits of the adders behind
    the first compression. ``registers``, ``shift_registers``: flip-flops, and LUTs that stand for
    ``SHIFT_REGISTER`` or more of them in a row.
    """

    products: int
    adder_bits: int
    registers: int
    shift_registers: int


@lru_cache(maxsize=65536)
def dot_size(lanes: int, weight_bits: int, act_bits: int) -> DotSize:
    """Return the size of Σ of ``lanes`` products; ±1 operands have one bit."""
    columns = weight_bits + act_bits - 1
    ones = [
        lanes * (min(s, weight_bits - 1) - max(0, s - act_bits + 1) + 1) for s in range(columns)
    ]
    tree = _Tree()
    deepest = max(_levels(count) for count in ones)
    numbers = [tree.count(count, deepest) for count in ones]
    half = 1
    while len(numbers) > 1:
        numbers = [
            tree.join(numbers[k], numbers[k + 1] if k + 1 < len(numbers) else [], half)
            for k in range(0, len(numbers), 2)
        ]
        half *= 2
    tree.use(numbers[0])
    return DotSize(
        weight_bits * act_bits * lanes, tree.adder_bits, tree.registers, tree.shift_registers
    )


class _Tree:
    """Counts a tree; a number is, for each bit, the flip-flops in a row behind the last logic."""

    def __init__(self) -> None:
        self.adder_bits = self.registers = self.shift_registers = 0

    def use(self, bits: Iterable[int]) -> None:
        """Feed ``bits`` into logic."""
        for run in bits:
            if run < SHIFT_REGISTER:
                self.registers += run
            else:
                self.shift_registers += 1

    def add(self, a: list[int], b: list[int], bits: int) -> list[int]:
        """Return the registered sum, of ``bits``."""
        self.use([*a, *b])
        self.adder_bits += bits
        return [1] * bits

    def count(self, ones: int, levels: int) -> list[int]:
        """Return the count of so many ``ones``, as late as after ``levels`` of adders."""
        groups = [GROUP] * (ones // GROUP) + [ones % GROUP] * (ones % GROUP > 0)
        numbers = [([1] * most.bit_length(), most) for most in groups]
        for _ in range(levels):
            paired = []
            for k in range(0, len(numbers) - 1, 2):
                (a, most_a), (b, most_b) = numbers[k], numbers[k + 1]
                most = most_a + most_b
                paired.append((self.add(a, b, most.bit_length()), most))
            if len(numbers) % 2:
                bits, most = numbers[-1]
                paired.append((_later(bits), most))
            numbers = paired
        return numbers[0][0]

    def join(self, low: list[int], high: list[int], half: int) -> list[int]:
        """Return ``low`` + 2^``half`` × ``high``; its lowest bits meet no other."""
        if not high:
            return _later(low)
        if len(low) <= half:
            return _later([*low, *[0] * (half - len(low)), *high])
        bits = max(len(low) - half, len(high)) + 1
        return [*_later(low[:half]), *self.add(low[half:], high, bits)]


def _later(bits: Iterable[int]) -> list[int]:
    """Return ``bits`` behind one more flip-flop; a constant 0 needs none."""
    return [run + 1 if run else 0 for run in bits]


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
