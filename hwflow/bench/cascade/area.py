"""LUTs and logic levels of the controller with its registers, mapped by yosys for 7-series."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hwflow.bench.cost_modules import stubs_of, write_controller
from hwflow.config.synthesis import Resources
from hwflow.cost.controller import retention_in_block
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts
from hwflow.synth.levels import Path as LogicPath
from hwflow.synth.levels import longest_path
from hwflow.synth.script import Part
from hwflow.synth.statistics import MEMORY_LUTS, resources_of
from hwflow.synth.yosys import Yosys

_BEAT_BYTES, _FRAME_BYTES = 8, 32 * 32 * 3


def _sized(retention: int, queue: int, places: int) -> AcceleratorParameters:
    """Return a cascade of a binary and an 8-bit network, one score a beat, with these buffers."""
    return AcceleratorParameters(
        stages=(StagePorts("stage0", 3, 9, 1), StagePorts("stage1", 3, 21, 1)),
        classes=10,
        frame_bytes=_FRAME_BYTES,
        frame_beat_bytes=_BEAT_BYTES,
        retention_frames=(retention,),
        queue_frames=(queue,),
        retention_in_block=(
            retention_in_block(
                retention, frame_beats=_FRAME_BYTES // _BEAT_BYTES, beat_bits=8 * _BEAT_BYTES
            ),
        ),
        threshold_int=(100,),
        reorder_frames=places,
    )


# The goal is for the first; the second is what the formulas of hwflow.cascade.retention choose for
# the example of docs/controller.md at a load of 0.6.
SIZES = {
    "8 slots, 16 places": _sized(8, 4, 16),
    "16 slots, 128 places": _sized(16, 12, 128),
}
# Where the names of frames' and results' memories lie in the flattened design.
_FRAME_MEMORY, _RESULT_MEMORY = ".frame_mem.", ".u_reorder.mem."


@dataclass(frozen=True)
class ControllerArea:
    """Resources of the whole controller; of these, LUTs of retention's and reorder's memories."""

    whole: Resources
    retention_lut: int
    reorder_lut: int
    path: LogicPath
    path_without_carry: LogicPath

    @property
    def beside_memory(self) -> int:
        """LUTs beside those memories; the queues of tickets are counted."""
        return self.whole.lut - self.retention_lut - self.reorder_lut


def measure(parameters: AcceleratorParameters, *, log_dir: Path) -> ControllerArea:
    """Synthesise the controller of ``parameters`` with empty stages.

    Raises:
        ToolNotFoundError: yosys is missing.
        ToolFailedError: yosys refused it.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    stubs = stubs_of(parameters)
    with tempfile.TemporaryDirectory(prefix="hwflow-controller-") as name:
        folder = Path(name)
        sources = write_controller(parameters, stubs, folder)
        module = Yosys().netlist_of(Part(TOP), sources=sources, folder=folder, log_dir=log_dir)
    cells = {
        name: cell["type"] for name, cell in module["cells"].items() if cell["type"] not in stubs
    }

    def memory(place: str) -> int:
        return sum(MEMORY_LUTS.get(kind, 0) for name, kind in cells.items() if place in name)

    return ControllerArea(
        resources_of(Counter(cells.values())),
        memory(_FRAME_MEMORY),
        memory(_RESULT_MEMORY),
        longest_path(module),
        longest_path(module, carry=False),
    )
