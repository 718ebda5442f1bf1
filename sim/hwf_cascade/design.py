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
CONTROL = REGISTERS["control"].offset
ENABLE, SOFT_RESET, FORCE, ORDER, SHED = 1 << 0, 1 << 1, 1 << 2, 1 << 8, 1 << 9
DRAINING = 1 << 1  # of status
IRQ_ALARM, IRQ_MALFORMED, IRQ_SHED = 1 << 0, 1 << 1, 1 << 2

FRAME_CYCLES = 3000  # generous bound on the clocks of a frame, stalls included


def control(*, force=None, order=False, shed=False):
    """Return the control register's word; ``force``: the stage, if any."""
    word = ENABLE | (ORDER if order else 0) | (SHED if shed else 0)
    return word if force is None else word | FORCE | force << 4
