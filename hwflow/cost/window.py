"""FINN's sliding-window generator as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from hwflow.cost.block import Parts, bits_for
from hwflow.cost.dot import SHIFT_REGISTER
from hwflow.cost.memory import distributed_ram_luts, ram_banks
from hwflow.cost.resources import Resources

SRL_WORDS = 32  # of a shift register in one LUT (UG474: SRLC32E)


@dataclass(frozen=True)
class Window:
    """``ConvolutionInputGenerator_rtl`` with its buffer in LUT RAM.

    ``height`` × ``width``: the map; ``kernel_h`` × ``kernel_w``: from a window's first to its last
    pixel. ``folds``: beats of a pixel, of ``bits`` each. ``buffer``: words of the addressed buffer;
    0 where whole windows leave at once (``parallel``), from registers and line buffers.
    """

    height: int
    width: int
    kernel_h: int
    kernel_w: int
    folds: int
    bits: int
    buffer: int
    parallel: bool = False

    @property
    def kind(self) -> str:
        """Both implementations are priced apart."""
        return "window_parallel" if self.parallel else "window"

    def parts(self) -> Parts:
        """Return what the generator is made of."""
        counters = sum(
            bits_for(count + 1)
            for count in (self.height, self.width, self.kernel_h, self.kernel_w, self.folds)
        )
        position = bits_for(self.height * self.width * self.folds + 1)
        terms = {
            "counter_bits": float(counters),
            "position_bits": float(position),
            "one": 1.0,
        }
        if self.parallel:
            return self._parallel(terms)
        ram = distributed_ram_luts(self.buffer, self.bits)
        lut = terms | {
            "address_bits": float(bits_for(self.buffer)),
            "bank_bits": float(self.bits * (ram_banks(self.buffer) - 1)),
        }
        ff = terms | {"address_bits": lut["address_bits"], "data_bits": float(self.bits)}
        return Parts(Resources(lut=ram, lutram=ram), lut, ff)

    def _parallel(self, terms: dict[str, float]) -> Parts:
        # A row's pixels of a window are registers; the rest of the row is a line buffer.
        # Between neighbours lie `folds` words, in shift registers made of LUTs where these pay.
        shifted = self.folds >= SHIFT_REGISTER
        registers = self.kernel_h * ((self.kernel_w - 1) * self.folds + 1) * (not shifted)
        chains = (self.kernel_h * self.kernel_w - 1) * -(-self.folds // SRL_WORDS) * shifted
        line = (self.width - self.kernel_w + 1) * self.folds - 1
        lines = self.kernel_h - 1
        ram = lines * distributed_ram_luts(line, self.bits) if line > 1 else 0
        ram += chains * self.bits
        lut = terms | {
            "line_bits": float(lines * self.bits * (line > 1)),
            "bank_bits": float(lines * self.bits * (ram_banks(line) - 1)),
            "address_bits": float(lines * bits_for(max(2, line))),
        }
        ff = terms | {
            "line_bits": lut["line_bits"],
            "address_bits": lut["address_bits"],
            "register_bits": float(registers * self.bits),
        }
        return Parts(Resources(lut=ram, lutram=ram), lut, ff)
