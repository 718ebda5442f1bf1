"""What ``stat -json`` of yosys says, as resources of a 7-series device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hwflow.config.synthesis import Resources
from hwflow.errors import HwflowError

# LUTs of each primitive that is made of them (UG474, tables 2-1 to 2-5).
LOGIC_LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    "LUT6_2": 1,
    "INV": 0,  # packed into a neighbour
}
MEMORY_LUTS = {
    "SRL16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32M": 4,
    "RAM64M": 4,
}
LUTS = {**LOGIC_LUTS, **MEMORY_LUTS}
FLIP_FLOPS = frozenset({"FDRE", "FDSE", "FDCE", "FDPE"})
BRAM36 = {"RAMB36E1": 1.0, "RAMB18E1": 0.5}
DSPS = frozenset({"DSP48E1"})
# What a slice or the fabric has beside LUTs and flip-flops, and yosys' notes.
FREE = frozenset({"CARRY4", "MUXF7", "MUXF8", "MUXF9", "VCC", "GND", "BUFG", "$scopeinfo"})
COUNTED = {*LUTS, *FLIP_FLOPS, *BRAM36, *DSPS, *FREE}


Cells = dict[str, int]
"""How many there are of each primitive."""


def resources_of(cells: Cells) -> Resources:
    """Return the resources of ``cells``.

    Raises:
        HwflowError: a primitive is not among those that hwflow can count.
    """
    if unknown := sorted(cells.keys() - COUNTED):
        raise HwflowError(
            f"yosys mapped to {', '.join(unknown)}, which hwflow does not count as any resource;"
            " please report it with the design"
        )
    memory = sum(MEMORY_LUTS.get(cell, 0) * count for cell, count in cells.items())
    return Resources(
        lut=memory + sum(LOGIC_LUTS.get(cell, 0) * count for cell, count in cells.items()),
        lutram=memory,
        ff=sum(count for cell, count in cells.items() if cell in FLIP_FLOPS),
        dsp=sum(count for cell, count in cells.items() if cell in DSPS),
        bram36=sum(size * cells.get(cell, 0) for cell, size in BRAM36.items()),
    )


def cells_below(report: Mapping[str, Any], module: str) -> Cells:
    """Return the primitives of ``module`` and of what it instantiates."""
    modules = report["modules"]
    found: Counter[str] = Counter()
    for cell, count in modules[module]["num_cells_by_type"].items():
        # yosys writes the backslash of a public name with the module, and not with its instance.
        name = cell if cell in modules else f"\\{cell}"
        inside = cells_below(report, name) if name in modules else {cell: 1}
        found.update({primitive: count * number for primitive, number in inside.items()})
    return dict(found)
