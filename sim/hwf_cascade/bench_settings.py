"""Registers that are written in mid-traffic: each frame keeps what its first beat met."""

from __future__ import annotations

import cocotb
import numpy as np
from bench import SLVERR
from cascade_bench import Cascade
from cascade_coverage import COVERAGE
from cocotb.triggers import ClockCycles, RisingEdge
from design import (
    CONTROL,
    FULL,
    IRQ_ALARM,
    IRQ_MALFORMED,
    IRQ_SHED,
    REGISTERS,
    SHAPE,
    SOFT_RESET,
    N,
    control,
)
from dummy_scores import scores_of
from matrix import hardness
from streams import PATTERNS

from hwflow.cascade.decision import top2

UNMAPPED = 0x7FC
READ_ONLY = ("id", "status", "frames_in", "exits_0", "reorder_frames")


async def write_anything(cascade, settings):
    """Write one register, chosen at random; ``settings`` are the control's, kept up to date."""
    rng, registers = cascade.rng, cascade.registers
    what = rng.choice(("threshold", "force", "order", "shed", "alarm", "refused"))
    if what == "refused":
        name = rng.choice((*READ_ONLY, None))
        offset = UNMAPPED if name is None else REGISTERS[name].offset
        assert await registers.write(offset, rng.getrandbits(32)) == SLVERR, name
        COVERAGE.hit("write refused in traffic", "unmapped" if name is None else "read-only")
    elif what == "alarm":
        name = rng.choice(("alarm_window", "alarm_limit"))
        word = rng.randrange(5)
        await cascade.write(name, word)
        assert await cascade.read(name) == word
    elif what == "threshold" and N > 1:
        name = f"threshold_{rng.randrange(N - 1)}"
        word = rng.choice((0, 1, rng.randrange(1 << 16), rng.getrandbits(32), 1 << 16))
        await cascade.write(name, word)
        assert await cascade.read(name) == word
    else:
        settings["force"] = rng.choice((None, None, rng.randrange(16)))
        settings["order"] = rng.random() < 0.5
        settings["shed"] = rng.random() < 0.5
        await cascade.configure(**settings)


async def cover_writes(cascade):
    """Count the writes that change a setting after a frame's first beat, before its last."""
    dut = cascade.dut
    names = ("thresholds", "force_stage", "force_enable", "order", "shed")
    before = None
    while True:
        await RisingEdge(dut.ap_clk)
        now = {name: int(getattr(dut, name).value) for name in names}
        if before is not None and now != before and int(dut.u_cascade.u_guard.beat_q.value):
            for name in names:
                if now[name] != before[name]:
                    group = {"thresholds": "threshold"}.get(name, name.removesuffix("_stage"))
                    COVERAGE.hit("written while a frame is taken", group.removesuffix("_enable"))
        before = now


@cocotb.test()
@cocotb.parametrize(stall=PATTERNS, run=range(12 if FULL else 2))
async def settings_change_in_mid_traffic(dut, stall, run):
    cascade = Cascade(dut, name=f"settings-{stall}-{run}", idle="random", stall=stall)
    await cascade.start()
    cocotb.start_soon(cover_writes(cascade))
    rng, settings, count = cascade.rng, {}, 50
    while len(cascade.frames) < count:
        for _ in range(rng.randrange(4)):
            cascade.send(cascade.numbers.integers(0, 256, SHAPE.frame_bytes, dtype=np.uint8))
        await write_anything(cascade, settings)
        await ClockCycles(dut.ap_clk, rng.randrange(60))
    await cascade.drain()
    kept = {(*frame.thresholds, frame.choice) for frame in cascade.accepted}
    assert len(kept) > 3, "settings hardly changed"
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test()
@cocotb.parametrize(stage=range(N + 1), order=(False, True))
async def force(dut, stage, order):
    """Every frame exits at the forced stage; it is never shed and never counts for the alarm."""
    cascade = Cascade(dut, name=f"force-{stage}-{order}", stall="random")
    await cascade.start()
    await cascade.write("alarm_window", 1)
    await cascade.configure(force=stage, order=order, shed=True)
    for index in range(8):
        cascade.send(cascade.frame(hardness("alternating", index, cascade.rng)))
    await cascade.drain()
    _, counters = cascade.check()
    assert counters.exits[min(stage, N - 1)] == 8
    assert counters.sheds.sum() == 0
    assert not cascade.watch.alarms
    await cascade.check_counters(counters)


@cocotb.test(skip=N < 2)
@cocotb.parametrize(stage=range(N - 1), more=(0, 1))
async def threshold_is_met_by_its_own_value(dut, stage, more):
    """A margin equal to the threshold exits, one below it escalates."""
    cascade = Cascade(dut, name=f"equal-{stage}-{more}")
    await cascade.start()
    hard = [k < stage for k in range(N)]
    for _ in range(6):
        frame = cascade.frame(hard)
        _, margins = top2(scores_of(frame[None], stage=stage, classes=SHAPE.classes))
        await cascade.write(f"threshold_{stage}", int(margins[0]) + more)
        cascade.send(frame)
        await cascade.drain()
    _, counters = cascade.check()
    assert counters.exits[stage + more] == 6


