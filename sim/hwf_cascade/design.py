"""What the launcher built, and the words that its registers understand."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from hwflow.rtl.registers import cascade_registers


@dataclass(frozen=True)
class Shape:
    """What the launcher built.

    ``in_bytes`` and ``ii_cycles`` of each stage by itself; ``deep``: retention as by formula.
    """

    stages: int
    classes: int
    frame_bytes: int
    beat_bytes: int
    retention: tuple[int, ...]
    queue: tuple[int, ...]
    reorder_frames: int
    thresholds: tuple[int, ...]
    build_id: int
    in_bytes: tuple[int, ...]
    ii_cycles: tuple[int, ...]
    deep: bool

    @property
    def beats(self):
        return -(-self.frame_bytes // self.beat_bytes)


_GIVEN = json.loads(os.environ["HWF_PARAMETERS"])
SHAPE = Shape(
    **{key: tuple(value) if isinstance(value, list) else value for key, value in _GIVEN.items()}
)
N = SHAPE.stages
FULL = os.environ.get("HWF_MATRIX", "slice") == "full"  # all of the matrix, or a slice

REGISTERS = cascade_registers(
    stages=N,
    classes=SHAPE.classes,
    frame_bytes=SHAPE.frame_bytes,
    frame_beat_bytes=SHAPE.beat_bytes,
    thresholds=SHAPE.thresholds,
    reorder_frames=SHAPE.reorder_frames,
    build_id=SHAPE.build_id,
)
_CONTROL, _CAUSES = REGISTERS["control"], REGISTERS["irq_status"]
CONTROL = _CONTROL.offset
ENABLE, SOFT_RESET = _CONTROL.field("enable").mask, _CONTROL.field("soft_reset").mask
ORDER, SHED = _CONTROL.field("order").mask, _CONTROL.field("shed").mask
DRAINING = REGISTERS["status"].field("draining").mask
IRQ_ALARM, IRQ_MALFORMED = _CAUSES.field("alarm").mask, _CAUSES.field("malformed").mask
IRQ_SHED = _CAUSES.field("shed").mask

FRAME_CYCLES = 3000  # generous bound on the clocks of a frame, stalls included


def control(*, force=None, order=False, shed=False):
    """Return the control register's word; ``force``: the stage, if any."""
    exits = {} if force is None else {"force_enable": 1, "force_stage": force}
    return _CONTROL.word(enable=1, order=order, shed=shed, **exits)
