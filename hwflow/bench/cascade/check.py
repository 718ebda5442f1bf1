"""Whether what a soak recorded is what the numpy model says, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwflow.bench.cascade.rig import Array, IntArray, Rig, Run
from hwflow.cascade.controller import (
    NOT_FORCED,
    NOT_SHED,
    Counters,
    Settings,
    alarms,
    delivery,
    run_controller,
)
from hwflow.cascade.decision import top2
from hwflow.cascade.result import FLAG_LONG, FLAG_SHED, FLAG_SHORT, ID_MODULO, Results, pack
from hwflow.errors import VerificationError

# Clocks from the verdict of stage 0 on, as the contracts of hwf_decide and hwf_alarm say.
_COUNTED, _ALARM = 1, 2
# Columns of Array.FRAMES.
_BEATS, _CONTROL, _THRESHOLDS = 2, 3, 4


@dataclass(frozen=True)
class Epoch:
    """What one epoch, from reset to reset, was found to be.

    ``delivered``: result words; ``equal``: those that were found to be the model's.
    """

    frames: int
    expected: Results
    counters: Counters
    delivered: int
    equal: int
    drained: bool
    wishes: NDArray[np.bool_]
    decided: IntArray  # cycles of the decisions by margin of stage 0, one per wish


def check(rig: Rig, run: Run, *, what: str) -> tuple[Epoch, ...]:
    """Compare ``run`` with the model and return its epochs; ``what`` names it in an error.

    Checked: every accepted frame gives exactly one result, bit by bit the model's, those aside that
    a reset discards; sheds happen exactly where the next stage's queue is full; order of delivery;
    retention's peak; counters and interrupt.

    Raises:
        VerificationError: naming the first frame and the cycle.
    """
    if run.error:
        raise _error(what, run, "contracts", run.error_frame, "what they say", run.error)
    epochs = []
    ends = run[Array.EPOCHS]
    bounds = _bounds(run[Array.FRAMES][:, 1], len(ends))
    results = _bounds(run[Array.RESULTS][:, 1], len(ends))
    for number in range(len(ends)):
        one = _Epoch(rig, run, number, bounds[number], results[number], what)
        epochs.append(one.check())
    _check_peaks(rig, run, what)
    _check_interrupt(run, epochs, what)
    return tuple(epochs)


def _bounds(epoch: IntArray, count: int) -> list[slice]:
    edges = np.searchsorted(epoch, np.arange(count + 1))
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def _error(
    what: str, run: Run, link: str, frame: int, expected: str, got: str, *, mismatches: int = 1
) -> VerificationError:
    return VerificationError(
        f"{what}: {link}",
        compared=len(run.frames),
        mismatches=mismatches,
        sample=frame,
        expected=expected,
        got=got,
    )


class _Epoch:
    """One epoch of a run; frames are numbered in it, errors name their number in the run."""

    def __init__(
        self, rig: Rig, run: Run, number: int, frames: slice, results: slice, what: str
    ) -> None:
        self.rig, self.run, self.number = rig, run, number
        self.what = f"{what}, epoch {number}"
        self.first = frames.start
        self.rows = run[Array.FRAMES][frames]
        self.frames = run.frames[frames]
        self.words = run.words[results]
        self.cycles = run[Array.RESULTS][results, 0]
        self.drained = bool(run[Array.EPOCHS][number, 2])
        self.settings = self._settings()

    def check(self) -> Epoch:
        scores = [self.rig.scores(self.frames, k) for k in range(self.rig.stages)]
        shed, wishes, decided = self._flow(scores)
        beats = self.rows[:, _BEATS]
        short, long = beats < self.rig.beats, beats > self.rig.beats
        flags = FLAG_SHORT * short.astype(np.int64) + FLAG_LONG * long.astype(np.int64)
        expected, counters = run_controller(scores, self.settings, flags=flags, shed_stage=shed)
        place = self._places()
        equal = self._compare(pack(expected)[place], place)
        if wrong := delivery(place, exit_stage=expected.exit_stage, order=self.settings.order):
            raise self.error("order of delivery", self._late(place, expected), wrong, "that")
        if self.drained:
            if len(place) != len(self.rows):
                lost = int(np.setdiff1d(np.arange(len(self.rows)), place)[0])
                raise self.error("results", lost, "one result", "none")
            self._check_counters(counters)
        else:
            self._check_overtaken(place, expected)
        return Epoch(
            frames=len(self.rows),
            expected=expected,
            counters=counters,
            delivered=len(self.words),
            equal=equal,
            drained=self.drained,
            wishes=wishes,
            decided=decided,
        )

    def _check_overtaken(self, place: IntArray, expected: Results) -> None:
        """Of what a reset discards, nothing may be older than a result of its own kind.

        Ordered frames leave by rising number, and so do others that exit at one stage.
        """
        order = self.settings.order
        kinds = [order, *(~order & (expected.exit_stage == k) for k in range(self.rig.stages))]
        there = np.isin(np.arange(len(self.rows)), place)
        for kind in kinds:
            own = np.flatnonzero(kind)
            came = np.flatnonzero(there[own])
            lost = np.flatnonzero(~there[own[: came[-1]]]) if came.size else came
            if lost.size:
                raise self.error(
                    "results before a reset",
                    int(own[lost[0]]),
                    "one result",
                    f"none, but one of frame {own[came[-1]]}",
                )

    def error(
        self, link: str, frame: int, expected: str, got: str, *, mismatches: int = 1
    ) -> VerificationError:
        """Return an error about ``frame`` of this epoch."""
        where = min(frame, len(self.rows) - 1)
        when = f", accepted at cycle {self.rows[where, 0]}" if len(self.rows) else ""
        return _error(
            self.what,
            self.run,
            link,
            self.first + frame,
            expected,
            f"{got} (frame {frame} of the epoch{when})",
            mismatches=mismatches,
        )

    def _settings(self) -> Settings:
        forced = self._setting("force_enable") == 1
        stages = self.rig.stages
        stage = np.minimum(self._setting("force_stage"), stages - 1)
        return Settings(
            thresholds=self.rows[:, _THRESHOLDS : _THRESHOLDS + stages - 1],
            force_stage=np.where(forced, stage, NOT_FORCED),
            order=self._setting("order") == 1,
            may_shed=self._setting("shed") == 1,
        )

    def _setting(self, name: str) -> IntArray:
        """Return what field ``name`` of ``control`` was for each frame."""
        field = self.rig.registers["control"].field(name)
        values: IntArray = (self.rows[:, _CONTROL] & field.mask) >> field.low
        return values

    def _flow(self, scores: list[IntArray]) -> tuple[IntArray, NDArray[np.bool_], IntArray]:
        """Return where each frame is shed, and wish and cycle of the decisions of stage 0.

        Frames reach each stage in order of acceptance. Of frames that wish to escalate at cycle t
        and may be shed, those are shed that find ``queue`` others sent on but not yet read out.
        """
        shed = np.full(len(self.rows), NOT_SHED, dtype=np.int64)
        there = np.arange(len(self.rows))
        wishes, decided = np.empty(0, np.bool_), np.empty(0, np.int64)
        forced = self.settings.force_stage != NOT_FORCED
        for k in range(self.rig.stages):
            verdicts = self._of_level(Array.VERDICTS, k)
            if len(verdicts) > len(there):
                raise self.error(
                    f"verdicts of stage {k}",
                    int(there[-1]) if len(there) else 0,
                    f"{len(there)}",
                    f"{len(verdicts)}, at cycle {verdicts[len(there)]}",
                )
            there = there[: len(verdicts)]
            if k == self.rig.stages - 1:
                break
            _, margin = top2(scores[k])
            unsure = margin[there] < self.settings.thresholds[there, k]
            own = forced[there]
            if k == 0:
                wishes, decided = unsure[~own], verdicts[~own]
            on = np.where(own, self.settings.force_stage[there] > k, unsure)
            read_out = self._of_level(Array.READ_OUT, k)
            # A frame whose last beat shows at cycle c was read out before c.
            gone = np.searchsorted(read_out, verdicts, side="right")
            may = unsure & ~own & self.settings.may_shed[there]
            dropped = _shed(on, may, gone, self.rig.parameters.queue_frames[k])
            shed[there[dropped]] = k
            there = there[on & ~dropped]
        return shed, wishes, decided

    def _of_level(self, which: Array, level: int) -> IntArray:
        rows = self.run[which]
        own = rows[np.searchsorted(rows[:, 1], self.number) :]
        own = own[: np.searchsorted(own[:, 1], self.number, side="right")]
        cycles: IntArray = own[own[:, 2] == level, 0]
        return cycles

    def _places(self) -> IntArray:
        """Return the frame of each result: its id is that of the nearest to its own place."""
        order = np.arange(len(self.words), dtype=np.int64)
        ids = (self.words & np.uint64(ID_MODULO - 1)).astype(np.int64)
        half = ID_MODULO // 2
        place = order - half + (ids - order + half) % ID_MODULO
        wrong = (place < 0) | (place >= len(self.rows))
        if wrong.any():
            first = int(np.argmax(wrong))
            raise self.error(
                "sample ids",
                min(first, len(self.rows) - 1),
                f"below {len(self.rows)}",
                f"{ids[first]} at cycle {self.cycles[first]}",
            )
        _, index, count = np.unique(place, return_index=True, return_counts=True)
        if (count > 1).any():
            twice = int(place[index[np.argmax(count > 1)]])
            at = self.cycles[np.flatnonzero(place == twice)[1]]
            raise self.error("results", twice, "one result", f"another at cycle {at}")
        return place

    def _compare(self, expected: NDArray[np.uint64], place: IntArray) -> int:
        """Return how many words are as expected, which is all of them, or raise."""
        same = expected == self.words
        wrong = np.flatnonzero(~same)
        if len(wrong):
            first = wrong[0]
            raise self.error(
                "result words",
                int(place[first]),
                f"{expected[first]:#018x}",
                f"{self.words[first]:#018x} at cycle {self.cycles[first]}",
                mismatches=len(wrong),
            )
        early = np.flatnonzero(self.cycles <= self.rows[place, 0])
        if len(early):
            raise self.error("results", int(place[early[0]]), "after its frame", "before")
        return int(np.count_nonzero(same))

    def _late(self, place: IntArray, expected: Results) -> int:
        """Return the first frame that left too late for its order."""
        for kind in (
            self.settings.order,
            *((expected.exit_stage == k) & ~self.settings.order for k in range(self.rig.stages)),
        ):
            own = place[kind[place]]
            late = np.flatnonzero(own[1:] < own[:-1])
            if len(late):
                return int(own[late[0] + 1])
        return 0

    def _check_counters(self, counters: Counters) -> None:
        rows = self.run[Array.COUNTERS]
        registers = self.rig.registers
        read = {int(row[1]): int(row[2]) for row in rows[rows[:, 0] == self.number]}
        wanted = {
            "frames_in": counters.frames_in,
            "frames_short": counters.frames_short,
            "frames_long": counters.frames_long,
            "status": 1,
            **{f"exits_{k}": int(count) for k, count in enumerate(counters.exits)},
        }
        for k in range(self.rig.stages - 1):
            wanted |= {f"shed_{k}": int(counters.sheds[k]), f"retained_{k}": 0}
        for name, value in wanted.items():
            got = read[registers[name].offset]
            if got != value:
                raise self.error(f"register {name}", len(self.rows) - 1, str(value), str(got))


def _shed(
    on: NDArray[np.bool_], may: NDArray[np.bool_], gone: IntArray, queue: int
) -> NDArray[np.bool_]:
    """Return which frames find the queue full, given how many had left it before each."""
    dropped = np.zeros(len(on), np.bool_)
    sent = 0
    for i in np.flatnonzero(on):
        if may[i] and sent - gone[i] >= queue:
            dropped[i] = True
        else:
            sent += 1
    return dropped


def _check_peaks(rig: Rig, run: Run, what: str) -> None:
    for epoch, level, frames in run[Array.PEAKS]:
        if level < len(rig.retention) and frames > rig.retention[level]:
            raise _error(
                what,
                run,
                f"epoch {epoch}, frames retained beside stage {level}",
                0,
                f"at most {rig.retention[level]}",
                str(frames),
            )


def _check_interrupt(run: Run, epochs: list[Epoch], what: str) -> None:
    """Compare irq_o and irq_status with what the events so far, clears and enables make of them."""
    events = [
        np.fromiter(_alarm_cycles(run, epochs), np.int64),
        run[Array.MALFORMED][:, 0],
        run[Array.RESULTS][(run.words >> np.uint64(56)) & np.uint64(FLAG_SHED) != 0, 0],
    ]
    ends = run[Array.EPOCHS]
    hard = ends[ends[:, 1] != 0]
    for first, last in hard[:, :2]:
        # A bit that is set in the clock before a reset is seen by nobody.
        events = [cycles[(cycles < first - 1) | (cycles > last)] for cycles in events]
    clears, enables = run[Array.CLEARS], run[Array.ENABLES]

    def status(at: IntArray) -> IntArray:
        value = np.zeros(len(at), np.int64)
        for bit, cycles in enumerate(events):
            # Set in the clock after the event, and first where both happen.
            last_set = _latest(np.sort(cycles) + 1, at)
            last_clear = _latest(clears[(clears[:, 1] >> bit) & 1 == 1, 0], at)
            value |= ((last_set >= 0) & (last_set >= last_clear)).astype(np.int64) << bit
        return value

    changes = np.unique(
        np.concatenate([*(cycles + 1 for cycles in events), clears[:, 0], enables[:, 0]])
    )
    enabled = enables[np.searchsorted(enables[:, 0], changes, side="right") - 1, 1]
    level = (status(changes) & enabled != 0).astype(np.int64)
    turns = np.flatnonzero(np.diff(level, prepend=0))
    expected = np.stack([changes[turns] + 1, level[turns]], axis=1)
    # A run ends at once: its last change may come too late.
    expected = expected[expected[:, 0] < run.cycles]
    got = run[Array.IRQ]
    same = min(len(expected), len(got))
    differs = np.flatnonzero((expected[:same] != got[:same]).any(axis=1))
    if len(differs) or len(expected) != len(got):
        first = int(differs[0]) if len(differs) else same
        told = [
            f"{rows[first, 1]} from cycle {rows[first, 0]} on" if first < len(rows) else "no change"
            for rows in (expected, got)
        ]
        frame = _frame_at(run, int(got[first, 0] if first < len(got) else expected[first, 0]))
        raise _error(what, run, "irq_o", frame, told[0], told[1])
    reads = run[Array.STATUS_READ]
    wanted = status(reads[:, 0])
    wrong = np.flatnonzero(wanted != reads[:, 1])
    if len(wrong):
        cycle, value = reads[wrong[0]]
        raise _error(
            what,
            run,
            "irq_status",
            _frame_at(run, int(cycle)),
            str(wanted[wrong[0]]),
            f"{value} at cycle {cycle}",
            mismatches=len(wrong),
        )


def _latest(sorted_cycles: IntArray, at: IntArray) -> IntArray:
    """Return the last of ``sorted_cycles`` that is no later than each of ``at``, or -1."""
    if not len(sorted_cycles):
        return np.full(len(at), -1, np.int64)
    index = np.searchsorted(sorted_cycles, at, side="right") - 1
    return np.where(index >= 0, sorted_cycles[index], -1)


def _frame_at(run: Run, cycle: int) -> int:
    """Return the frame that was accepted last before ``cycle``."""
    return max(0, int(np.searchsorted(run[Array.FRAMES][:, 0], cycle)) - 1)


def _alarm_cycles(run: Run, epochs: list[Epoch]) -> Iterator[int]:
    """Yield the clock of each alarm."""
    windows = run[Array.WINDOWS]
    for number, epoch in enumerate(epochs):
        counted = epoch.decided + _COUNTED
        end = int(run[Array.EPOCHS][number, 0]) + int(run[Array.EPOCHS][number, 1] != 0)
        begins = int(run[Array.EPOCHS][number - 1, 0]) if number else 0
        before = windows[windows[:, 0] <= begins][-1:]
        own = np.concatenate([before, windows[(windows[:, 0] > begins) & (windows[:, 0] < end)]])
        edges = [*own[:, 0].tolist(), end]
        for (_, _, window, limit), low, high in zip(own, edges[:-1], edges[1:], strict=True):
            part = (counted >= low) & (counted < high)
            fires = alarms(epoch.wishes[part], window=int(window), limit=int(limit))
            yield from (counted[part][fires] + _ALARM - _COUNTED).tolist()
