"""Watches hwf_accelerator clock by clock: what was accepted, decided, stalled, reset."""

from __future__ import annotations

from cascade_coverage import COVERAGE
from cocotb.triggers import RisingEdge
from design import SHAPE, N
from level_model import Accepted, Choice, LevelModel

from hwflow.cascade.controller import NOT_FORCED

# Values of hwf_frame_guard's state, by name in the coverage.
GUARD_STATES = ("taking a frame", "padding", "draining")


class Watch:
    """Since the last reset, what the RTL's ports and settings showed.

    ``margins_of``: for the n-th frame accepted since reset, its margin at each stage.
    ``on_reset(lost)`` is called with each clock of a soft reset, ``lost`` frames having been inside
    or answered since the one before.
    """

    def __init__(self, dut, bench, margins_of, on_reset):
        self.dut, self.bench = dut, bench
        self.margins_of, self.on_reset = margins_of, on_reset
        self.levels = LevelModel(SHAPE.queue)
        self.resets = []  # clocks that each soft reset lasted
        self.held = 0  # levels whose last beat waits for the next one
        self._seen = None  # what coverage looked at last
        self._clear()

    def _clear(self):
        self.accepted = []
        self.alarms = []  # cycles
        self.stall_input = 0
        self.stall_stage = [0] * N
        self.peaks = [0] * (N - 1)
        self.ordered = 0  # frames accepted with order set
        self.levels.reset()
        self.held = 0

    async def run(self):
        dut = self.dut
        was_reset = False
        while True:
            await RisingEdge(dut.ap_clk)
            in_reset = not int(dut.core_rst_n.value)
            if in_reset:
                if not was_reset:
                    self.resets.append(0)
                    self._cover_reset()
                self.resets[-1] += 1
                # Whatever was inside is gone; a result offered in this clock may still be taken.
                self.on_reset(len(self.accepted))
                self._clear()
            else:
                self._clock()
            was_reset = in_reset

    def _clock(self):
        dut, cascade = self.dut, self.dut.u_cascade
        if int(dut.frame_accepted.value):
            self._accept()
        if int(dut.alarm.value):
            self.alarms.append(self.bench.cycle)
            COVERAGE.hit("alarm", "fires")
        valid, ready = int(cascade.tvalid.value), int(cascade.tready.value)
        verdict, taken = int(dut.verdict_valid.value), int(dut.verdict_ready.value)
        self._follow(valid, ready, verdict & taken)

        stall_input = int(dut.s_axis_frame_tvalid.value) and not int(dut.s_axis_frame_tready.value)
        self.stall_input += stall_input
        stall_stage = int(dut.stage_tvalid.value) & ~int(dut.stage_tready.value)
        for k in range(N):
            self.stall_stage[k] += stall_stage >> k & 1
        retained = int(dut.retained.value) if N > 1 else 0
        for k in range(N - 1):
            self.peaks[k] = max(self.peaks[k], retained >> 16 * k & 0xFFFF)

        full = not int(cascade.place_valid.value)
        result = int(dut.m_axis_result_tvalid.value) and not int(dut.m_axis_result_tready.value)
        exits = int(cascade.exit_tvalid.value)
        seen = (stall_input, result, stall_stage, verdict & ~taken, valid & ~ready, retained, full)
        if (*seen, exits) != self._seen:
            self._seen = (*seen, exits)
            self._cover(*seen, exits)

    def _accept(self):
        dut = self.dut
        words = int(dut.thresholds.value)
        choice = Choice(
            int(dut.force_stage.value) if int(dut.force_enable.value) else NOT_FORCED,
            bool(SHAPE.reorder_frames) and bool(int(dut.order.value)),
            bool(int(dut.shed.value)),
        )
        thresholds = [words >> 32 * k & 0xFFFF_FFFF for k in range(N - 1)]
        frame = Accepted(self.bench.cycle, thresholds, choice)
        self.levels.accept(frame, self.margins_of(len(self.accepted)))
        self.accepted.append(frame)
        self.ordered += choice.order
        if choice.order and self.ordered > SHAPE.reorder_frames:
            COVERAGE.hit("reorder store", "places wrap")

    def _follow(self, valid, ready, verdicts):
        last_beat = valid & int(self.dut.u_cascade.tlast.value)
        for k in range(N - 1):
            if (last_beat & ~self.held) >> k + 1 & 1:
                self.levels.sent_on(k)
        self.held = last_beat & ~ready
        for k in range(N):
            if verdicts >> k & 1:
                verdict = self.levels.verdict(k, self.bench.cycle)
                if verdict.queue_full:
                    COVERAGE.hit("full queue meets", verdict.outcome)

    # ---- Coverage -----------------------------------------------------------------------------

    @staticmethod
    def _cover(stall_input, result, stall_stage, verdict, escalated, retained, full, exits):
        hit = COVERAGE.hit
        if stall_input:
            hit("back-pressure", "input")
        if result:
            hit("back-pressure", "result")
        for k in range(N):
            if stall_stage >> k & 1:
                hit("back-pressure", f"stage {k}")
            if verdict >> k & 1:
                hit("back-pressure", f"verdict {k}")
        for k, depth in enumerate(SHAPE.retention):
            if escalated >> k + 1 & 1:
                hit("back-pressure", f"escalated {k}")
            name = {0: "empty", depth - 1: "one left", depth: "full"}.get(
                retained >> 16 * k & 0xFFFF
            )
            if name is not None:
                hit("retention", name)
        if full:
            hit("reorder store", "full")
        if exits.bit_count() > 1:
            hit("exits in one clock", {2: "two", 3: "three"}[exits.bit_count()])

    def _cover_reset(self):
        """The registers still hold what the reset meets."""
        dut, cascade = self.dut, self.dut.u_cascade
        hard = not int(dut.ap_rst_n.value)
        if not self.accepted and int(cascade.idle_o.value):
            COVERAGE.hit("hard reset" if hard else "soft reset", "idle")
            return
        inside = int(cascade.inside_q.value)
        if hard:
            if inside:
                COVERAGE.hit("hard reset", "frame inside")
            return
        state = int(cascade.u_guard.state_q.value)
        if state or int(cascade.u_guard.beat_q.value):
            COVERAGE.hit("soft reset", GUARD_STATES[state])
        if inside:
            COVERAGE.hit("soft reset", "frame inside")
        if any(self.levels.waiting):
            COVERAGE.hit("soft reset", "frame waits for a stage")
        if int(dut.m_axis_result_tvalid.value):
            COVERAGE.hit("soft reset", "result waits")
        if SHAPE.reorder_frames and int(cascade.gen_reorder.u_reorder.full_q.value):
            COVERAGE.hit("soft reset", "ordered result is kept")
