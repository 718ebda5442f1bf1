"""Units without weights as numbers: maps, joins, forks, converters, requantisers, thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hwflow.cost.block import Parts, bits_for
from hwflow.cost.memory import distributed_ram_luts, ram_banks
from hwflow.cost.resources import Resources

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
        ram = distributed_ram_luts(words, bits) if words > 1 else 0
        lut = {
            "data_bits": float(bits),
            "bank_bits": float(bits * (ram_banks(words) - 1)),
            "counter_bits": float(counters),
            "one": 1.0,
        }
        ff = {
            "data_bits": float(bits if words > 1 else 2 * bits),
            "counter_bits": float(counters + bits_for(words)),
            "one": 1.0,
        }
        return Parts(Resources(lut=ram, lutram=ram), lut, ff)


@dataclass(frozen=True)
class Join:
    """``hwf_add``: ``lanes`` sums of ``out_bits``; ``scaled``: factors other than powers of two."""

    lanes: int
    out_bits: int
    scaled: int = 0

    kind = "join"

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        bits = float(self.lanes * self.out_bits)
        lut = {"data_bits": bits, "scaled_bits": self.scaled * bits, "one": 1.0}
        return Parts(Resources(), lut, {"data_bits": bits, "one": 1.0})


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
        counter = bits_for(-(-wide // narrow))
        terms = {
            "wide_bits": float(wide),
            "narrow_bits": float(narrow),
            "counter_bits": float(counter),
            "one": 1.0,
        }
        return Parts(Resources(), terms, terms)


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
        stored = self.lanes * (self.multiplier_bits + self.bias_bits) * (self.folds > 1)
        terms = {
            "sum_bits": float(self.lanes * total),
            "clipped_bits": float(self.lanes * (total - self.shift)),
            "out_bits": float(self.lanes * self.out_bits),
            "rom_bits": float(stored * -(-self.folds // 64)),
            "counter_bits": float(bits_for(self.folds)),
            "one": 1.0,
        }
        return Parts(Resources(dsp=self.lanes * dsps), terms, terms)


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
        memories = [self.folds << step for step in range(self.out_bits)]
        rom = sum(self.in_bits * -(-words // 64) for words in memories if words > 1)
        stages = self.lanes * self.out_bits
        terms = {
            "rom_bits": float(self.lanes * rom),
            "compared_bits": float(stages * self.in_bits),
            "pointer_bits": float(stages * (fold_bits + self.out_bits)),
            "out_bits": float(self.lanes * self.out_bits),
            "lanes": float(self.lanes),
            "one": 1.0,
        }
        return Parts(Resources(), terms, terms)
