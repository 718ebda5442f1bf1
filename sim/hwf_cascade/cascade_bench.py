"""The whole accelerator with dummy stages: traffic, scoreboard against the model, counters."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cocotb
import numpy as np
from bench import Bench, Registers
from cocotb.triggers import ClockCycles, RisingEdge
from dummy_scores import scores_of
from level_model import Accepted, Choice, LevelModel
from streams import Port

from hwflow.cascade.controller import (
    NOT_FORCED,
    Settings,
    alarms,
    delivery,
    run_controller,
)
from hwflow.cascade.decision import top2
from hwflow.cascade.result import FLAG_LONG, FLAG_SHORT, ID_MODULO, unpack

EASY, HARD = 100, 4  # scripted bytes: margin about 100 × 256, or below 8 × 256 + 255


@dataclass(frozen=True)
class Shape:
    """What the launcher built; ``ii_cycles`` of each stage by itself, ``deep``: as by formula."""

    stages: int
    classes: int
    frame_bytes: int
    beat_bytes: int
    retention: tuple[int, ...]
    queue: tuple[int, ...]
    reorder_frames: int
    thresholds: tuple[int, ...]
    build_id: int
    ii_cycles: tuple[int, ...]
    deep: bool

    @property
    def beats(self):
        return -(-self.frame_bytes // self.beat_bytes)


class Cascade:
    """Drives hwf_accelerator and keeps what is needed to say what must come out of it."""

    def __init__(self, dut, shape, *, name, idle="none", stall="none", attach=True):
        self.dut, self.shape = dut, shape
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
        self.frames = []  # (uint8 bytes as a stage sees them, flags), in the order sent
        self.margins = []  # of each stage for each of them
        self.first = 0  # first frame since the last reset
        self.accepted = []  # of each frame since the last reset
        self.first_id = 0  # of the first frame since the last reset
        self.levels = LevelModel(shape.queue)
        self.alarms = []  # cycles
        self.stall_input = 0
        self.stall_stage = [0] * shape.stages
        self.peaks = [0] * (shape.stages - 1)
        self.registers = None
        self.held = 0  # levels whose last beat waits for the next one
        self.resets = []  # clocks that each soft reset lasted

    async def start(self):
        self.registers = Registers(self.dut)
        await self.bench.start()
        # The start-up reset lasts a while longer inside.
        await self.bench.until(lambda: bool(int(self.dut.core_rst_n.value)), limit=50, what="reset")
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut, stages = self.dut, self.shape.stages
        was_reset = False
        while True:
            await RisingEdge(dut.ap_clk)
            in_reset = not int(dut.core_rst_n.value)
            if in_reset and not was_reset:
                self.resets.append(0)
            was_reset = in_reset
            if in_reset:
                self.resets[-1] += 1
                # Whatever was inside is gone; a result offered in this clock may still be taken.
                self.first += len(self.accepted)
                self.accepted.clear()
                self.levels.reset()
                self.alarms.clear()
                self.results.clear()
                self.stall_input, self.stall_stage = 0, [0] * stages
                self.peaks = [0] * (stages - 1)
                continue
            if int(dut.frame_accepted.value):
                self._accept()
            if int(dut.alarm.value):
                self.alarms.append(self.bench.cycle)
            self._follow()
            valid = int(dut.s_axis_frame_tvalid.value)
            self.stall_input += valid and not int(dut.s_axis_frame_tready.value)
            waiting = int(dut.stage_tvalid.value) & ~int(dut.stage_tready.value)
            for k in range(stages):
                self.stall_stage[k] += waiting >> k & 1
            if stages > 1:
                retained = int(dut.retained.value)
                for k in range(stages - 1):
                    self.peaks[k] = max(self.peaks[k], retained >> 16 * k & 0xFFFF)

    def _accept(self):
        dut = self.dut
        words = int(dut.thresholds.value)
        self.levels.accept(len(self.accepted))
        self.accepted.append(
            Accepted(
                self.bench.cycle,
                [words >> 32 * k & 0xFFFF_FFFF for k in range(self.shape.stages - 1)],
                Choice(
                    int(dut.force_stage.value) if int(dut.force_enable.value) else NOT_FORCED,
                    bool(self.shape.reorder_frames) and bool(int(dut.order.value)),
                    bool(int(dut.shed.value)),
                ),
            )
        )

    def _follow(self):
        dut, levels = self.dut, self.levels
        last_beat = int(dut.u_cascade.tvalid.value) & int(dut.u_cascade.tlast.value)
        for k in range(self.shape.stages - 1):
            if last_beat >> k + 1 & 1 and not self.held >> k + 1 & 1:
                levels.sent_on(k)
        self.held = last_beat & ~int(dut.u_cascade.tready.value)
        verdicts = int(dut.verdict_valid.value) & int(dut.verdict_ready.value)
        for k in range(self.shape.stages):
            if verdicts >> k & 1:
                margins = self.margins[self.first :]
                levels.verdict(k, self.bench.cycle, self.accepted, margins)

    # ---- Traffic ------------------------------------------------------------------------------

    def frame(self, hard):
        """Return a random frame; stage k finds it hard where ``hard[k]`` is true."""
        frame = self.numbers.integers(0, 256, self.shape.frame_bytes, dtype=np.uint8)
        classes = self.shape.classes
        for k, is_hard in enumerate(hard):
            scripted = self.numbers.integers(-HARD, HARD + 1, classes)
            if not is_hard:
                scripted[self.rng.randrange(classes)] = EASY
            frame[k * classes : (k + 1) * classes] = scripted.astype(np.int8).view(np.uint8)
        return frame

    def send(self, frame, *, beats=None):
        """Queue ``frame``, cut or prolonged with random bytes to ``beats`` beats."""
        shape = self.shape
        beats = shape.beats if beats is None else beats
        whole = np.zeros(beats * shape.beat_bytes, dtype=np.uint8)
        kept = min(beats * shape.beat_bytes, shape.frame_bytes)
        whole[:kept] = frame[:kept]
        if beats > shape.beats:
            tail = shape.beats * shape.beat_bytes
            whole[tail:] = self.numbers.integers(0, 256, whole.size - tail, dtype=np.uint8)
        for beat in range(beats):
            data = whole[beat * shape.beat_bytes : (beat + 1) * shape.beat_bytes].tobytes()
            self.source.queue.append(
                {"data": int.from_bytes(data, "little"), "last": int(beat == beats - 1)}
            )
        seen = np.zeros(shape.frame_bytes, dtype=np.uint8)
        seen[:kept] = frame[:kept]
        flags = FLAG_SHORT if beats < shape.beats else FLAG_LONG if beats > shape.beats else 0
        self.add(seen, flags)

    def add(self, seen, flags):
        """Note a frame that was sent, as stages see it."""
        self.frames.append((seen, flags))
        self.margins.append(
            [
                int(top2(scores_of(seen[None], stage=k, classes=self.shape.classes))[1][0])
                for k in range(self.shape.stages)
            ]
        )

    # ---- Scoreboard ---------------------------------------------------------------------------

    async def drain(self, *, limit):
        """Wait until every frame that was sent has been accepted and answered."""
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
        shape, count = self.shape, len(self.accepted)
        sent = self.frames[self.first : self.first + count]
        frames = np.stack([frame for frame, _ in sent])
        scores = [scores_of(frames, stage=k, classes=shape.classes) for k in range(shape.stages)]
        choices = [frame.choice for frame in self.accepted]
        settings = Settings(
            np.array([frame.thresholds for frame in self.accepted], dtype=np.int64).reshape(
                count, shape.stages - 1
            ),
            np.array([choice.force for choice in choices], dtype=np.int64),
            np.array([choice.order for choice in choices]),
            np.array([choice.may_shed for choice in choices]),
        )
        expected, counters = run_controller(
            scores,
            settings,
            flags=np.array([flag for _, flag in sent], dtype=np.int64),
            shed_stage=np.array(self.levels.shed_stage, dtype=np.int64),
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
        return [seen[frame] for frame in range(count)], counters

    def check_alarms(self, *, window, limit):
        """The alarm fired two clocks after the verdicts that the model names, and never else."""
        cycles = [cycle for cycle, _ in self.levels.wishes]
        wishes = np.array([wished for _, wished in self.levels.wishes], dtype=np.bool_)
        fires = np.flatnonzero(alarms(wishes, window=window, limit=limit))
        expected = [cycles[index] + 2 for index in fires]
        assert self.alarms == expected, f"alarms at cycles {self.alarms}, expected {expected}"

    async def read(self, offset):
        """Return the word at ``offset``, which must be there."""
        word, response = await self.registers.read(offset)
        assert response == 0, f"read of {offset:#x}: response {response}"
        return word

    async def check_counters(self, counters, register_map):
        """Read every counter and compare with model and bench; then all must be idle."""
        shape = self.shape
        expected = {
            "frames_in": counters.frames_in,
            "frames_short": counters.frames_short,
            "frames_long": counters.frames_long,
            "stall_input": self.stall_input,
            "status": 1,
        }
        for k in range(shape.stages):
            expected[f"exits_{k}"] = int(counters.exits[k])
            expected[f"stall_stage_{k}"] = self.stall_stage[k]
        for k in range(shape.stages - 1):
            expected[f"retained_{k}"] = 0
            expected[f"retained_peak_{k}"] = self.peaks[k]
            expected[f"shed_{k}"] = int(counters.sheds[k])
            assert self.peaks[k] <= shape.retention[k], f"level {k} held {self.peaks[k]} frames"
            if all(frame.choice.may_shed for frame in self.accepted):
                peak = self.levels.peak[k]
                forced = any(frame.choice.force != NOT_FORCED for frame in self.accepted)
                assert forced or peak <= shape.queue[k], f"level {k}: {peak} frames waited"
        for name, value in expected.items():
            got = await self.read(register_map[name].offset)
            assert got == value, f"register {name}: {got}, expected {value}"
        await self.bench.finish(clocks=10)
