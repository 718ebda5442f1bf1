"""Expected performance of hwf_cascade: when each frame is accepted and when its result leaves.

A simulation by events, one step per frame and level, of the whole accelerator as
``hwf_accelerator`` composes it: controller, gearbox and top-2 around stages that are known by their
timing alone. Whatever delays a frame was done by frames accepted before it, so frames are computed
one after the other, in order of acceptance. Two things happen between frames of any order, the
arbitration of results and of freed slots; both cost single clocks.

Assumed: the sink always takes results; frames are whole and come at one beat a clock, once begun.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NEVER = -1  # in an array of cycles: it did not happen
LAST_TICKETS = 32  # hwf_cascade: LAST_TICKETS, frames inside the last stage

# Clocks that each block adds, all counted on the RTL.
_TOP2 = 2  # hwf_top2: last score taken -> verdict_valid_o
_DECIDE = 1  # hwf_decide: verdict taken -> exit, decision
_QUEUE = 1  # hwf_fifo: pushed -> offered (tickets, free slots, waiting frames)
_MERGE = 1  # hwf_merge: exit taken -> merged
_SKID = 1  # hwf_skid: taken -> offered
_GEARBOX = 1  # hwf_gearbox: beat taken -> word offered
_STORE = 1  # hwf_reorder: stored -> due
_LONG_FRAME = 5  # beats; shorter frames are computed beat by beat
_REMEMBERED = 1 << 12  # clocks, after which those are forgotten that no frame can ask for


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
    as many as the retention holds.
    """

    frame_bytes: int
    beat_bytes: int
    retention_frames: tuple[int, ...] = ()
    queue_frames: tuple[int, ...] | None = None
    reorder_frames: int = 0

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


