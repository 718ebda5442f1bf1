"""Expected performance of hwf_cascade: when each frame is accepted and when its result leaves.

A simulation by events, one step per frame and level, of the whole accelerator as
``hwf_accelerator`` composes it: controller, gearbox and top-2 around stages that are known by their
timing alone. Whatever delays a frame was done by frames accepted before it, so frames are computed
one after the other, in order of acceptance; only where results collide may a later frame delay an
earlier one, by a clock. The rules are in ``block_timing``; RTL agrees to the clock, see
tests/rtl/test_cascade_timing.py.

Assumed: the sink always takes results; frames are whole and come at one beat a clock, once begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from hwflow.cascade.block_timing import DECIDE, MERGE, QUEUE, STORE, Arbiter, Level, deliver
from hwflow.cascade.timeline import (
    NEVER,
    BoolArray,
    IntArray,
    Sizes,
    StageTiming,
    Timeline,
    Traffic,
)

__all__ = ["NEVER", "Sizes", "StageTiming", "Timeline", "Traffic", "expected_timeline"]

_REMEMBERED = 1 << 12  # served clocks, after which those are forgotten that nobody can ask for


def expected_timeline(stages: Sequence[StageTiming], sizes: Sizes, traffic: Traffic) -> Timeline:
    """Return when every frame of ``traffic`` comes and goes.

    Raises:
        ValueError: ``sizes`` or ``traffic`` do not fit ``stages``.
    """
    _check(stages, sizes, traffic)
    last = len(stages) - 1
    count = traffic.count
    levels = [Level(timing, sizes, k if k < last else None) for k, timing in enumerate(stages)]
    arrival = _list(traffic.arrival, count)
    ordered = _list(traffic.order, count) if sizes.reorder_frames else [0] * count
    may_shed = _list(traffic.shed, count)
    forced = _list(traffic.forced, count)
    wanted = traffic.exit_stage.tolist()

    accepted, exit_stage, shed, exits = [0] * count, [0] * count, [False] * count, [0] * count
    entered = [[NEVER] * count for _ in range(last)]
    left = [[NEVER] * count for _ in range(last)]
    arbiter = Arbiter(len(stages))
    grants = [0] * count
    places: deque[int] = deque()  # ordered frames that may be inside
    leaves = NEVER  # when the result of the ordered frame that was looked at last left the store
    offered, stall = 0, 0

    for i in range(count):
        start = arrival[i]
        if ordered[i] and len(places) == sizes.reorder_frames:
            leaves = max(grants[places.popleft()] + MERGE + STORE, leaves + 1)
            start = max(start, leaves + QUEUE)
        if ordered[i]:
            places.append(i)
        offered = max(offered, arrival[i])
        for k, level in enumerate(levels):
            clock = level.take(start)
            if k == 0:
                accepted[i] = clock
                stall += level.complete - offered - (sizes.frame_beats - 1)
                offered = level.complete + 1
            else:
                levels[k - 1].read_out(level.complete)
                left[k - 1][i] = level.complete
            decided = level.decide()
            if k < last:
                entered[k][i] = level.entered
                if wanted[i] > k:
                    if not (may_shed[i] and not forced[i] and level.queue_full()):
                        # hwf_decide, the queue of waiting frames.
                        start = decided + DECIDE + QUEUE
                        continue
                    shed[i] = True
                left[k][i] = level.release()
            exit_stage[i] = k
            exits[i] = decided + DECIDE
            for granted, owner, frame in arbiter.ask(exits[i], k, i):
                grants[frame] = granted
                levels[owner].ready = max(levels[owner].ready, granted)
            break
        if len(arbiter.clocks) > _REMEMBERED:
            arbiter.forget(accepted[i])

    result = deliver(exits, exit_stage, ordered, len(stages), reorder=sizes.reorder_frames > 0)
    return Timeline(
        accepted=np.array(accepted, dtype=np.int64),
        result=np.array(result, dtype=np.int64),
        exit_stage=np.array(exit_stage, dtype=np.int64),
        shed=np.array(shed, dtype=np.bool_),
        entered=np.array(entered, dtype=np.int64).reshape(last, count),
        left=np.array(left, dtype=np.int64).reshape(last, count),
        stall_cycles=stall,
    )


def _list(values: IntArray | BoolArray | None, count: int) -> list[int]:
    return [0] * count if values is None else values.astype(np.int64).tolist()


def _check(stages: Sequence[StageTiming], sizes: Sizes, traffic: Traffic) -> None:
    decisions = len(stages) - 1
    if decisions < 0:
        raise ValueError("expected at least one stage")
    if sizes.frame_bytes < 1 or sizes.beat_bytes < 1 or sizes.reorder_frames < 0:
        raise ValueError(f"expected bytes of at least 1 and reorder_frames >= 0, got {sizes}")
    for k, stage in enumerate(stages):
        if sizes.frame_bytes % stage.word_bytes:
            raise ValueError(
                f"stage {k}: word_bytes must divide {sizes.frame_bytes}, got {stage.word_bytes}"
            )
    for name, values in (("retention_frames", sizes.retention_frames), ("queues", sizes.queues)):
        if len(values) != decisions:
            raise ValueError(f"{name}: expected {decisions} for {len(stages)} stages, got {values}")
    if any(slots < 2 for slots in sizes.retention_frames):
        raise ValueError(f"retention_frames: expected at least 2, got {sizes.retention_frames}")
    count = traffic.count
    for name, given in (
        ("arrival", traffic.arrival),
        ("order", traffic.order),
        ("shed", traffic.shed),
        ("forced", traffic.forced),
    ):
        if given is not None and given.shape != (count,):
            raise ValueError(f"{name}: expected {(count,)}, got {given.shape}")
    if count and not 0 <= traffic.exit_stage.min() <= traffic.exit_stage.max() <= decisions:
        raise ValueError(f"exit_stage: expected 0..{decisions}")
    if traffic.arrival is not None and np.any(np.diff(traffic.arrival) < 0):
        raise ValueError("arrival: expected rising cycles")
