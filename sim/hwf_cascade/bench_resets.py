"""Soft and hard reset at any time: what was inside vanishes, whatever comes later is whole."""

from __future__ import annotations

import cocotb
from cascade_bench import Cascade
from cascade_coverage import COVERAGE
from cocotb.triggers import ClockCycles, RisingEdge
from design import CONTROL, FULL, REGISTERS, SHAPE, SOFT_RESET, N, control
from matrix import hardness
from streams import PATTERNS

from hwflow.rtl.registers import Kind

BEATS = SHAPE.beats
SOFT_RESET_CLOCKS = 16


def send(cascade, count):
    """Send ``count`` frames, every third or so malformed."""
    for _ in range(count):
        beats = cascade.rng.choice((BEATS,) * 4 + (1, BEATS + 2))
        cascade.send(cascade.frame(hardness("random", 0, cascade.rng)), beats=beats)


@cocotb.test()
@cocotb.parametrize(order=(False, True), run=range(40 if FULL else 6))
async def soft_reset_at_any_time(dut, order, run):
    """Frames begun before the reset vanish, the rest of one included; later ones are whole."""
    stall = PATTERNS[run % 3]
    cascade = Cascade(dut, name=f"soft-reset-{order}-{run}", idle="random", stall=stall)
    await cascade.start()
    rng, word = cascade.rng, control(order=order, shed=bool(run // 3 % 2))
    await cascade.registers.write(CONTROL, word)
    for _ in range(3):
        send(cascade, 10)
        await ClockCycles(dut.ap_clk, rng.randrange(1, 300))
        assert await cascade.registers.write(CONTROL, word | SOFT_RESET) == 0
    send(cascade, 4)
    await ClockCycles(dut.ap_clk, 20)
    resets = cascade.watch.resets
    assert resets, "soft reset did nothing"
    assert min(resets) >= SOFT_RESET_CLOCKS, f"soft resets of {resets} clocks"
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


# What is true of the controller in the clock in which the reset is asked for.
MOMENTS = {
    "taking": lambda c: (
        int(c.u_cascade.u_guard.state_q.value) == 0 and int(c.u_cascade.u_guard.beat_q.value)
    ),
    "padding": lambda c: int(c.u_cascade.u_guard.state_q.value) == 1,
    "draining": lambda c: int(c.draining.value),
    "escalating": lambda c: int(c.u_cascade.tvalid.value) >> 1,
    "result": lambda c: int(c.m_axis_result_tvalid.value) and not int(c.m_axis_result_tready.value),
    "kept": lambda c: int(c.u_cascade.gen_reorder.u_reorder.full_q.value),
}
POSSIBLE = [
    moment
    for moment in MOMENTS
    if not (
        (moment in ("taking", "padding") and BEATS == 1)
        or (moment == "escalating" and N == 1)
        or (moment == "kept" and not SHAPE.reorder_frames)
    )
]


@cocotb.test()
@cocotb.parametrize(moment=POSSIBLE, run=range(8 if FULL else 2))
async def soft_reset_at_a_moment(dut, moment, run):
    """``run`` clocks after a state was reached, the reset begins."""
    cascade = Cascade(dut, name=f"moment-{moment}-{run}", stall="random")
    await cascade.start()
    await cascade.configure(order=True, shed=bool(run % 2))
    send(cascade, 30)
    for length in (1, 3 * BEATS):
        cascade.send(cascade.frame([True] * N), beats=length)
    await cascade.bench.until(lambda: bool(MOMENTS[moment](dut)), limit=30_000, what=moment)
    await ClockCycles(dut.ap_clk, run + 1)
    dut.u_regs.control_soft_reset_o.value = 1  # a register write takes longer than some states
    await RisingEdge(dut.ap_clk)
    await RisingEdge(dut.ap_clk)
    send(cascade, 4)
    await ClockCycles(dut.ap_clk, 2 * SOFT_RESET_CLOCKS)
    assert cascade.watch.resets == [SOFT_RESET_CLOCKS], f"resets of {cascade.watch.resets} clocks"
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test()
async def soft_reset_in_soft_reset(dut):
    """The second one counts from its own beginning; idle before and after."""
    cascade = Cascade(dut, name="twice")
    await cascade.start()
    await ClockCycles(dut.ap_clk, 20)
    await cascade.registers.write(CONTROL, control() | SOFT_RESET)
    await cascade.registers.write(CONTROL, control() | SOFT_RESET)
    await ClockCycles(dut.ap_clk, 2 * SOFT_RESET_CLOCKS)
    (clocks,) = cascade.watch.resets
    assert SOFT_RESET_CLOCKS < clocks <= 2 * SOFT_RESET_CLOCKS, f"reset of {clocks} clocks"
    COVERAGE.hit("soft reset", "again before it is over")
    send(cascade, 6)
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test()
@cocotb.parametrize(run=range(20 if FULL else 4))
async def hard_reset_restores_everything(dut, run):
    cascade = Cascade(dut, name=f"hard-reset-{run}", idle="random", stall="random")
    await cascade.start()
    rng = cascade.rng
    await cascade.configure(force=rng.choice((None, 0)), order=True, shed=True)
    for name in ("alarm_window", "alarm_limit", "irq_enable"):
        await cascade.write(name, 1)
    send(cascade, 20 if run else 0)
    await ClockCycles(dut.ap_clk, rng.randrange(20, 600))
    if run % 2:
        # One clock must do. The source is silent by then, as one that is reset too would be.
        await cascade.bench.until(lambda: cascade.source.idle, limit=20_000, what="frames sent")
        await cascade.bench.reset(1)
    else:
        dut.ap_rst_n.value = 0
        await RisingEdge(dut.ap_clk)
        cascade.source.queue.clear()
        await cascade.bench.reset(rng.randrange(2, 6))
    assert not int(dut.m_axis_result_tvalid.value), "a result of before the reset is offered"
    await cascade.out_of_reset()
    cascade.first = len(cascade.frames)
    for register in REGISTERS.registers:
        if any(field.kind in (Kind.SETTING, Kind.STICKY) for field in register.fields):
            assert await cascade.read(register.name) == register.reset, register.name
    assert await cascade.read("frames_in") == 0
    assert await cascade.read("status") == 1
    assert not int(dut.irq_o.value)
    send(cascade, 6)
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)
