"""Size of a dot product made of LUTs, counted along the structure of ``hwf_dot_lut``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

GROUP = 6  # bits that hwf_popcount compresses at once
# Synthesis makes a shift register in a LUT of so many flip-flops in a row (yosys: xilinx_srl).
SHIFT_REGISTER = 3


# LUTs of a group of so many ones, products included: 3:2 takes two, each further bit one.
GROUP_LUTS = (0, 1, 2, 2, 4, 5, 6)


@dataclass(frozen=True)
class DotSize:
    """Of one dot product.

    ``group_luts``: of the bit products and their first compression. ``adder_luts``: of the adders
    behind, one for each bit but the carry out. ``registers``, ``shift_registers``: flip-flops, and
    LUTs that stand for ``SHIFT_REGISTER`` or more of them in a row.
    """

    group_luts: int
    adder_luts: int
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
            tree.join(numbers[k], numbers[k + 1] if k + 1 < len(numbers) else None, half)
            for k in range(0, len(numbers), 2)
        ]
        half *= 2
    tree.use(numbers[0].runs)
    return DotSize(tree.group_luts, tree.adder_luts, tree.registers, tree.shift_registers)


@dataclass(frozen=True)
class _Number:
    """A number of up to ``most``; ``runs``: of each bit, flip-flops in a row behind its logic."""

    runs: tuple[int, ...]
    most: int

    def later(self) -> _Number:
        """Return it behind one more flip-flop; a constant 0 needs none."""
        return _Number(tuple(run + 1 if run else 0 for run in self.runs), self.most)


class _Tree:
    """Counts what a tree is made of while it is laid out."""

    def __init__(self) -> None:
        self.group_luts = self.adder_luts = self.registers = self.shift_registers = 0

    def use(self, runs: Iterable[int]) -> None:
        """Feed bits into logic."""
        for run in runs:
            if run < SHIFT_REGISTER:
                self.registers += run
            else:
                self.shift_registers += 1

    def add(self, a: Iterable[int], b: Iterable[int], bits: int) -> tuple[int, ...]:
        """Return the registered sum, of ``bits``."""
        self.use([*a, *b])
        self.adder_luts += bits - 1
        return (1,) * bits

    def count(self, ones: int, levels: int) -> _Number:
        """Return the count of so many ``ones``, as late as after ``levels`` of adders."""
        groups = [GROUP] * (ones // GROUP) + [ones % GROUP] * (ones % GROUP > 0)
        self.group_luts += sum(GROUP_LUTS[group] for group in groups)
        numbers = [_Number((1,) * group.bit_length(), group) for group in groups]
        for _ in range(levels):
            paired = [
                _Number(self.add(a.runs, b.runs, (a.most + b.most).bit_length()), a.most + b.most)
                for a, b in zip(numbers[:-1:2], numbers[1::2], strict=True)
            ]
            numbers = paired + [number.later() for number in numbers[len(paired) * 2 :]]
        return numbers[0]

    def join(self, low: _Number, high: _Number | None, half: int) -> _Number:
        """Return ``low`` + 2^``half`` × ``high``; its lowest bits meet no other."""
        if high is None:
            return low.later()
        most = low.most + (high.most << half)
        if len(low.runs) <= half:
            gap = (0,) * (half - len(low.runs))
            return _Number((*low.runs, *gap, *high.runs), most).later()
        lowest = _Number(low.runs[:half], 0).later().runs
        above = self.add(low.runs[half:], high.runs, most.bit_length() - half)
        return _Number((*lowest, *above), most)


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
