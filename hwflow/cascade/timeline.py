"""Timing of stages and traffic of a cascade, and the timeline that comes of it, all in clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NEVER = -1  # in an array of cycles: it did not happen


@dataclass(frozen=True)
class StageTiming:
    """Timing of a stage by itself, in clocks.

    ``ii_cycles``: least time from a frame's first word to the next frame's. ``latency_cycles``:
    from the clock that takes a frame's first word to the clock that gives its last score, where
    the words come without pause. ``input_cycles``: from the first word taken to the last one,
    likewise. ``word_bytes``: of an input word. ``score_words``: words of scores per frame.
    ``frames``: complete frames that fit inside, None if always enough.
    """

    ii_cycles: int
    latency_cycles: int
    input_cycles: int
    word_bytes: int
    score_words: int = 1
    frames: int | None = None

    def __post_init__(self) -> None:
        for name in ("ii_cycles", "word_bytes", "score_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 <= self.input_cycles <= self.latency_cycles:
            raise ValueError(f"expected 0 <= input_cycles <= latency_cycles, got {self}")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"frames: expected at least 1, got {self.frames}")


@dataclass(frozen=True)
class Sizes:
    """What the controller was built with; see the parameters of hwf_cascade.

    ``retention_frames`` and ``queue_frames`` have one entry per decision. ``queue_frames`` None:
    as many as the retention holds. ``last_frames``: complete frames inside the last stage.
    """

    frame_bytes: int
    beat_bytes: int
    retention_frames: tuple[int, ...] = ()
    queue_frames: tuple[int, ...] | None = None
    reorder_frames: int = 0
    last_frames: int = 32

    @property
    def frame_beats(self) -> int:
        """Beats of a frame."""
        return -(-self.frame_bytes // self.beat_bytes)

    @property
    def queues(self) -> tuple[int, ...]:
        """Frames that may wait for the next stage before others are shed, per decision."""
        return self.retention_frames if self.queue_frames is None else self.queue_frames


@dataclass(frozen=True)
class Traffic:
    """N frames in order of acceptance.

    ``exit_stage``: (N,) int64, where each leaves if it is not shed. ``arrival``: (N,) int64, the
    first clock in which the source offers it, rising; None: always as early as the input takes
    it. ``order``, ``shed``: (N,) bool, the settings at its first beat, None for none.
    ``forced``: (N,) bool, frames that are never shed.
    """

    exit_stage: IntArray
    arrival: IntArray | None = None
    order: BoolArray | None = None
    shed: BoolArray | None = None
    forced: BoolArray | None = None

    def __post_init__(self) -> None:
        for name, kind in (
            ("exit_stage", np.integer),
            ("arrival", np.integer),
            ("order", np.bool_),
            ("shed", np.bool_),
            ("forced", np.bool_),
        ):
            given = getattr(self, name)
            if given is None and name != "exit_stage":
                continue
            expected = "an array (N,) of " + ("bool" if kind is np.bool_ else "integers")
            if not isinstance(given, np.ndarray):
                raise ValueError(f"{name}: expected {expected}, got {type(given).__name__}")
            if given.ndim != 1 or not np.issubdtype(given.dtype, kind):
                raise ValueError(
                    f"{name}: expected {expected}, got shape {given.shape} of {given.dtype}"
                )
        if not self.count:
            raise ValueError("exit_stage: expected at least one frame, got none")

    @property
    def count(self) -> int:
        """N."""
        return int(self.exit_stage.shape[0])


@dataclass(frozen=True)
class Timeline:
    """What became of N frames. Cycles count from the first in which a frame could be accepted.

    ``accepted``, ``result``: (N,) int64, the clocks in which the first beat and the result were
    handed over. ``exit_stage``: (N,) int64, where it left; ``shed``: (N,) bool, whether it left
    there for want of a place. ``entered``, ``left``: (stages - 1, N) int64, when it took and gave
    back its slot beside each stage, or NEVER. ``stall_cycles``: clocks in which the input waited.
    """

    accepted: IntArray
    result: IntArray
    exit_stage: IntArray
    shed: BoolArray
    entered: IntArray
    left: IntArray
    stall_cycles: int

    @property
    def latency(self) -> IntArray:
        """(N,) int64 clocks from first beat to result."""
        return self.result - self.accepted

    def latency_percentiles(self, stage: int, percents: Sequence[float]) -> NDArray[np.float64]:
        """Return percentiles of the latency of frames that left at ``stage``; NaN if none did."""
        own = self.latency[self.exit_stage == stage]
        if own.size == 0:
            return np.full(len(percents), np.nan)
        return np.asarray(np.percentile(own, percents), dtype=np.float64)

    def cycles_per_frame(self, skip: int = 0) -> float:
        """Return the mean clocks between accepted frames, the first ``skip`` aside.

        ``skip`` leaves out the frames that fill the pipelines, whose acceptance nothing delays.
        """
        if not 0 <= skip < self.accepted.size - 1:
            raise ValueError(f"skip: expected 0..{self.accepted.size - 2}, got {skip}")
        return float(self.accepted[-1] - self.accepted[skip]) / (self.accepted.size - 1 - skip)

    def peak_occupancy(self, level: int) -> int:
        """Return the most slots of the level's retention that were taken at a time."""
        clocks, change = self._changes(level)
        if clocks.size == 0:
            return 0
        # Of changes in the same clock only their sum shows.
        after = np.cumsum(change)[np.append(clocks[1:] != clocks[:-1], True)]
        return int(after.max())

    def mean_occupancy(self, level: int) -> float:
        """Return the slots taken, averaged from the first acceptance to the last result."""
        inside = self.entered[level] != NEVER
        taken = int((self.left[level, inside] - self.entered[level, inside]).sum())
        return taken / max(1, int(self.result.max() - self.accepted[0]))

    def _changes(self, level: int) -> tuple[IntArray, IntArray]:
        inside = self.entered[level] != NEVER
        entered, left = self.entered[level, inside], self.left[level, inside]
        clocks = np.concatenate([entered, left])
        change = np.concatenate([np.ones_like(entered), -np.ones_like(left)])
        order = np.argsort(clocks, kind="stable")
        return clocks[order], change[order]
