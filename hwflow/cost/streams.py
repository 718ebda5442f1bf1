"""Units without weights as numbers: maps, joins, forks, converters, requantisers, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Literal

from hwflow.cost.block import Parts, bits_for
from hwflow.cost.fifo import FifoMemory, fifo_memory, ram_ramb18
from hwflow.cost.matrix import DSP_RESULT
from hwflow.cost.memory import (
    LUT_DEPTH,
    distributed_ram_luts,
    ram_banks,
    rom_ramb18,
    shared_ram_luts,
    yosys_rom_in_block,
)
from hwflow.cost.resources import Resources
from hwflow.cost.rom import Rom, distinct

# Operands of a DSP48E1, two's complement (UG479, table 1-1).
DSP_WIDE, DSP_NARROW = 25, 18


@dataclass(frozen=True)
class Pad:
    """``hwf_pad``: a padded map of ``height`` × ``width`` pixels, of ``folds`` beats each."""

    height: int
    width: int
    folds: int
    bits: int

    kind = "pad"

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        counters = bits_for(self.height + 1) + bits_for(self.width + 1) + bits_for(self.folds + 1)
        lut = {"counter_bits": float(counters), "one": 1.0}
        return Parts(Resources(), lut, lut | {"data_bits": float(self.bits)})


@dataclass(frozen=True)
class Pool:
    """``hwf_pool``: windows of ``kernel_h`` × ``kernel_w`` over ``height`` × ``width`` pixels."""

    height: int
    width: int
    folds: int
    lanes: int
    in_bits: int
    out_bits: int
    kernel_h: int
    kernel_w: int
    add: bool

    @property
    def kind(self) -> str:
        """Sums and maxima are priced apart."""
        return "pool_sum" if self.add else "pool_max"

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        words, bits = self.width // self.kernel_w * self.folds, self.lanes * self.out_bits
        counters = sum(
            bits_for(count + 1)
            for count in (self.height, self.width, self.folds, self.kernel_h, self.kernel_w)
        )
        # A window as wide as the map: the address counts folds, and synthesis sees two of them.
        luts = shared_ram_luts if self.width // self.kernel_w > 1 else distributed_ram_luts
        ram = luts(words, bits) if words > 1 else 0
        lut = {
            "data_bits": float(bits),
            "bank_bits": float(bits * (ram_banks(words) - 1)),
            "counter_bits": float(counters),
            "one": 1.0,
        }
        ff = {
            "data_bits": float(bits if words > 1 or self.add else 2 * bits),
            "counter_bits": float(counters + bits_for(words)),
            "one": 1.0,
        }
        return Parts(Resources(lut=ram, lutram=ram), lut, ff)


@dataclass(frozen=True)
class Join:
    """``hwf_add``: ``lanes`` sums of ``out_bits``.

    ``product_bits``: of each product with a factor that is no power of two. Synthesis takes a DSP
    for one of ``DSP_RESULT`` bits or more, and adds and registers the sum there too.
    """

    lanes: int
    out_bits: int
    product_bits: Sequence[int] = ()

    @property
    def dsps(self) -> int:
        """DSPs in all lanes."""
        return self.lanes * sum(bits >= DSP_RESULT for bits in self.product_bits)

    @property
    def kind(self) -> str:
        """Sums in LUTs, or on DSPs."""
        return "join_dsp" if self.dsps else "join"

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        if self.dsps:
            return Parts(Resources(dsp=self.dsps), {"one": 1.0}, {"one": 1.0})
        terms = {"data_bits": float(self.lanes * self.out_bits), "one": 1.0}
        scaled = {"scaled_bits": float(self.lanes * sum(self.product_bits))}
        return Parts(Resources(), terms | scaled, terms)


@dataclass(frozen=True)
class Fork:
    """``hwf_fork`` to ``outputs`` readers."""

    outputs: int

    kind = "fork"

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        terms = {"outputs": float(self.outputs)}
        return Parts(Resources(), terms, terms)


@dataclass(frozen=True)
class Converter:
    """FINN's width converter, from beats of ``in_bits`` to beats of ``out_bits``."""

    in_bits: int
    out_bits: int

    @property
    def mode(self) -> Literal["narrow", "widen", "gear"]:
        """Whole beats become several, several become one, or neither divides the other."""
        if self.in_bits % self.out_bits == 0:
            return "narrow"
        return "widen" if self.out_bits % self.in_bits == 0 else "gear"

    @property
    def kind(self) -> str:
        """One fit for each way."""
        return f"converter_{self.mode}"

    def parts(self) -> Parts:
        """Return what the converter is made of."""
        wide, narrow = max(self.in_bits, self.out_bits), min(self.in_bits, self.out_bits)
        if self.mode == "gear":
            return self._gear()
        terms = {
            "wide_bits": float(wide),
            "narrow_bits": float(narrow),
            "counter_bits": float(bits_for(-(-wide // narrow))),
            "one": 1.0,
        }
        return Parts(Resources(), terms, terms)

    def _gear(self) -> Parts:
        """A vector of the least common multiple in which beats of both sides have their places."""
        unit = gcd(self.in_bits, self.out_bits)
        read, written = self.in_bits // unit, self.out_bits // unit
        vector = read * self.out_bits
        counters = {
            "counter_bits": float(
                bits_for(read * written + 1) + bits_for(read) + bits_for(written)
            ),
            "places": float(written),
        }
        chosen = {"chosen_luts": float(self.out_bits * -(-read // 4))}
        held = {"vector_bits": float(vector), "out_bits": float(self.out_bits)}
        return Parts(Resources(), counters | chosen, counters | held)


@dataclass(frozen=True)
class Fifo:
    """``hwf_fifo`` or ``hwf_fifo_block``: ``depth`` words of ``bits`` bits."""

    depth: int
    bits: int

    @property
    def kind(self) -> str:
        """One fit for each memory."""
        return f"fifo_{fifo_memory(self.depth, self.bits)}"

    def parts(self) -> Parts:
        """Return what the FIFO is made of."""
        counter = float(bits_for(self.depth + 1))
        lut = {"counter_bits": counter, "one": 1.0}
        memory = fifo_memory(self.depth, self.bits)
        if memory is FifoMemory.REGISTERS:
            words = float(self.depth * self.bits)
            behind = {"behind_bits": float((self.depth - 1) * self.bits)}
            return Parts(Resources(), lut | behind, lut | {"word_bits": words})
        if memory is FifoMemory.BLOCK:
            blocks = ram_ramb18(self.depth, self.bits) / 2
            return Parts(Resources(bram36=blocks), lut, lut)
        ram = distributed_ram_luts(self.depth, self.bits)
        banks = {"bank_bits": float(self.bits * (ram_banks(self.depth) - 1))}
        return Parts(Resources(lut=ram, lutram=ram), lut | banks, lut)


@dataclass(frozen=True)
class Requantiser:
    """``hwf_requant``: ``lanes`` of clip((in × multiplier + bias) >> shift)."""

    folds: int
    lanes: int
    in_bits: int
    out_bits: int
    multiplier_bits: int
    bias_bits: int
    shift: int
    in_signed: bool = True

    kind = "requant"

    def parts(self) -> Parts:
        """Return what the unit is made of; a DSP takes 18 × 25 bits."""
        operand = self.in_bits + (not self.in_signed)
        product = operand + self.multiplier_bits
        total = max(product, self.bias_bits, self.shift) + 1
        wide = max(operand, self.multiplier_bits)
        narrow = min(operand, self.multiplier_bits)
        dsps = -(-wide // DSP_WIDE) * -(-narrow // DSP_NARROW)
        rom = Rom(self.folds, self.lanes * (self.multiplier_bits + self.bias_bits), "lut")
        split = self.lanes * product * (dsps - 1)
        terms = {
            "out_bits": float(self.lanes * self.out_bits),
            "split_bits": float(split),
            "counter_bits": float(bits_for(self.folds)),
            "one": 1.0,
        }
        lut = terms | {
            "clipped_bits": float(self.lanes * max(0, total - self.shift - self.out_bits)),
            "rom_luts": rom.luts,
        }
        return Parts(
            Resources(dsp=self.lanes * dsps), lut, terms | {"rom_register": rom.register_bits}
        )


@dataclass(frozen=True)
class Thresholds:
    """FINN's ``Thresholding_rtl``: a binary search of ``out_bits`` steps in each of ``lanes``.

    ``folds``: channels a lane sees in turn.
    """

    folds: int
    lanes: int
    in_bits: int
    out_bits: int

    kind = "thresholds"

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        fold_bits = (self.folds - 1).bit_length()
        depths = [self.folds << step for step in range(self.out_bits)]
        deep = [words for words in depths if yosys_rom_in_block(words, self.in_bits)]
        blocks = sum(rom_ramb18(words, self.in_bits) for words in deep)
        memories = [words for words in depths if words > 1 and words not in deep]
        read = self.lanes * self.in_bits
        shared = {
            "decided_bits": float(self.lanes * self.out_bits**2),
            "pointer_bits": float(self.out_bits * fold_bits),
            "out_bits": float(self.lanes * self.out_bits),
            "one": float(depths[-1] > 1),
        }
        lut = shared | {
            "rom_bits": sum(
                self.lanes * distinct(words, self.in_bits)
                for words in memories
                if words < LUT_DEPTH
            ),
            "deep_rom_luts": float(
                read * sum(words // LUT_DEPTH for words in memories if words >= LUT_DEPTH)
            ),
            "compared_bits": float(read * sum(words > 1 for words in depths)),
            "constant_bits": float(read * depths.count(1)),
        }
        # An input value is delayed twice a step, and not behind the last comparison.
        ff = shared | {
            "value_bits": float(read * (2 * self.out_bits - 1)),
            "read_bits": float(read * len(memories)),
        }
        return Parts(Resources(bram36=self.lanes * blocks / 2), lut, ff)
