"""Matrix units as numbers: our own, in LUTs or on DSPs, and FINN's on DSPs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hwflow.cost.block import Parts, bits_for
from hwflow.cost.dot import GROUP, SHIFT_REGISTER, adder_tree_bits, dot_size
from hwflow.cost.memory import distributed_ram_luts, shared_ram_luts
from hwflow.cost.resources import Resources
from hwflow.cost.rom import Rom

# mvu.sv: products of the narrowest lane, side by side in the 25-bit port of a DSP48E1.
DSP_PORT_BITS = 25
# yosys leaves narrower products to LUTs (synth_xilinx, mul2dsp: Y_MINWIDTH).
DSP_RESULT = 9
# Replay memories of so few bits become flip-flops.
REGISTER_BITS = 8


@dataclass(frozen=True)
class Matrix:
    """``hwf_mvau``, ``hwf_xnor_mvau`` or (depthwise) ``hwf_vvau``.

    ``rows`` × ``columns`` is the matrix, ``pe`` × ``simd`` of it are computed a clock. ±1 weights
    and activations have one bit. ``thresholded``: the output is one bit a row.
    ``constant_init``: all accumulators start from the same value.
    """

    rows: int
    columns: int
    pe: int
    simd: int
    weight_bits: int
    act_bits: int
    acc_bits: int
    unit: Literal["lut", "dsp"] = "lut"
    depthwise: bool = False
    thresholded: bool = False
    constant_init: bool = True
    ram_style: str = "auto"

    kind = "matrix"

    @property
    def folds(self) -> int:
        """Words of the weight memory."""
        return (self.columns // self.simd) * (self.rows // self.pe)

    @property
    def product_bits(self) -> int:
        """Of one product on a DSP, where unsigned activations get a sign bit."""
        return self.weight_bits + self.act_bits + 1

    @property
    def dsps(self) -> int:
        """One a lane, unless synthesis leaves the products to LUTs for being narrow."""
        multiplies = self.unit == "dsp" and self.product_bits >= DSP_RESULT
        return self.pe * self.simd if multiplies else 0

    @property
    def latency(self) -> int:
        """LATENCY of ``hwf_mac_core``."""
        if self.unit == "dsp":
            return 1 + (self.simd - 1).bit_length()
        most = min(self.weight_bits, self.act_bits) * self.simd
        joins = (self.weight_bits + self.act_bits - 2).bit_length()
        return 1 + (-(-most // GROUP) - 1).bit_length() + joins

    def parts(self) -> Parts:
        """Return what the unit is made of."""
        column_folds, row_folds = self.columns // self.simd, self.rows // self.pe
        replayed = self.simd * self.act_bits if row_folds > 1 and not self.depthwise else 0
        beat = self.simd * self.act_bits * (self.pe if self.depthwise else 1)
        weights = Rom(self.folds, self.pe * self.simd * self.weight_bits, self.ram_style)
        starts = Rom(
            1 if self.constant_init else row_folds, self.pe * self.acc_bits, self.ram_style
        )
        held = column_folds * replayed
        in_registers = column_folds == 1 or held <= REGISTER_BITS
        replay = 0 if in_registers else distributed_ram_luts(column_folds, replayed)
        accumulated = self.pe * self.acc_bits * (column_folds > 1)
        out = self.pe * (1 if self.thresholded else self.acc_bits)
        counters = bits_for(self.folds) + bits_for(column_folds) + bits_for(row_folds)
        lut = {
            "start_rom": starts.luts,
            "replay_bits": float(replayed),
            "start_bits": float(self.pe * self.acc_bits),
            "accumulated_bits": float(accumulated),
            "counter_bits": float(counters),
            "one": 1.0,
        }
        ff = {
            "weight_register": weights.register_bits,
            "beat_bits": float(beat + held * in_registers),
            "accumulated_bits": float(accumulated),
            "out_bits": float(out),
            "counter_bits": float(counters),
            "one": 1.0,
        }
        # The flag "last fold" comes from a register and is delayed beside the sums.
        memory = replay + (column_folds > 1 and 1 + self.latency >= SHIFT_REGISTER)
        exact = Resources(
            lut=memory + weights.luts,
            lutram=memory,
            dsp=self.dsps,
            bram36=(weights.ramb18 + starts.ramb18) / 2,
        )
        if self.unit == "dsp":
            tree = float(self.pe * adder_tree_bits(self.simd, self.product_bits))
            small = 0 if self.dsps else self.pe * self.simd * self.weight_bits * self.act_bits
            terms = {"dsp_adder_bits": tree, "small_products": float(small)}
            return Parts(exact, lut | terms, ff | terms)
        size = dot_size(self.simd, self.weight_bits, self.act_bits)
        lut |= {
            "group_luts": float(self.pe * size.group_luts),
            "adder_luts": float(self.pe * size.adder_luts),
        }
        ff |= {"tree_registers": float(self.pe * size.registers)}
        shifted = float(self.pe * size.shift_registers)
        return Parts(exact + Resources(lut=shifted, lutram=shifted), lut, ff)


@dataclass(frozen=True)
class FinnMatrix:
    """FINN's ``MVAU_rtl`` on DSP48E1, with its weight memory.

    ``weight_bits``: in which the weights leave −2^(b−1) unused.
    """

    rows: int
    columns: int
    pe: int
    simd: int
    weight_bits: int
    act_bits: int
    acc_bits: int

    @property
    def kind(self) -> str:
        """One fit."""
        return "matrix_finn"

    def parts(self) -> Parts:
        """Return what the unit and its memory stream are made of."""
        column_folds, row_folds = self.columns // self.simd, self.rows // self.pe
        folds = column_folds * row_folds
        lane = self.weight_bits + self.act_bits - 1
        packed = 1 + (DSP_PORT_BITS - self.weight_bits) // lane
        pipes = -(-self.pe // packed)
        width = self.pe * self.simd * self.weight_bits
        replayed = self.simd * self.act_bits if row_folds > 1 else 0
        weights = Rom(folds, width)
        memory = distributed_ram_luts(column_folds, replayed) if column_folds > 1 else 0
        memory += 0 if weights.in_block else shared_ram_luts(folds, width)
        out = float(self.pe * self.acc_bits)
        # mvu_vvu_axi.sv: results that the pipeline still holds when the reader stops.
        queued = 5 + (self.simd - 1).bit_length() + (self.simd == 1)
        terms = {
            "dsps": float(pipes * self.simd),
            "shared_products": float((self.pe - pipes) * self.simd),
            "adder_bits": float(self.pe * adder_tree_bits(self.simd, lane)),
            "out_bits": out,
            "queued_bits": out * queued,
            "replay_bits": float(replayed),
            "weight_bits": float(width),
            "counter_bits": float(bits_for(folds) + bits_for(column_folds) + bits_for(row_folds)),
            "one": 1.0,
        }
        exact = Resources(
            lut=memory, lutram=memory, dsp=pipes * self.simd, bram36=weights.ramb18 / 2
        )
        return Parts(exact, terms, terms)