class _Level:
    """hwf_level with gearbox, stage and top-2: what of earlier frames still delays later ones."""

    def __init__(self, timing: StageTiming, sizes: Sizes, decision: int | None) -> None:
        self.timing, self.beats = timing, sizes.frame_beats
        self.retains = decision is not None
        self.queue = 0 if decision is None else sizes.queues[decision]
        self.fresh = 0 if decision is None else sizes.retention_frames[decision]
        self.free: list[int] = []  # heap: when slots were given back
        self.reads: deque[int] = deque()  # when frames that wait are read out
        words = sizes.frame_bytes // timing.word_bytes
        # Words that are complete with each beat, and when the stage takes each after the first.
        self.words = [
            min((beat + 1) * sizes.beat_bytes, sizes.frame_bytes) // timing.word_bytes
            for beat in range(self.beats)
        ]
        self.pace = [-(-word * timing.input_cycles // max(1, words - 1)) for word in range(words)]
        # Of the frame before: when it handed over its last beat, when its last three beats left
        # the gearbox, when the stage took its first word and gave its last score, and the decision.
        self.handed = 0
        self.gone = [NEVER] * 3
        self.started = -timing.ii_cycles
        self.answered = NEVER - timing.score_words
        self.decided = NEVER - _TOP2
        self.ready = 0  # when the registers behind the decision are free
        self.answers: deque[int] = deque()  # ``answered`` of frames that may be inside the stage
        self.tickets: deque[int] = deque()  # last level: ``decided`` of frames likewise
        # Of the frame at hand: when retention took its first beat, when its last beat came.
        self.entered = self.complete = 0
        # When its beats leave the gearbox if nothing but the stage holds it up.
        _, gone, started, _ = self._beats(0, 1, 0)
        self.first = next(beat for beat, word in enumerate(self.words) if word)
        self.rhythm = [clock - started for clock in gone]

    def take(self, clock: int) -> int:
        """Pass on a frame that is offered at ``clock``; return when its first beat is accepted."""
        # hwf_frame_guard, reader of hwf_retain: a register that is loaded as it empties.
        accepted = max(clock, self.handed)
        keep = accepted + 1
        if self.retains:
            if self.fresh:
                self.fresh -= 1
            else:
                # hwf_retain: s_axis_tready = slot_valid.
                keep = max(keep, heappop(self.free) + _QUEUE)
        self.entered = keep
        ticket = room = 0
        if len(self.tickets) == LAST_TICKETS:
            ticket = self.tickets.popleft() + _QUEUE
        if self.timing.frames is not None and len(self.answers) == self.timing.frames:
            room = self.answers.popleft() + _QUEUE
        passed = self._beats if self.beats < _LONG_FRAME else self._ends
        self.complete, gone, self.started, self.handed = passed(accepted, keep, ticket)
        self.gone = [*self.gone, *gone[:-1], max(gone[-1], room)][-3:]
        return accepted

    def _beats(self, accepted: int, keep: int, ticket: int) -> tuple[int, list[int], int, int]:
        """Follow each beat of a frame that was accepted at ``accepted``.

        ``keep``, ``ticket``: when the other branch takes the first and the last beat, at the
        earliest. Returns when the last beat came, when each beat left the gearbox, when the stage
        took the first word, and when the last beat was handed over.
        """
        gone = list(self.gone)
        started, taken, done = self.started, 0, 0
        complete = handed = accepted
        for beat, words in enumerate(self.words):
            complete = handed
            # hwf_skid holds two beats, hwf_gearbox one: the third beat before must be gone.
            skid = max(handed + 1, gone[-3] + 1)
            # hwf_fork: a beat leaves when stage and keeper both have it.
            handed = max(skid, keep if beat == 0 else 0)
            clock = max(skid + _SKID, gone[-1]) + _GEARBOX
            if words > done:
                if done:
                    clock = max(clock, taken + self.pace[done] - self.pace[done - 1])
                else:
                    clock = started = max(clock, started + self.timing.ii_cycles)
                clock += self.pace[words - 1] - self.pace[done]
                taken, done = clock, words
            gone.append(clock)
        return complete, gone[3:], started, max(handed, ticket)

    def _ends(self, accepted: int, keep: int, ticket: int) -> tuple[int, list[int], int, int]:
        """Do the same for a long frame, of which only first and last beats are looked at.

        Between them all runs evenly: a beat a clock, or as fast as the stage takes words.
        """
        first, beats, rhythm, before = self.first, self.beats, self.rhythm, self.gone
        skid = max(accepted + 1, before[0] + 1)
        handed = max(skid, keep)
        begin = max(handed if first else skid, before[2] - _SKID) + _SKID + _GEARBOX
        start = max(begin + first, self.started + self.timing.ii_cycles)
        second = start
        if first == 0:
            # The keeper may have let the second beat wait.
            late = handed + 1 + _SKID + _GEARBOX
            if self.words[1] > self.words[0]:
                late += self.pace[self.words[1] - 1] - self.pace[self.words[0]]
            second = max(start, late - rhythm[1])

        def gone(beat: int) -> int:
            if beat < first:
                return begin + beat
            return (second if beat else start) + rhythm[beat]

        def leaves(beat: int) -> int:
            return max(handed + beat, (gone(beat - 3) if beat >= 3 else before[beat]) + 1)

        return (
            leaves(beats - 2),
            [gone(beat) for beat in (beats - 3, beats - 2, beats - 1)],
            start,
            max(leaves(beats - 1), ticket),
        )

    def decide(self) -> int:
        """Return when the verdict on the frame that was taken last meets its ticket."""
        timing = self.timing
        answered = max(
            self.gone[2] + timing.latency_cycles - timing.input_cycles,
            self.answered + timing.score_words,
            # hwf_top2: one enable, so scores wait while a verdict does.
            self.decided + timing.score_words - _TOP2,
        )
        self.answered = answered
        if timing.frames is not None:
            self.answers.append(answered)
        decided = max(answered + _TOP2, self.handed + _QUEUE, self.decided + 1, self.ready)
        self.decided = decided
        if not self.retains:
            self.tickets.append(decided)
        while self.reads and self.reads[0] < decided:
            self.reads.popleft()
        return decided

    def queue_full(self) -> bool:
        """Return hwf_retain's ``queue_full_o`` in the clock of the decision."""
        return len(self.reads) >= self.queue

    def release(self) -> int:
        """Give the slot of a frame that exits back; return when."""
        clock = self.decided + _DECIDE
        for read in self.reads:  # hwf_retain: the reader goes first
            if read > clock:
                break
            clock += read == clock
        heappush(self.free, clock)
        self.ready = max(self.ready, clock)
        return clock

    def read_out(self, clock: int) -> None:
        """Note that the frame was read on to the next level and its slot given back."""
        self.reads.append(clock)
        heappush(self.free, clock)


class _Arbiter:
    """hwf_merge while frames come one after the other: which clock serves which exit.

    Frames ask in order of acceptance, so a clock may be taken already, by an earlier frame of a
    later level; whoever comes first in the round keeps the clock, the other takes the next one.
    """

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.clocks: list[int] = []  # served, rising
        self.owner: dict[int, tuple[int, int]] = {}  # clock -> level and frame

    def ask(self, clock: int, level: int, frame: int) -> list[tuple[int, int, int]]:
        """Serve ``frame`` from ``clock`` on; return (clock, level, frame) of all that moved."""
        moved = []
        while (other := self.owner.get(clock)) is not None:
            before = bisect_left(self.clocks, clock)
            last = self.owner[self.clocks[before - 1]][0] if before else self.stages - 1
            # Levels above the one that was served last come first.
            if (level - last - 1) % self.stages < (other[0] - last - 1) % self.stages:
                self.owner[clock] = (level, frame)
                moved.append((clock, level, frame))
                level, frame = other
            clock += 1
        self.owner[clock] = (level, frame)
        insort(self.clocks, clock)
        moved.append((clock, level, frame))
        return moved

    def forget(self, clock: int) -> None:
        """Forget what was served before ``clock``, the last one aside."""
        keep = max(0, bisect_left(self.clocks, clock) - 1)
        for past in self.clocks[:keep]:
            del self.owner[past]
        del self.clocks[:keep]


def expected_timeline(stages: Sequence[StageTiming], sizes: Sizes, traffic: Traffic) -> Timeline:
    """Return when every frame of ``traffic`` comes and goes.

    Raises:
        ValueError: ``sizes`` or ``traffic`` do not fit ``stages``.
    """
    _check(stages, sizes, traffic)
    last = len(stages) - 1
    count = traffic.count
    levels = [_Level(timing, sizes, k if k < last else None) for k, timing in enumerate(stages)]
    arrival = _list(traffic.arrival, count)
    ordered = _list(traffic.order, count) if sizes.reorder_frames else [0] * count
    may_shed = _list(traffic.shed, count)
    forced = _list(traffic.forced, count)
    wanted = traffic.exit_stage.tolist()

    accepted, exit_stage, shed, exits = [0] * count, [0] * count, [False] * count, [0] * count
    entered = [[NEVER] * count for _ in range(last)]
    left = [[NEVER] * count for _ in range(last)]
    arbiter = _Arbiter(len(stages))
    grants = [0] * count
    places: deque[int] = deque()  # ordered frames that may be inside
    leaves = NEVER  # when the result of the ordered frame that was looked at last left the store
    offered, stall = 0, 0

    for i in range(count):
        start = arrival[i]
        if ordered[i] and len(places) == sizes.reorder_frames:
            leaves = max(grants[places.popleft()] + _MERGE + _STORE, leaves + 1)
            start = max(start, leaves + _QUEUE)
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
                        start = decided + _DECIDE + _QUEUE
                        continue
                    shed[i] = True
                left[k][i] = level.release()
            exit_stage[i] = k
            exits[i] = decided + _DECIDE
            for granted, owner, frame in arbiter.ask(exits[i], k, i):
                grants[frame] = granted
                levels[owner].ready = max(levels[owner].ready, granted)
            break
        if len(arbiter.clocks) > _REMEMBERED:
            arbiter.forget(accepted[i])

    result = _results(exits, exit_stage, ordered, len(stages), reorder=sizes.reorder_frames > 0)
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


def _results(
    exits: list[int], exit_stage: list[int], ordered: list[int], stages: int, *, reorder: bool
) -> list[int]:
    """Return when each result leaves: hwf_merge, hwf_reorder, and the register behind them."""
    # Frame by frame, each level's exits come in order; the arbiter sees the heads.
    heads = [deque[int]() for _ in range(stages)]
    for frame, stage in enumerate(exit_stage):
        heads[stage].append(frame)
    waiting = deque(frame for frame, flag in enumerate(ordered) if flag)
    stored: dict[int, int] = {}  # ordered frame -> the first clock in which it can leave the store
    result = [0] * len(exits)
    clock, later = NEVER, 0  # of the last grant, and the level that comes first now
    taken = NEVER  # when the last merged result was taken
    passed = NEVER  # when the store's register last took a result
    for _ in exits:
        due = [exits[head[0]] if head else None for head in heads]
        # The register behind the arbiter is free again when its result is taken.
        clock = max(min(at for at in due if at is not None), clock + 1, taken)
        order = (*range(later, stages), *range(later))
        stage = next(k for k in order if (at := due[k]) is not None and at <= clock)
        later = (stage + 1) % stages
        frame = heads[stage].popleft()
        merged = clock + _MERGE
        if not reorder:
            taken = merged
            result[frame] = merged + _SKID
            continue
        if ordered[frame]:
            taken = merged
            stored[frame] = merged + _STORE
        # Whatever is due leaves before a result may pass by.
        while waiting and waiting[0] in stored:
            leaves = max(stored[waiting[0]], passed + 1)
            if not ordered[frame] and leaves > max(merged, passed + 1):
                break
            passed = leaves
            result[waiting.popleft()] = leaves + 1 + _SKID
        if not ordered[frame]:
            taken = passed = max(merged, passed + 1)
            result[frame] = taken + 1 + _SKID
    return result


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
