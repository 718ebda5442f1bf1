"""What is no node of a graph, drawn by chance for the cost models: FIFOs, and controllers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hwflow.config.accelerator import StageHardware
from hwflow.cost.controller import Controller, StageSide, retention_in_block
from hwflow.cost.fifo import FifoMemory, fifo_memory
from hwflow.cost.streams import Fifo
from hwflow.rtl.accelerator import AcceleratorParameters, StagePorts, render
from hwflow.rtl.files import CASCADE_SOURCES, RTL_DIR
from hwflow.synth.step import stage_stub

STUBS = "stage_stubs.v"
FIFO_DEPTHS = (1, 2, 2, 5, 5, 8, 16, 24, 32, 40, 64, 100, 150, 256, 400, 512, 900, 1500)
FIFO_BITS = (1, 2, 4, 8, 12, 16, 32, 36, 64, 128)
MOST_FIFO_BITS = 32_000
# Bytes of a frame and of its beats, as the example designs have them.
FRAMES = (64, 784, 1024, 3072, 640)
BEATS = (4, 8, 8, 16)
IN_BYTES = (1, 1, 2, 3, 4, 8, 12, 16, 28, 49)
SCORE_LANES = (1, 1, 2, 5, 10)
CLASSES = (2, 10, 10, 12, 100)


def draw_fifos(memory: FifoMemory, count: int, seed: int) -> tuple[Fifo, ...]:
    """Return ``count`` FIFOs of different depths and widths whose words lie in ``memory``."""
    random = np.random.default_rng([seed, *b"fifo"])
    fifos: dict[Fifo, None] = {}
    while len(fifos) < count:
        fifo = Fifo(int(random.choice(FIFO_DEPTHS)), int(random.choice(FIFO_BITS)))
        small = fifo.depth * fifo.bits <= MOST_FIFO_BITS
        if small and fifo_memory(fifo.depth, fifo.bits) is memory:
            fifos[fifo] = None
    return tuple(fifos)


def write_fifo(fifo: Fifo, top: str, folder: Path) -> list[str]:
    """Write ``fifo`` as module ``top`` into ``folder``; return its sources."""
    block = fifo_memory(fifo.depth, fifo.bits) is FifoMemory.BLOCK
    unit = "hwf_fifo_block" if block else "hwf_fifo"
    for name in ("hwf_fifo", "hwf_fifo_block"):
        shutil.copyfile(RTL_DIR / f"{name}.sv", folder / f"{name}.sv")
    (folder / f"{top}.v").write_text(
        f"""module {top} (
  input ap_clk, input ap_rst_n,
  input [{fifo.bits - 1}:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready,
  output [{fifo.bits - 1}:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready
);
  {unit} #(.DataBits({fifo.bits}), .Depth({fifo.depth})) u_fifo (
    .ap_clk(ap_clk), .ap_rst_n(ap_rst_n), .s_axis_tdata(s_axis_tdata),
    .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .m_axis_tdata(m_axis_tdata),
    .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .count_o()
  );
endmodule
""",
        encoding="utf-8",
    )
    return ["hwf_fifo.sv", "hwf_fifo_block.sv", f"{top}.v"]


def draw_controllers(count: int, seed: int) -> tuple[AcceleratorParameters, ...]:
    """Return ``count`` cascades of one to three stages; a half has one, as most designs have."""
    random = np.random.default_rng([seed, *b"controller"])
    return tuple(_draw(random) for _ in range(count))


def _draw(random: np.random.Generator) -> AcceleratorParameters:
    count = int(random.choice([1, 1, 1, 2, 2, 3]))
    frame_bytes = int(random.choice(FRAMES))
    divisors = [size for size in IN_BYTES if frame_bytes % size == 0]
    classes = int(random.choice(CLASSES))
    lanes = [size for size in SCORE_LANES if size <= classes]
    beat_bytes = int(random.choice(BEATS))
    beats = -(-frame_bytes // beat_bytes)
    retention = tuple(int(random.choice([2, 4, 6, 8, 16])) for _ in range(count - 1))
    return AcceleratorParameters(
        stages=tuple(
            StagePorts(
                top=f"stage{k}",
                in_bytes=int(random.choice(divisors)),
                score_bits=int(random.integers(6, 20)),
                score_lanes=int(random.choice(lanes)),
            )
            for k in range(count)
        ),
        classes=classes,
        frame_bytes=frame_bytes,
        frame_beat_bytes=beat_bytes,
        retention_frames=retention,
        queue_frames=retention,
        retention_in_block=tuple(
            retention_in_block(frames, frame_beats=beats, beat_bits=8 * beat_bytes)
            for frames in retention
        ),
        threshold_int=(0,) * (count - 1),
        reorder_frames=int(random.choice([0, 4, 16, 32, 64])) if count > 1 else 0,
    )


def stubs_of(parameters: AcceleratorParameters) -> dict[str, str]:
    """Return empty stages by name, as Verilog."""
    return {ports.top: stage_stub(_hardware(ports)) for ports in parameters.stages}


def write_controller(
    parameters: AcceleratorParameters, stubs: Mapping[str, str], folder: Path
) -> list[str]:
    """Write the controller and the ``stubs`` of its stages into ``folder``; return its sources."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in CASCADE_SOURCES}
    texts |= render(parameters)
    texts[STUBS] = "".join(stubs.values())
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return list(texts)


def _hardware(ports: StagePorts) -> StageHardware:
    return StageHardware(
        name=ports.top,
        top=ports.top,
        in_bytes=ports.in_bytes,
        score_bits=ports.score_bits,
        score_lanes=ports.score_lanes,
        ii_bound_cycles=1,
        latency_estimate_cycles=1,
        layers=(),
    )


def controller_of(parameters: AcceleratorParameters) -> Controller:
    """Return ``parameters`` as numbers."""
    return Controller(
        stages=tuple(
            StageSide(ports.in_bytes, ports.score_bits, ports.score_lanes)
            for ports in parameters.stages
        ),
        classes=parameters.classes,
        frame_bytes=parameters.frame_bytes,
        frame_beat_bytes=parameters.frame_beat_bytes,
        retention_frames=parameters.retention_frames,
        reorder_frames=parameters.reorder_frames,
        last_frames=parameters.last_frames,
    )
