"""How training runs on a machine; what it computes is the recipe's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CHECKPOINT_SECONDS = 30.0
# One thread is as fast as two on networks as small as the demo's (0.5 s an epoch), several times
# faster where the second core is busy, and the sums do not depend on the number of cores.
DEFAULT_THREADS = 1


class DeviceKind(StrEnum):
    """What torch computes on."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class TrainOptions:
    """``threads`` of torch, ``device`` and number of ``devices``, one process each.

    These three split the sums of a step, and so are part of what a result is the result of; the
    others are not. ``checkpoint_seconds``: an interrupted run loses no more than so much work.
    ``tensorboard``: write event files beside the CSV.
    """

    threads: int = DEFAULT_THREADS
    device: DeviceKind = DeviceKind.CPU
    devices: int = 1
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    tensorboard: bool = False


ON_CPU = TrainOptions()
"""In this process, on its processor."""
