"""Matrix units as numbers: our own, in LUTs or on DSPs, and FINN's on DSPs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hwflow.cost.block import Parts, bits_for
from hwflow.cost.dot import GROUP, SHIFT_REGISTER, adder_tree_bits, dot_size
from hwflow.cost.fifo import ram_ramb18
from hwflow.cost.memory import (
    distributed_ram_luts,
    rom_ramb18,
    shared_ram_luts,
    yosys_ram_in_block,
    yosys_replay_in_block,
)
from hwflow.cost.resources import Resources
from hwflow.cost.rom import Rom

# mvu.sv: products of the narrowest lane, side by side in the 25-bit port of a DSP48E1.
DSP_PORT_BITS = 25
# yosys leaves narrower products to LUTs (synth_xilinx, mul2dsp: Y_MINWIDTH).
DSP_RESULT = 9
# Replay memories of so few bits become flip-flops.
REGISTER_BITS = 8


@dataclass(frozen=True)
class FoldedMatrix:
    """``rows`` × ``columns``, of which ``pe`` × ``simd`` are computed a clock.

    ±1 weights and activations have one bit.
    """

    rows: int
    columns: int
    pe: int
    simd: int
    weight_bits: int
    act_bits: int
    acc_bits: int

    @property
    def column_folds(self) -> int:
        """Beats of a vector."""
        return self.columns // self.simd

    @property
    def row_folds(self) -> int:
        """How often each vector is read."""
        return self.rows // self.pe

    @property
    def folds(self) -> int:
        """Words of the weight memory."""
        return self.column_folds * self.row_folds

    @property
    def replayed_bits(self) -> int:
        """Width of the memory from which a vector is read again; 0 if none is."""
        return self.simd * self.act_bits if self.row_folds > 1 else 0

    def _replay(self) -> Resources:
        """Return the memory from which a vector is read again."""
        depth, width = self.column_folds, self.replayed_bits
        if width and yosys_replay_in_block(depth, width):
            return Resources(bram36=rom_ramb18(depth, width) / 2)
        luts = distributed_ram_luts(depth, width)
        return Resources(lut=luts, lutram=luts)

    @property
    def counter_bits(self) -> int:
        """Bits of the fold counters."""
        return bits_for(self.folds) + bits_for(self.column_folds) + bits_for(self.row_folds)


@dataclass(frozen=True)
class Matrix(FoldedMatrix):
    """``hwf_mvau``, ``hwf_xnor_mvau`` or (depthwise) ``hwf_vvau``.

    ``thresholded``: the output is one bit a row. ``constant_init``: all accumulators start from the
    same value.
    """

    unit: Literal["lut", "dsp"] = "lut"
    depthwise: bool = False
    thresholded: bool = False
    constant_init: bool = True
    ram_style: str = "auto"

    kind = "matrix"

    @property
    def replayed_bits(self) -> int:
        """As of every matrix; each row of a depthwise one has columns of its own."""
        return 0 if self.depthwise else super().replayed_bits

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
        around, dots = self._around(), self._dots()
        return Parts(
            around.exact + dots.exact, {**around.lut, **dots.lut}, {**around.ff, **dots.ff}
        )

    def _around(self) -> Parts:
        """Return memories, accumulators and control."""
        accumulators = self.pe * self.acc_bits
        weights = Rom(self.folds, self.pe * self.simd * self.weight_bits, self.ram_style)
        starts = Rom(1 if self.constant_init else self.row_folds, accumulators, self.ram_style)
        replay = self._replay()
        held = self.column_folds * self.replayed_bits
        in_registers = self.column_folds == 1 or held <= REGISTER_BITS
        memory = 0 if in_registers else replay.lutram
        # The flag "last fold" comes from a register and is delayed beside the sums.
        memory += self.column_folds > 1 and 1 + self.latency >= SHIFT_REGISTER
        both = {
            "accumulated_bits": float(accumulators * (self.column_folds > 1)),
            "counter_bits": float(self.counter_bits),
            "one": 1.0,
        }
        lut = both | {
            "start_rom": starts.luts,
            "block_multiplexers": weights.multiplexer_luts + starts.multiplexer_luts,
            "replay_bits": float(self.replayed_bits),
            "start_bits": float(accumulators),
        }
        beat = self.simd * self.act_bits * (self.pe if self.depthwise else 1)
        ff = both | {
            "weight_register": weights.register_bits,
            "beat_bits": float(beat + held * in_registers),
            "out_bits": float(self.pe if self.thresholded else accumulators),
        }
        exact = Resources(
            lut=memory + weights.luts,
            lutram=memory,
            bram36=(weights.ramb18 + starts.ramb18) / 2 + replay.bram36,
        )
        return Parts(exact, lut, ff)

    def _dots(self) -> Parts:
        """Return products and their sums, of all rows at once."""
        if self.unit == "dsp":
            tree = float(self.pe * adder_tree_bits(self.simd, self.product_bits))
            small = 0 if self.dsps else self.pe * self.simd * self.weight_bits * self.act_bits
            terms = {"dsp_adder_bits": tree, "small_products": float(small)}
            return Parts(Resources(dsp=self.dsps), terms, terms)
        size = dot_size(self.simd, self.weight_bits, self.act_bits)
        shifted = float(self.pe * size.shift_registers)
        lut = {
            "group_luts": float(self.pe * size.group_luts),
            "adder_luts": float(self.pe * size.adder_luts),
        }
        ff = {"tree_registers": float(self.pe * size.registers)}
        return Parts(Resources(lut=shifted, lutram=shifted), lut, ff)


@dataclass(frozen=True)
class FinnMatrix(FoldedMatrix):
    """FINN's ``MVAU_rtl`` on DSP48E1, with its weight memory.

    ``weight_bits``: in which the weights leave −2^(b−1) unused.
    """

    kind = "matrix_finn"

    def parts(self) -> Parts:
        """Return what the unit and its memory stream are made of."""
        lane = self.weight_bits + self.act_bits - 1
        packed = 1 + (DSP_PORT_BITS - self.weight_bits) // lane
        pipes = -(-self.pe // packed)
        width = self.pe * self.simd * self.weight_bits
        in_block = yosys_ram_in_block(self.folds, width)
        memory: float = 0 if in_block else shared_ram_luts(self.folds, width)
        blocks = ram_ramb18(self.folds, width) / 2 if in_block else 0.0
        if self.column_folds > 1:
            replay = self._replay()
            memory += replay.lutram
            blocks += replay.bram36
        out = float(self.pe * self.acc_bits)
        # mvu_vvu_axi.sv: results that the pipeline still holds when the reader stops.
        queued = 5 + (self.simd - 1).bit_length() + (self.simd == 1)
        terms = {
            "dsps": float(pipes * self.simd),
            "shared_products": float((self.pe - pipes) * self.simd),
            "adder_bits": float(self.pe * adder_tree_bits(self.simd, lane)),
            "out_bits": out,
            "queued_bits": out * queued,
            "replay_bits": float(self.replayed_bits),
            "weight_bits": float(width),
            "counter_bits": float(self.counter_bits),
            "one": 1.0,
        }
        exact = Resources(lut=memory, lutram=memory, dsp=pipes * self.simd, bram36=blocks)
        return Parts(exact, terms, terms)
