"""What stands around the stages of an accelerator: controller, retention buffers, the SoC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hwflow.cascade.retention import (
    LAST_FRAMES,
    MINIMUM_FRAMES,
    depth,
    frames_inside,
    last_frames,
    queue_frames,
    reorder_depth,
)
from hwflow.config.accelerator import StageHardware
from hwflow.config.bundle import Bundle
from hwflow.config.design import Design
from hwflow.cost.resources import Resources
from hwflow.dataflow.describe import describe
from hwflow.dataflow.folding.file import stage_name
from hwflow.dataflow.reach import Traffic
from hwflow.dataflow.resources import controller_resources
from hwflow.dataflow.streams import connect
from hwflow.rtl.accelerator import StagePorts

Model = Any

# An allowance, not a measurement: AXI DMA with both channels (AMD PG021: about 1,700 LUTs, 2,400
# flip-flops and 2 BRAM36 at 32 to 64 bits), AXI interconnect to memory and registers, and a reset
# block, rounded up.
SOC = Resources(lut=4000.0, lutram=500.0, ff=6000.0, bram36=4.0)

# The most that a buffer is given by its formula; a design may name more.
MOST_FRAMES = MOST_PLACES = 256
_NO_LIMIT = 1 << 62


@dataclass(frozen=True)
class Buffers:
    """Frames that the controller keeps: ``retention`` and ``queue`` by decision.

    ``last``: those inside the last stage, of which it keeps the tickets.
    """

    retention: tuple[int, ...]
    queue: tuple[int, ...]
    reorder: int
    last: int


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What stands around the stages ``models``, hardware graphs without converters or FIFOs."""

    design: Design
    bundle: Bundle
    models: Sequence[Model]
    traffic: Traffic

    def least(self) -> Resources:
        """Return it with buffers as small as they can be, whatever the stages' folding."""
        frames = self.design.retention_frames
        return self._least(MINIMUM_FRAMES if frames == "auto" else frames)

    def retained(self) -> Resources:
        """Return what of ``least`` is there because the design names its ``retention_frames``."""
        return self.least() - self._least(MINIMUM_FRAMES)

    def _least(self, frames: int) -> Resources:
        places, decisions = self.design.reorder_frames, len(self.models) - 1
        retention = (frames,) * decisions
        reorder = 0 if places == "auto" or not decisions else places
        return self._with(self._stages(), Buffers(retention, retention, reorder, LAST_FRAMES))

    def now(self) -> Resources:
        """Return it for the models as they are folded now."""
        stages = self._stages()
        return self._with(stages, buffers_of(self.design, stages, self.traffic))

    def _with(self, stages: Sequence[StageHardware], buffers: Buffers) -> Resources:
        return SOC + controller_resources(
            ports_of(stages),
            classes=len(self.bundle.classes),
            frame_bytes=self.bundle.frame_bytes,
            frame_beat_bytes=self.design.frame_beat_bytes,
            retention_frames=buffers.retention,
            reorder_frames=buffers.reorder,
            last_frames=buffers.last,
        )

    def _stages(self) -> tuple[StageHardware, ...]:
        from qonnx.core.modelwrapper import ModelWrapper

        beats = -(-self.bundle.frame_bytes // self.design.frame_beat_bytes)
        return tuple(
            describe(
                connect(ModelWrapper(model.model, make_deepcopy=True)),
                stage_name(index),
                frame_beats=beats,
            )
            for index, model in enumerate(self.models)
        )


def ports_of(stages: Sequence[StageHardware]) -> tuple[StagePorts, ...]:
    """Return the ports of built stages."""
    return tuple(
        StagePorts(stage.top, stage.in_bytes, stage.score_bits, stage.score_lanes)
        for stage in stages
    )


def buffers_of(design: Design, stages: Sequence[StageHardware], traffic: Traffic) -> Buffers:
    """Return the frames that the controller of ``stages`` keeps: as asked for, or enough."""
    if design.retention_frames == "auto":
        retention = _retention(design, stages, traffic)
    else:
        retention = (design.retention_frames,) * (len(stages) - 1)
    queue = tuple(
        queue_frames(
            frames,
            latency_cycles=stage.latency_estimate_cycles,
            ii_cycles=stage.ii_bound_cycles,
        )
        for frames, stage in zip(retention, stages, strict=False)
    )
    if len(stages) == 1:
        reorder = 0  # one stage answers in order
    elif design.reorder_frames != "auto":
        reorder = design.reorder_frames
    else:
        reorder = _reorder(stages, queue)
    slowest = stages[-1]
    last = last_frames(
        latency_cycles=slowest.latency_estimate_cycles, ii_cycles=slowest.ii_bound_cycles
    )
    return Buffers(retention, queue, reorder, last)


def doubts(
    design: Design, stages: Sequence[StageHardware], traffic: Traffic, buffers: Buffers
) -> tuple[str, ...]:
    """Return in what the controller of ``stages`` falls short of the traffic planned for.

    A stage that is too slow for its frames, and ``buffers`` smaller than the formulas ask for.
    """
    wanted = _retention(design, stages, traffic, most=_NO_LIMIT)
    places = _reorder(stages, buffers.queue, most=_NO_LIMIT)
    told = list(_too_slow(stages, traffic))
    for k, (got, enough) in enumerate(zip(buffers.retention, wanted, strict=True)):
        name, stage = stage_name(k), stages[k]
        inside = frames_inside(
            latency_cycles=stage.latency_estimate_cycles, ii_cycles=stage.ii_bound_cycles
        )
        if got >= enough:
            continue
        short = f"retention_frames: {got} beside {name}, the formula asks for {enough}"
        if design.retention_frames == "auto":
            told.append(f"{short}; {got} is the most that is taken without being told")
        elif got <= inside:
            told.append(f"{short}: {inside} are inside it at full rate, so its interval will grow")
        else:
            told.append(f"{short}: hard frames in a row will stall the input")
    if len(stages) > 1 and design.reorder_frames == "auto" and buffers.reorder < places:
        told.append(
            f"reorder_frames: {buffers.reorder}, the formula asks for {places}; with control.order "
            f"set, a frame that takes over {buffers.reorder} times the interval of "
            f"{stage_name(0)} stalls the input"
        )
    return tuple(told)


def _too_slow(stages: Sequence[StageHardware], traffic: Traffic) -> Iterator[str]:
    """Yield the stages whose share of the frames takes longer than the stages before need."""
    reached, pace = 1.0, 0.0
    for k, stage in enumerate(stages[1:]):
        pace = max(pace, reached * stages[k].ii_bound_cycles)
        reached *= traffic.rates[k]
        load = reached * stage.ii_bound_cycles / pace
        if load >= 1 and stage.ii_bound_cycles > pace:
            yield (
                f"{stage_name(k + 1)} cannot keep up (load {load:.2f}): {reached:.1%} of the "
                f"frames reach it, each takes {stage.ii_bound_cycles:,} cycles, and a frame comes "
                f"every {pace:,.0f}; the input will stall. Fold it faster, or lower the thresholds"
            )


def _reorder(
    stages: Sequence[StageHardware], queue: Sequence[int], *, most: int = MOST_PLACES
) -> int:
    return reorder_depth(
        latency_cycles=[stage.latency_estimate_cycles for stage in stages],
        ii_cycles=[stage.ii_bound_cycles for stage in stages],
        queue_frames=queue,
        most=most,
    )


def _retention(
    design: Design,
    stages: Sequence[StageHardware],
    traffic: Traffic,
    *,
    most: int = MOST_FRAMES,
) -> tuple[int, ...]:
    return tuple(
        depth(
            latency_cycles=stage.latency_estimate_cycles,
            ii_cycles=stage.ii_bound_cycles,
            next_ii_cycles=following.ii_bound_cycles,
            escalation_rate=rate,
            burst_frames=design.burst_frames,
            most=most,
        )
        for (stage, following), rate in zip(pairwise(stages), traffic.rates, strict=True)
    )
