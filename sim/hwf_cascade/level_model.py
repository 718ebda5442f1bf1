"""Follows frames from verdict to verdict: who is decided, who waits, who must be shed."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from hwflow.cascade.controller import NOT_FORCED, NOT_SHED


class Choice(NamedTuple):
    """Settings but thresholds, as sampled with a frame's first beat."""

    force: int  # NOT_FORCED or the stage
    order: bool
    may_shed: bool


class Accepted(NamedTuple):
    """A frame that went in."""

    cycle: int
    thresholds: list[int]
    choice: Choice


class Verdict(NamedTuple):
    """What a verdict met and led to."""

    queue_full: bool
    outcome: str  # last, forced, sure; unsure, waits; unsure, shed


class LevelModel:
    """Stages answer in order and queues keep it, so a verdict's frame is known by counting.

    From this, the margins and the beats that leave for the next stage alone it says at each verdict
    whether the queue is full, so whether the frame is shed: a bench compares flags with it.
    """

    def __init__(self, queue):
        self.queue = queue  # QueueFrames of each level that has one
        self.reset()

    def reset(self):
        """Forget every frame."""
        self.frames = []  # (Accepted, margins)
        self.coming = [deque() for _ in range(len(self.queue) + 1)]  # frames on the way to verdicts
        self.waiting = [0] * len(self.queue)  # escalated, last beat not yet sent on
        self.peak = [0] * len(self.queue)
        self.shed_stage = []  # of each frame
        self.wishes = []  # (cycle, bool) of each decision of stage 0 by margin

    def accept(self, frame, margins):
        """A frame was accepted; ``margins``: at each stage."""
        self.coming[0].append(len(self.frames))
        self.frames.append((frame, margins))
        self.shed_stage.append(NOT_SHED)

    def sent_on(self, level):
        """The last beat of the frame at the queue's head leaves for the next stage."""
        assert self.waiting[level] > 0, f"level {level} sends a frame that never escalated"
        self.waiting[level] -= 1

    def verdict(self, stage, cycle):
        """Stage ``stage`` gives its verdict."""
        assert self.coming[stage], f"stage {stage}: verdict at cycle {cycle} for no frame"
        index = self.coming[stage].popleft()
        if stage == len(self.queue):
            return Verdict(False, "last")
        (_, thresholds, choice), margins = self.frames[index]
        full = self.waiting[stage] >= self.queue[stage]
        if choice.force != NOT_FORCED:
            outcome, leaves = "forced", choice.force == stage
        else:
            wished = margins[stage] < thresholds[stage]
            shed = wished and full and choice.may_shed
            leaves = shed or not wished
            if stage == 0:
                self.wishes.append((cycle, wished))
            if shed:
                self.shed_stage[index] = stage
            outcome = "unsure, shed" if shed else "unsure, waits" if wished else "sure"
        if not leaves:
            self.coming[stage + 1].append(index)
            self.waiting[stage] += 1
            self.peak[stage] = max(self.peak[stage], self.waiting[stage])
        return Verdict(full, outcome)
