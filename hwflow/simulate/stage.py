"""One stage of an accelerator in simulation, alone: frames in, scores and cycle stamps out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.errors import VerificationError
from hwflow.simulate.accelerator import (
    load_accelerator,
    patience_cycles,
    to_beats,
    unpack_scores,
)
from hwflow.simulate.compile import Ports, Stream, compile_model
from hwflow.simulate.library import NO_PAUSES, Pauses, Simulation

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class StageResult:
    """``scores`` (N, classes), ``in_cycle`` (first beat) and ``out_cycle`` (last score) (N,)."""

    scores: IntArray
    in_cycle: IntArray
    out_cycle: IntArray


def stage_ports(design: Accelerator, stage: int) -> Ports:
    """Return the ports of stage number ``stage`` as the bench needs them."""
    hardware = design.stages[stage]
    return Ports(
        top=hardware.top,
        source=Stream("s_axis_0", hardware.in_bytes),
        sink=Stream("m_axis_0", -(-hardware.score_lanes * hardware.score_bits // 8)),
    )


def as_in_accelerator(simulation: Simulation, design: Accelerator, stage: int) -> None:
    """Let frames arrive at a stage that stands alone no faster than in the accelerator."""
    if design.stages[stage].in_bytes > design.frame_beat_bytes:
        simulation.arrival(frame_bytes=design.frame_bytes, beat_bytes=design.frame_beat_bytes)


def run_stage(
    folder: Path,
    stage: int,
    frames: NDArray[np.uint8],
    *,
    pauses: Pauses = NO_PAUSES,
    random_state: int = 0,
) -> StageResult:
    """Return what stage number ``stage`` of the accelerator in ``folder`` makes of ``frames``.

    Raises:
        VerificationError: the stage stopped, or its output broke the handshake.
    """
    design = load_accelerator(folder)
    hardware = design.stages[stage]
    ports = stage_ports(design, stage)
    library = compile_model(ports, sources=design.sources, folder=folder)
    per_frame = -(-design.classes // hardware.score_lanes)
    with Simulation(library, ports, folder=folder, random_state=random_state) as simulation:
        simulation.reset()
        simulation.pauses(pauses)
        as_in_accelerator(simulation, design, stage)
        data, last = to_beats(frames, hardware.in_bytes)
        simulation.load(data, last)
        status = simulation.run(len(frames) * per_frame, patience=patience_cycles(design))
        recording = simulation.recording()
        if status != 0:
            done = len(recording.data) // per_frame
            raise VerificationError(
                f"frames ↔ scores of {hardware.top}",
                compared=len(frames),
                mismatches=len(frames) - done,
                sample=done,
                expected="scores",
                got=f"none at cycle {simulation.cycle}",
            )
        return StageResult(
            scores=unpack_scores(
                recording.data,
                bits=hardware.score_bits,
                lanes=hardware.score_lanes,
                classes=design.classes,
            ),
            in_cycle=simulation.in_cycles().astype(np.int64)[:: len(data) // len(frames)],
            out_cycle=recording.cycle.astype(np.int64)[per_frame - 1 :: per_frame],
        )
