"""How training runs on a machine; what it computes is the recipe's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DeviceKind = Literal["cpu", "cuda"]
# One thread is as fast as two on networks as small as the demo's (0.5 s an epoch), several times
# faster where the second core is busy, and the sums do not depend on the number of cores.
DEFAULT_THREADS = 1


@dataclass(frozen=True)
class TrainOptions:
    """``threads`` of torch, ``device`` and number of ``devices``, one process each.

    These three split the sums of a step, and so are part of what a result is the result of; the
    others are not. ``checkpoint_seconds``: an interrupted run loses no more than so much work.
    ``tensorboard``: write event files beside the CSV.
    """

    threads: int = DEFAULT_THREADS
    device: DeviceKind = "cpu"
    devices: int = 1
    checkpoint_seconds: float = 30.0
    tensorboard: bool = False
