"""The accelerators with dummy stages that the controller's bench drives."""

from __future__ import annotations

from hwflow.bench.cascade.rig import Dummy, Rig

_SLOW = (Dummy(4, 2, 60, 25), Dummy(12, 3, 90, 70), Dummy(1, 10, 20, 40))
_FAST = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1))  # a verdict every clock
_SHORT = (Dummy(12, 10, 2, 3), Dummy(36, 4, 5, 4), Dummy(4, 10, 9, 9))
_FOUR = (Dummy(12, 10, 2, 3), Dummy(16, 4, 5, 4), Dummy(4, 10, 9, 9), Dummy(24, 3, 4, 14))

# One to four stages, beats wider and narrower than the stages' words, retention from its minimum
# on in LUTs and block RAM, queues from one frame on, with and without a reorder store.
SOAK_RIGS = (
    Rig("three stages", _SLOW, 4, (16, 8), (4, 2), (True, False), reorder=32),
    Rig("two stages, smallest", _SLOW[:2], 8, (2,), (1,), reorder=2),
    Rig("one beat a frame", _FAST, 64, (16,), (3,), reorder=8),
    Rig("three stages, short", _SHORT, 16, (5, 3), (5, 1), (False, True), reorder=4),
    # Margins that the result word cannot hold; a number of beats that is not one more than a power
    # of two, where a counter that runs down would pass for one that runs up.
    Rig(
        "two stages, no order",
        (Dummy(14, 10, 2, 3), Dummy(28, 4, 5, 4)),
        4,
        (7,),
        (2,),
        (True,),
        frame_bytes=28,
        score_bits=27,
    ),
    # More frames inside than the last stage has tickets for.
    Rig("one stage", (Dummy(36, 10, 300, 1, frames=64),), 64),
    Rig("one stage, order", _SHORT[:1], 8, reorder=16),
    Rig("four stages", _FOUR, 16, (6, 4, 2), (2, 1, 1), reorder=16, frame_bytes=48),
)
