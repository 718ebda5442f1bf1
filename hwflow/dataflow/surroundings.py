"""What stands around the stages of an accelerator: controller, retention buffers, the SoC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hwflow.cascade.retention import MINIMUM_FRAMES, depth
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


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What stands around the stages ``models``, hardware graphs without converters or FIFOs."""

    design: Design
    bundle: Bundle
    models: Sequence[Model]
    traffic: Traffic

    def least(self) -> Resources:
        """Return it with buffers as small as they can be, whatever the stages' folding."""
        own = self.design.retention_frames
        frames = MINIMUM_FRAMES if own == "auto" else own
        return self._with(self._stages(), (frames,) * (len(self.models) - 1))

    def now(self) -> Resources:
        """Return it for the models as they are folded now."""
        stages = self._stages()
        return self._with(stages, retention_of(self.design, stages, self.traffic))

    def _with(self, stages: Sequence[StageHardware], frames: Sequence[int]) -> Resources:
        return SOC + controller_resources(
            ports_of(stages),
            classes=len(self.bundle.classes),
            frame_bytes=self.bundle.frame_bytes,
            frame_beat_bytes=self.design.frame_beat_bytes,
            retention_frames=frames,
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


def retention_of(
    design: Design, stages: Sequence[StageHardware], traffic: Traffic
) -> tuple[int, ...]:
    """Return the frames that the retention buffer of each decision holds."""
    if design.retention_frames != "auto":
        return (design.retention_frames,) * (len(stages) - 1)
    return tuple(
        depth(
            latency_cycles=stage.latency_estimate_cycles,
            ii_cycles=stage.ii_bound_cycles,
            next_ii_cycles=following.ii_bound_cycles,
            escalation_rate=rate,
        )
        for (stage, following), rate in zip(pairwise(stages), traffic.rates, strict=True)
    )
