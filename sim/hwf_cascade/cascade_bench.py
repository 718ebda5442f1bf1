"""The whole accelerator with dummy stages: traffic, scoreboard against the model, counters."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import NamedTuple

import cocotb
import numpy as np
from bench import Bench, Registers
from cascade_coverage import COVERAGE
from cascade_watch import Watch
from cocotb.triggers import ClockCycles
from design import (
    CONTROL,
    FRAME_CYCLES,
    IRQ_ALARM,
    IRQ_MALFORMED,
    IRQ_SHED,
    REGISTERS,
    SHAPE,
    N,
    control,
)
from dummy_scores import scores_of
from streams import Port

from hwflow.cascade.controller import NOT_FORCED, Settings, alarms, delivery, run_controller
from hwflow.cascade.decision import top2
from hwflow.cascade.result import (
    FLAG_FORCED,
    FLAG_LONG,
    FLAG_ORDERED,
    FLAG_SHED,
    FLAG_SHORT,
    ID_MODULO,
    unpack,
)

EASY, HARD = 100, 4  # scripted bytes: margin about 100 × 256, or below 8 × 256 + 255
FLAGS = {
    "short": FLAG_SHORT,
    "long": FLAG_LONG,
    "forced": FLAG_FORCED,
    "shed": FLAG_SHED,
    "ordered": FLAG_ORDERED,
    "short and shed": FLAG_SHORT | FLAG_SHED,
}


class Sent(NamedTuple):
    """A frame on its way."""

    seen: np.ndarray  # uint8 bytes, as a stage gets them
    flags: int
    beats: int
    margins: list[int]  # at each stage


class Cascade:
    """Drives hwf_accelerator and keeps what is needed to say what must come out of it."""

    def __init__(self, dut, *, name, idle="none", stall="none", attach=True):
        self.dut = dut
        self.bench = Bench(dut, name=name)
        self.rng = self.bench.rng
        self.numbers = np.random.default_rng(self.rng.getrandbits(64))
        if attach:
            frame = Port.axis(dut, "s_axis_frame", "data", "last")
            self.source = self.bench.source(frame, idle=idle)
            # Soft reset may take back a result that still waits.
            result = Port.axis(dut, "m_axis_result", "data")
            self.sink = self.bench.sink(result, stall=stall, reset_n=dut.core_rst_n)
        self.results = self.sink.beats if attach else deque()  # (cycle, {"data": word})
        self.frames = []  # all that were sent
        self.first = 0  # first frame since the last reset
        self.first_id = 0  # its sample id
        self.registers = None
        self.watch = Watch(dut, self.bench, self._margins_of, self._forget)

    @property
    def accepted(self):
        """The frames accepted since the last reset."""
        return self.watch.accepted

    async def start(self):
        self.registers = Registers(self.dut)
        await self.bench.start()
        await self.out_of_reset()
        cocotb.start_soon(self.watch.run())

    async def out_of_reset(self):
        """Wait until the reset inside, which lasts longer, is over."""
        await self.bench.until(lambda: bool(int(self.dut.core_rst_n.value)), limit=50, what="reset")

    def _margins_of(self, index):
        return self.frames[self.first + index].margins

    def _forget(self, lost):
        self.first += lost
        self.results.clear()

    # ---- Traffic ------------------------------------------------------------------------------

    def frame(self, hard):
        """Return a random frame; stage k finds it hard where ``hard[k]`` is true."""
        frame = self.numbers.integers(0, 256, SHAPE.frame_bytes, dtype=np.uint8)
        classes = SHAPE.classes
        for k, is_hard in enumerate(hard):
            scripted = self.numbers.integers(-HARD, HARD + 1, classes)
            if not is_hard:
                scripted[self.rng.randrange(classes)] = EASY
            frame[k * classes : (k + 1) * classes] = scripted.astype(np.int8).view(np.uint8)
        return frame

    def send(self, frame, *, beats=SHAPE.beats):
        """Queue ``frame``, cut or prolonged with random bytes to ``beats`` beats."""
        width = SHAPE.beat_bytes
        whole = np.zeros(beats * width, dtype=np.uint8)
        kept = min(beats * width, SHAPE.frame_bytes)
        whole[:kept] = frame[:kept]
        tail = SHAPE.beats * width
        if beats > SHAPE.beats:
            whole[tail:] = self.numbers.integers(0, 256, whole.size - tail, dtype=np.uint8)
        for beat in range(beats):
            data = whole[beat * width : (beat + 1) * width].tobytes()
            self.source.queue.append(
                {"data": int.from_bytes(data, "little"), "last": int(beat == beats - 1)}
            )
        self.note(frame[:kept], beats=beats)

    def note(self, sent, *, beats=SHAPE.beats):
        """Expect a frame whose first bytes are ``sent``."""
        seen = np.zeros(SHAPE.frame_bytes, dtype=np.uint8)
        seen[: sent.size] = sent
        flags = FLAG_SHORT if beats < SHAPE.beats else FLAG_LONG if beats > SHAPE.beats else 0
        margins = [
            int(top2(scores_of(seen[None], stage=k, classes=SHAPE.classes))[1][0]) for k in range(N)
        ]
        self.frames.append(Sent(seen, flags, beats, margins))

    async def configure(self, **settings):
        """Write the control register; see ``design.control``."""
        assert await self.registers.write(CONTROL, control(**settings)) == 0

    async def write(self, name, word):
        """Write the register of that name, which must take it."""
        assert await self.registers.write(REGISTERS[name].offset, word) == 0, name

    async def read(self, name):
        """Return the word of the register of that name."""
        word, response = await self.registers.read(REGISTERS[name].offset)
        assert response == 0, f"read of {name}: response {response}"
        return word

    # ---- Scoreboard ---------------------------------------------------------------------------

    async def drain(self):
        """Wait until every frame that was sent has been accepted and answered."""
        limit = (len(self.frames) - self.first) * FRAME_CYCLES
        await self.bench.until(
            lambda: self.source.idle and self.first + len(self.accepted) == len(self.frames),
            limit=limit,
            what=f"frame {self.first + len(self.accepted)} accepted",
        )
        await self.bench.until(
            lambda: len(self.results) >= len(self.accepted),
            limit=limit,
            what=f"result {len(self.results)} of {len(self.accepted)}",
        )
        await ClockCycles(self.dut.ap_clk, 60)  # anything too much would come now

    def check(self):
        """Compare each result with the model; return cycle by frame, and the model's counters."""
        count = len(self.accepted)
        sent = self.frames[self.first : self.first + count]
        settings = self._settings()
        frames = np.stack([frame.seen for frame in sent])
        expected, counters = run_controller(
            [scores_of(frames, stage=k, classes=SHAPE.classes) for k in range(N)],
            settings,
            flags=np.array([frame.flags for frame in sent], dtype=np.int64),
            shed_stage=np.array(self.watch.levels.shed_stage, dtype=np.int64),
            first_id=self.first_id,
        )

        cycles = [cycle for cycle, _ in self.results]
        got = unpack(np.array([beat["data"] for _, beat in self.results], dtype=np.uint64))
        self.results.clear()
        seen = {}
        for index, cycle in enumerate(cycles):
            frame = (int(got.sample_id[index]) - self.first_id) % ID_MODULO
            assert frame < count, f"result at cycle {cycle}: frame {frame} was never accepted"
            assert frame not in seen, (
                f"frame {frame} answered twice, at cycles {seen[frame]} and {cycle}"
            )
            seen[frame] = cycle
            for field in ("label", "exit_stage", "margin", "flags"):
                value, wanted = (
                    int(getattr(x, field)[i]) for x, i in ((got, index), (expected, frame))
                )
                assert value == wanted, (
                    f"frame {frame} at cycle {cycle}: {field} {value}, expected {wanted}"
                )
        missing = sorted(set(range(count)) - set(seen))
        assert not missing, f"frames {missing[:5]} got no result by cycle {self.bench.cycle}"
        wrong = delivery(np.array(list(seen)), exit_stage=expected.exit_stage, order=settings.order)
        assert wrong is None, wrong
        self._cover(sent, expected, list(seen))
        return [seen[frame] for frame in range(count)], counters

    def _settings(self):
        choices = [frame.choice for frame in self.accepted]
        thresholds = [frame.thresholds for frame in self.accepted]
        return Settings(
            np.array(thresholds, dtype=np.int64).reshape(len(choices), N - 1),
            np.array([choice.force for choice in choices], dtype=np.int64),
            np.array([choice.order for choice in choices]),
            np.array([choice.may_shed for choice in choices]),
        )

    def check_alarms(self, *, window, limit):
        """The alarm fired two clocks after the verdicts that the model names, and never else."""
        wishes = self.watch.levels.wishes
        fires = alarms(
            np.array([wished for _, wished in wishes], dtype=np.bool_), window=window, limit=limit
        )
        expected = [wishes[index][0] + 2 for index in np.flatnonzero(fires)]
        assert self.watch.alarms == expected, (
            f"alarms at cycles {self.watch.alarms}, expected {expected}"
        )
        if window and len(wishes) // window > len(expected):
            COVERAGE.hit("alarm", "window below the limit")

    async def check_counters(self, counters, *, irq_known=True):
        """Read every counter and compare with model and bench; then all must be idle.

        ``irq_known``: nobody cleared irq_status.
        """
        watch = self.watch
        expected = {
            "frames_in": counters.frames_in,
            "frames_short": counters.frames_short,
            "frames_long": counters.frames_long,
            "stall_input": watch.stall_input,
            "status": 1,
        }
        for k in range(N):
            expected[f"exits_{k}"] = int(counters.exits[k])
            expected[f"stall_stage_{k}"] = watch.stall_stage[k]
        for k in range(N - 1):
            expected[f"shed_{k}"] = int(counters.sheds[k])
            expected[f"retained_{k}"] = 0
            expected[f"retained_peak_{k}"] = watch.peaks[k]
            held, waited = watch.peaks[k], watch.levels.peak[k]
            assert held <= SHAPE.retention[k], f"level {k} held {held} frames"
            if all(c.may_shed and c.force == NOT_FORCED for _, _, c in self.accepted):
                assert waited <= SHAPE.queue[k], f"level {k}: {waited} frames waited"
        # irq_status stays beyond a soft reset, and what was before one is forgotten here.
        if irq_known and not watch.resets:
            malformed = counters.frames_short + counters.frames_long
            expected["irq_status"] = (
                (IRQ_ALARM if watch.alarms else 0)
                | (IRQ_MALFORMED if malformed else 0)
                | (IRQ_SHED if counters.sheds.any() else 0)
            )
        for name, value in expected.items():
            got = await self.read(name)
            assert got == value, f"register {name}: {got}, expected {value}"
        await self.bench.finish(clocks=10)

    # ---- Coverage -----------------------------------------------------------------------------

    def _cover(self, sent, results, delivered):
        """Count what the checked frames were; ``delivered``: as their results left."""
        hit = COVERAGE.hit
        hit("stages", str(N))
        for stage in np.unique(results.exit_stage):
            hit("exit stage", str(stage))
        for name, bits in FLAGS.items():
            if np.any(results.flags & bits == bits):
                hit("flags", name)
        if np.any(results.flags == 0):
            hit("flags", "none")
        ordered = results.flags & FLAG_ORDERED != 0
        if any(
            behind < ahead and ordered[behind] and not ordered[ahead]
            for ahead, behind in pairwise(delivered)
        ):
            hit("reorder store", "unordered result passes")
        kinds = {1: "one beat", SHAPE.beats - 1: "one beat short"} if SHAPE.beats > 1 else {}
        kinds |= {SHAPE.beats + 1: "one beat long", 3 * SHAPE.beats: "far too long"}
        for index, frame in enumerate(sent):
            if not frame.flags:
                continue
            before = sent[index - 1].flags if index else None
            place = {None: "first", 0: "after a whole one"}.get(before, "after a malformed one")
            if frame.beats in kinds:
                hit("malformed", f"{kinds[frame.beats]}, {place}")
            hit("malformed and", "ordered" if ordered[index] else "not ordered")
            if results.flags[index] & FLAG_FORCED:
                hit("malformed and", "forced")
        COVERAGE.save()
