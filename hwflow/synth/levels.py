"""Logic levels of a mapped netlist: how many LUTs and carry cells lie between two registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from hwflow.synth.statistics import FREE, LOGIC_LUTS, MEMORY_LUTS

# Cells through which a signal passes within a clock, and the ports by which it leaves.
_INSIDE = {
    **{cell: ("O",) for cell in LOGIC_LUTS if cell != "LUT6_2"},
    "CARRY4": ("O", "CO"),
    **{cell: ("O",) for cell in FREE if cell.startswith("MUXF")},
    **dict.fromkeys(("RAM32M", "RAM64M"), ("DOA", "DOB", "DOC", "DOD")),
    **{cell: ("DPO", "SPO") for cell in MEMORY_LUTS if cell.endswith("X1D")},
    **{cell: ("O",) for cell in MEMORY_LUTS if cell.endswith("X1S")},
}
# A memory is written with the clock and read without: only addresses reach its output.
_READ_PORTS = ("ADDR", "A", "DPRA")
_FREE = frozenset({"INV"})  # packed into a neighbour
_CARRY = frozenset({"CARRY4"})


@dataclass(frozen=True)
class Path:
    """The longest path between registers, or a register and a port: its cells in order."""

    cells: tuple[str, ...]

    @property
    def levels(self) -> int:
        """LUTs, carry and multiplexer cells on it, as Vivado counts logic levels."""
        return len(self.cells)

    @property
    def luts(self) -> int:
        """LUTs on it, those of memories included."""
        return sum(cell in LOGIC_LUTS or cell in MEMORY_LUTS for cell in self.cells)


def longest_path(module: Mapping[str, Any], *, carry: bool = True) -> Path:
    """Return the path with the most levels of ``module``, one of yosys' ``write_json``.

    ``carry``: whether carry cells, which are several times faster than LUTs, count as levels.
    Registers, block RAM, DSPs and modules that are not part of the netlist end a path.

    Raises:
        graphlib.CycleError: the logic has a loop.
    """
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] in _INSIDE}
    driver = {
        bit: name
        for name, cell in cells.items()
        for port, bits in cell["connections"].items()
        if port in _INSIDE[cell["type"]]
        for bit in bits
    }
    before = {
        name: {
            driver[bit]
            for port, bits in cell["connections"].items()
            if _passes(cell["type"], port)
            for bit in bits
            if bit in driver
        }
        for name, cell in cells.items()
    }
    best: dict[str, tuple[str, ...]] = {}
    for name in TopologicalSorter(before).static_order():
        longest = max((best[other] for other in before[name]), key=len, default=())
        kind = cells[name]["type"]
        uncounted = kind in _FREE or (kind in _CARRY and not carry)
        best[name] = longest if uncounted else (*longest, kind)
    return Path(max(best.values(), key=len, default=()))


def _passes(kind: str, port: str) -> bool:
    """Return whether ``port`` of a cell leads to its outputs within a clock."""
    if port in _INSIDE[kind]:
        return False
    return kind not in MEMORY_LUTS or port.startswith(_READ_PORTS)
