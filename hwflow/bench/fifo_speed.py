"""How long FIFO sizing takes from nothing: run as ``python -m hwflow.bench.fifo_speed FOLDER``.

A process of its own, so that the caller can point ``HWFLOW_CACHE`` to an empty folder: Verilator
and the compiler then do all their work, that of their runtime too.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hwflow.bench.commands import run_python
from hwflow.dataflow.fifos import read_fifos
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.fifos import size_fifos
from hwflow.simulate.gauges import GaugedStage


@dataclass(frozen=True)
class SizingTime:
    """Seconds of wall time to compile the stages with gauges, and to size their FIFOs after it."""

    compile_s: float
    size_s: float
    simulations: int


def measure(folder: Path) -> SizingTime:
    """Size the FIFOs of the accelerator in ``folder``, which is changed, and return how long."""
    design = load_accelerator(folder)
    begin = time.monotonic()
    for number, stage in enumerate(read_fifos(folder).stages):
        with GaugedStage(folder, design, number, [fifo.bits or 0 for fifo in stage.fifos]):
            pass
    compiled = time.monotonic()
    found = size_fifos(folder)
    return SizingTime(
        compile_s=round(compiled - begin, 1),
        size_s=round(time.monotonic() - compiled, 1),
        simulations=sum(stage.simulations or 0 for stage in found.stages),
    )


def measure_cold(folder: Path, log: Path) -> SizingTime:
    """Return ``measure`` of ``folder`` with an empty cache, in a process of its own.

    Raises:
        ToolFailedError: it failed; quotes the end of ``log``.
    """
    command = ["-m", "hwflow.bench.fifo_speed", str(folder)]
    with tempfile.TemporaryDirectory(prefix="hwflow-cold-") as cache:
        done = run_python(command, told=command, log=log, more={"HWFLOW_CACHE": cache})
    return SizingTime(**done.data)


if __name__ == "__main__":
    found = measure(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(vars(found)))
