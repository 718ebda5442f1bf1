"""A stage whose FIFOs are gauges: it tries any depths without another compilation.

When a word moves never depends on what it says: layers count beats, and wait for nothing but their
neighbours. So the gauges drop the data, and what is left to simulate is the handshakes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.cost.fifo import FifoMemory, fifo_memory
from hwflow.dataflow.stitch import RTL
from hwflow.simulate.accelerator import patience_cycles
from hwflow.simulate.closing import Closing
from hwflow.simulate.compile import compile_model
from hwflow.simulate.library import NO_PAUSES, Pauses, Simulation
from hwflow.simulate.stage import as_in_accelerator, stage_ports

GAUGE = "HWF_GAUGE"
GAUGES = "gauges"
GAUGE_SOURCE = "hwf_fifo_gauge.sv"
# A depth that no FIFO reaches.
UNBOUNDED = 2**30
_BLOCK = 2**31
# FINN's DSP unit keeps its sums in loops of registers, which Verilator cannot see to be unread.
DSP_UNIT = "mvu.sv"
DSP_LANES = "for(genvar  c = 0; c < PIPE_COUNT; c++) begin : genPipes"
NO_DSP_LANES = "for(genvar  c = 0; c < 0; c++) begin : genPipes"
# At a given pace a frame comes in so many portions, evenly spread.
PORTIONS = 16


@dataclass(frozen=True)
class GaugeRun:
    """``out_cycles`` (frames,): each frame's last score; ``peaks``: words held at most.

    ``stalled``: nothing moved any more before all frames were out; ``out_cycles`` is short then.
    """

    out_cycles: NDArray[np.int64]
    peaks: tuple[int, ...]
    stalled: bool


class GaugedStage(Closing):
    """Stage number ``stage`` of the accelerator in ``folder`` with gauges; a context manager."""

    def __init__(self, folder: Path, design: Accelerator, stage: int, bits: Sequence[int]) -> None:
        """Compile the stage, or find it in the cache; ``bits``: of each FIFO's words, in order."""
        self._design, self._number, self._bits = design, stage, tuple(bits)
        self._hardware = design.stages[stage]
        self._ports = stage_ports(design, stage)
        self._frame_beats = -(-design.frame_bytes // self._hardware.in_bytes)
        self._score_beats = -(-design.classes // self._hardware.score_lanes)
        with ExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="hwflow-gauges-"))
            self._folder = Path(name)
            (self._folder / GAUGES).mkdir()
            (self._folder / RTL).mkdir()
            for path in (folder / RTL).iterdir():
                (self._folder / RTL / path.name).symlink_to(path.absolute())
            _without_lanes(self._folder / RTL / DSP_UNIT)
            with resources.as_file(resources.files("hwflow.simulate") / GAUGE_SOURCE) as source:
                shutil.copyfile(source, self._folder / GAUGE_SOURCE)
            self._library = compile_model(
                self._ports,
                sources=(*design.sources, GAUGE_SOURCE),
                folder=self._folder,
                defines=[GAUGE],
            )
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Free the simulation and its files."""
        self._stack.close()

    def run(
        self,
        depths: Sequence[int],
        frames: int,
        *,
        pace: int | None = None,
        pauses: Pauses = NO_PAUSES,
        patience: int | None = None,
        slowest: tuple[int, int] | None = None,
    ) -> GaugeRun:
        """Return the timing of ``frames`` frames at the FIFO ``depths``.

        ``pace``: cycles from one frame to the next at the input; None: back to back.
        ``patience``: cycles without a beat in or out after which the stage counts as stuck.
        ``slowest``: the run ends where, from this frame on, one takes more cycles than this.
        """
        lines = "".join(
            f"{self._limit(depth, bits):08x}\n"
            for depth, bits in zip(depths, self._bits, strict=True)
        )
        top = self._hardware.top
        (self._folder / GAUGES / f"{top}.hex").write_text(lines, encoding="utf-8")
        patience = patience or patience_cycles(self._design)
        with Simulation(self._library, self._ports, folder=self._folder) as simulation:
            simulation.reset()
            simulation.pauses(pauses)
            as_in_accelerator(simulation, self._design, self._number)
            if pace is None:
                self._load(simulation, frames * self._frame_beats)
            else:
                self._feed(simulation, frames, pace)
            stalled = False
            cycles = np.empty(0, np.int64)
            for frame in range(frames if slowest is None else slowest[0], frames + 1):
                stalled = simulation.run(frame * self._score_beats, patience=patience) != 0
                cycles = simulation.recording().cycle.astype(np.int64)
                last = cycles[-1 - self._score_beats :: self._score_beats]
                if stalled or (slowest and frame > slowest[0] and last[1] - last[0] > slowest[1]):
                    break
        peaks = (self._folder / GAUGES / f"{top}.txt").read_text(encoding="utf-8").split()
        return GaugeRun(
            out_cycles=cycles[self._score_beats - 1 :: self._score_beats],
            peaks=tuple(int(peak) for peak in peaks),
            stalled=stalled,
        )

    def _limit(self, depth: int, bits: int) -> int:
        if depth == UNBOUNDED:
            return depth
        return depth | (_BLOCK if fifo_memory(depth, bits) is FifoMemory.BLOCK else 0)

    def _load(self, simulation: Simulation, beats: int) -> None:
        data = np.zeros((beats, self._hardware.in_bytes), np.uint8)
        simulation.load(data, np.zeros(beats, np.uint8))

    def _feed(self, simulation: Simulation, frames: int, pace: int) -> None:
        total = frames * PORTIONS
        for portion in range(total):
            beats = [self._frame_beats * part // PORTIONS for part in (portion, portion + 1)]
            self._load(simulation, beats[1] - beats[0])
            simulation.idle(pace * (portion + 1) // PORTIONS - pace * portion // PORTIONS)


def _without_lanes(unit: Path) -> None:
    """Replace the link ``unit``, if it is there, by a copy that answers in time, and nothing."""
    if unit.exists():
        text = unit.read_text(encoding="utf-8").replace(DSP_LANES, NO_DSP_LANES)
        unit.unlink()
        unit.write_text(text, encoding="utf-8")