@cocotb.test(skip=N < 2)
async def soft_reset_begins_a_new_alarm_window(dut):
    """Decisions before it do not count: two unsure ones there and two behind it are no four."""
    cascade = Cascade(dut, name="alarm-window")
    await cascade.start()
    await cascade.write("alarm_window", 4)
    await cascade.write("alarm_limit", 2)

    async def decide(*unsure):
        for hard in unsure:
            cascade.send(cascade.frame([hard] * N))
        await cascade.drain()

    await decide(True, True)
    cascade.check()
    assert await cascade.registers.write(CONTROL, control() | SOFT_RESET) == 0
    await ClockCycles(dut.ap_clk, 20)
    assert cascade.watch.resets, "soft reset did nothing"
    await decide(True, True, False, False)
    assert not cascade.watch.alarms, f"alarms at cycles {cascade.watch.alarms}"
    assert await cascade.read("irq_status") == 0
    # The next window is whole and above the limit.
    await decide(True, False, True, True)
    cascade.check_alarms(window=4, limit=2)
    assert await cascade.read("irq_status") == IRQ_ALARM
    _, counters = cascade.check()
    await cascade.check_counters(counters)


class Interrupts:
    """A reference of irq_status and irq_o, compared with the RTL in every clock."""

    def __init__(self, cascade):
        self.cascade = cascade
        self.status = 0
        self.rose = 0  # bits that were ever set
        self.sheds = 0
        cocotb.start_soon(self.run())

    async def run(self):
        dut, regs = self.cascade.dut, self.cascade.dut.u_regs
        irq = 0
        while True:
            await RisingEdge(dut.ap_clk)
            cycle = self.cascade.bench.cycle
            status, enable = int(dut.irq_status.value), int(dut.irq_enable.value)
            assert status == self.status, f"irq_status {status} at cycle {cycle}, not {self.status}"
            assert int(dut.irq_o.value) == irq, f"irq_o at cycle {cycle}: not {irq}"
            irq = int(status & enable != 0)
            shed = 0
            if int(dut.m_axis_result_tvalid.value) and int(dut.m_axis_result_tready.value):
                shed = int(dut.m_axis_result_tdata.value) >> 59 & 1
            events = (
                (IRQ_ALARM if int(dut.alarm.value) else 0)
                | (IRQ_MALFORMED if int(dut.frame_short.value) | int(dut.frame_long.value) else 0)
                | (IRQ_SHED if shed else 0)
            )
            clear = int(regs.wdata_q.value) if int(regs.we_irq_status.value) else 0
            if events & clear:
                COVERAGE.hit("interrupt", "event while it is cleared")
            self.status = events | (self.status & ~clear)
            self.rose |= events


@cocotb.test()
@cocotb.parametrize(run=range(8 if FULL else 2))
async def interrupts(dut, run):
    """Sticky bits are cleared as often as possible, so now and then in the clock of an event."""
    cascade = Cascade(dut, name=f"interrupts-{run}", idle="random", stall="random")
    await cascade.start()
    watch = Interrupts(cascade)
    await cascade.configure(shed=True)
    await cascade.write("alarm_window", 2)
    await cascade.write("alarm_limit", 0)
    rng = cascade.rng
    for _ in range(60):
        beats = rng.choice((SHAPE.beats, SHAPE.beats, 1, SHAPE.beats + 1))
        hard = [rng.random() < 0.8 for _ in range(N)]
        cascade.send(cascade.frame(hard), beats=beats)
    while not cascade.source.idle or len(cascade.results) < len(cascade.accepted):
        if rng.random() < 0.2:
            await cascade.write("irq_enable", rng.randrange(8))
        else:
            await cascade.write("irq_status", rng.randrange(8))
    _, counters = cascade.check()
    cascade.check_alarms(window=2, limit=0)
    assert watch.rose & IRQ_MALFORMED
    if N > 1:
        assert watch.rose & IRQ_ALARM
        assert bool(watch.rose & IRQ_SHED) == bool(counters.sheds.sum())
    for name, bit in (("alarm", IRQ_ALARM), ("malformed", IRQ_MALFORMED), ("shed", IRQ_SHED)):
        if watch.rose & bit:
            COVERAGE.hit("interrupt", name)
    await cascade.write("irq_status", 7)
    assert await cascade.read("irq_status") == 0
    await ClockCycles(dut.ap_clk, 3)
    assert not int(dut.irq_o.value)
    await cascade.check_counters(counters, irq_known=False)
