"""yosys' scripts: how the sources of an accelerator are read and mapped for 7-series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FAMILY = "xc7"
SYNTHESIS = f"synth_xilinx -family {FAMILY} -noiopad -noclkbuf -flatten"

OWN_PREFIX = "hwf_"
# WASM has no threads; YOSYS chooses between attributes, as yosys' own reader defines it.
SLANG = (
    "read_slang --threads 1 --allow-use-before-declare --ignore-assertions --ignore-timing"
    # DSP48E1 comes from yosys' library as a black box, which has lost its parameters.
    " -Wno-undefined-param-override -DYOSYS"
)
# Ports of FINN's layers that a stage ties off or leaves open: without them, their logic goes too.
IDLE_PORTS = ("s_axilite_*", "count", "maxcount")

GROUP = "hwf_group"  # the module that instantiates the parts of a group


@dataclass(frozen=True)
class Part:
    """A module to synthesise and its ``parameters``, which only our own modules may have."""

    module: str
    parameters: Mapping[str, int] = field(default_factory=dict)


def needs_slang(sources: Iterable[str]) -> bool:
    """Return whether ``sources`` need slang's reader.

    yosys' own takes our SystemVerilog and plain Verilog. FINN's SystemVerilog needs slang's, which
    would ignore the attributes by which our memories are mapped apart.
    """
    return any(
        source.endswith(".sv") and not Path(source).name.startswith(OWN_PREFIX)
        for source in sources
    )


def part_script(part: Part, sources: Sequence[str], report: str) -> str:
    """Return commands that map ``part`` by itself and write its cell counts to ``report``."""
    top = part.module
    if needs_slang(sources):
        lines = _read_with_slang([top], sources)
    else:
        lines = _read(sources)
        if part.parameters:
            chosen = " ".join(f"-chparam {name} {value}" for name, value in part.parameters.items())
            lines.append(f"hierarchy -top {top} {chosen}")
    return _text(*lines, f"{SYNTHESIS} -top {top}", f"tee -q -o {report} stat -json")


def group_script(parts: Sequence[Part], sources: Sequence[str], report: str, names: str) -> str:
    """Return commands that map each of ``parts`` in one run, none changed by another.

    yosys reads its own libraries for seconds in each run, longer than it works on a small part.
    ``sources`` end with :func:`group_module`. ``names``: the file that gets the group's netlist,
    which tells the name that each part has in ``report`` (:func:`modules_of`).
    """
    *given, group = sources
    if needs_slang(given):
        lines = _read_with_slang([part.module for part in parts], given)
    else:
        lines = _read(given)
    return _text(
        *lines,
        f"read_verilog -sv {group}",
        f"hierarchy -top {GROUP}",
        f"dump -o {names} {GROUP}",
        f"setattr -set keep 1 {GROUP}/c:*",
        f"setattr -mod -set keep_hierarchy 1 {GROUP}/c:* %M {GROUP} %d",
        f"{SYNTHESIS} -top {GROUP}",
        f"tee -q -o {report} stat -json",
    )


def group_module(parts: Sequence[Part]) -> str:
    """Return a module that instantiates ``parts``, in order, and nothing else."""
    lines = [f"module {GROUP};"]
    for number, part in enumerate(parts):
        chosen = ", ".join(f".{name}({value})" for name, value in part.parameters.items())
        lines.append(f"  {part.module} #({chosen}) part{number} ();")
    return _text(*lines, "endmodule")


def modules_of(names: str) -> list[str]:
    """Return the module of each part of a group, in order, as yosys names it, from its netlist."""
    found = re.findall(r"^\s*cell (\S+) \\part(\d+)$", names, re.MULTILINE)
    return [module for module, number in sorted(found, key=lambda cell: int(cell[1]))]


def _read(sources: Sequence[str]) -> list[str]:
    # Deferred: a module's memory files are known only where it is instantiated.
    return [f"read_verilog -sv -defer {source}" for source in sources]


def _read_with_slang(tops: Sequence[str], sources: Sequence[str]) -> list[str]:
    lines = [
        "read_verilog -lib -specify +/xilinx/cells_sim.v",  # DSP48E1 and LUT6_2, which FINN names
        f"{SLANG} {' '.join(f'--top {top}' for top in tops)} {' '.join(sources)}",
    ]
    for top in tops:
        lines += [
            f"delete -port {' '.join(f'{top}/w:{pattern}' for pattern in IDLE_PORTS)}",
            f"setundef -undriven -zero {top}",
        ]
    return lines


def _text(*lines: str) -> str:
    return "\n".join([*lines, ""])
