"""When the blocks of hwf_accelerator pass a frame on: the rules of the performance model.

Each rule names the RTL that makes it so. All clocks are those in which a handshake happens.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from heapq import heappop, heappush

from hwflow.cascade.timeline import NEVER, Sizes, StageTiming

# Clocks from a handshake at a block's input to the first one possible at its output.
TOP2 = 2  # hwf_top2: last score -> verdict, by way of beat_best_q and verdict_valid_o
DECIDE = 1  # hwf_decide: verdict and ticket -> m_axis_exit, decision_o
QUEUE = 1  # hwf_fifo: tickets, free slots, waiting frames; and ``ready`` of a full one after a pop
MERGE = 1  # hwf_merge
SKID = 1  # hwf_skid
GEARBOX = 1  # hwf_gearbox: beat -> word
STORE = 1  # hwf_reorder: stored (``keep``) -> due
_LONG_FRAME = 5  # beats; shorter frames are computed beat by beat


class Level:
    """hwf_level with gearbox, stage and top-2: what of earlier frames still delays later ones."""

    def __init__(self, timing: StageTiming, sizes: Sizes, decision: int | None) -> None:
        self.timing, self.beats = timing, sizes.frame_beats
        self.retains = decision is not None
        self.last_frames = sizes.last_frames
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
        # the gearbox, when the stage took its first word and gave its last score, and when its
        # verdict was taken; ``waits``: when its verdict and the one before were shown and taken.
        self.handed = 0
        self.gone = [NEVER] * 3
        self.started = -timing.ii_cycles
        self.answered = NEVER - timing.score_words
        self.decided = NEVER
        self.waits = ((NEVER, NEVER), (NEVER, NEVER))
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
        # hwf_frame_guard ``en``, hwf_retain ``read``: !m_axis_tvalid || m_axis_tready.
        accepted = max(clock, self.handed)
        keep = accepted + 1
        if self.retains:
            if self.fresh:
                self.fresh -= 1
            else:
                # hwf_retain: s_axis_tready = slot_valid, of u_free once all slots were used.
                keep = max(keep, heappop(self.free) + QUEUE)
        self.entered = keep
        # hwf_level u_tickets of the last stage, and the stage itself: room only after one left.
        ticket = room = 0
        if len(self.tickets) == self.last_frames:
            ticket = self.tickets.popleft() + QUEUE
        if self.timing.frames is not None and len(self.answers) == self.timing.frames:
            room = self.answers.popleft() + QUEUE
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
            # hwf_skid: s_axis_tready = !spare_valid_q. It holds two beats, hwf_gearbox one, so the
            # third beat before must be gone.
            skid = max(handed + 1, gone[-3] + 1)
            # hwf_fork: s_axis_tready = &(done_q | m_axis_tready).
            handed = max(skid, keep if beat == 0 else 0)
            # hwf_gearbox: s_axis_tready = count_kept < OutBytes, so as the one before leaves.
            clock = max(skid + SKID, gone[-1]) + GEARBOX
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
        begin = max(handed if first else skid, before[2] - SKID) + SKID + GEARBOX
        start = max(begin + first, self.started + self.timing.ii_cycles)
        second = start
        if first == 0:
            # The keeper may have let the second beat wait.
            late = handed + 1 + SKID + GEARBOX
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
        )
        # hwf_top2: s_axis_tready = en = !verdict_valid_o || verdict_ready_i. Scores wait that come
        # while one of the last two verdicts does; a third one is not inside.
        for shown, taken in self.waits:
            if answered >= shown:
                came = answered - timing.score_words + 1
                answered += max(0, taken - max(shown, came))
        self.answered = answered
        if timing.frames is not None:
            self.answers.append(answered)
        verdict = max(answered + TOP2, self.decided + 1)
        # hwf_decide: take needs verdict, ticket, and both registers free.
        decided = self.decided = max(verdict, self.handed + QUEUE, self.ready)
        self.waits = (self.waits[1], (verdict, decided))
        if not self.retains:
            self.tickets.append(decided)
        while self.reads and self.reads[0] < decided:
            self.reads.popleft()
        return decided

    def queue_full(self) -> bool:
        """Return hwf_retain's ``queue_full_o`` in the clock of the decision.

        A frame counts from its decision (``offered``) to the clock of its last read.
        """
        return len(self.reads) >= self.queue

    def release(self) -> int:
        """Give the slot of a frame that exits back; return when."""
        clock = self.decided + DECIDE
        # hwf_retain: decision_ready_o = decision_escalate_i || !read_frees, of longer frames only.
        if self.beats > 1 and self.reads and self.reads[0] == clock:
            clock += 1
        heappush(self.free, clock)
        self.ready = max(self.ready, clock)
        return clock

    def read_out(self, clock: int) -> None:
        """Note that the frame was read on to the next level and its slot given back."""
        self.reads.append(clock)
        heappush(self.free, clock)


class Arbiter:
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


def deliver(
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
        merged = clock + MERGE
        if not reorder:
            taken = merged
            result[frame] = merged + SKID
            continue
        if ordered[frame]:
            taken = merged
            stored[frame] = merged + STORE
        # Whatever is due leaves before a result may pass by.
        while waiting and waiting[0] in stored:
            leaves = max(stored[waiting[0]], passed + 1)
            if not ordered[frame] and leaves > max(merged, passed + 1):
                break
            passed = leaves
            result[waiting.popleft()] = leaves + 1 + SKID
        if not ordered[frame]:
            taken = passed = max(merged, passed + 1)
            result[frame] = taken + 1 + SKID
    return result
