"""Frames that are too short or too long: padded or cut, flagged, counted, the next one unharmed."""

from __future__ import annotations

import cocotb
from cascade_bench import Cascade
from cocotb.triggers import ClockCycles
from design import DRAINING, FULL, SHAPE, N
from matrix import hardness
from streams import PATTERNS

BEATS = SHAPE.beats
LENGTHS = sorted({1, max(1, BEATS - 1), BEATS + 1, 3 * BEATS})


def send(cascade, lengths):
    """Send a frame of each of ``lengths`` beats."""
    for beats in lengths:
        cascade.send(cascade.frame(hardness("random", 0, cascade.rng)), beats=beats)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS, order=(False, True), run=range(3 if FULL else 1))
async def malformed_frames(dut, idle, stall, order, run):
    cascade = Cascade(dut, name=f"malformed-{idle}-{stall}-{order}-{run}", idle=idle, stall=stall)
    await cascade.start()
    await cascade.configure(order=order, shed=cascade.rng.random() < 0.5)
    lengths = [*LENGTHS, *cascade.rng.choices((BEATS, BEATS, *LENGTHS), k=20)]
    cascade.rng.shuffle(lengths)
    send(cascade, lengths)
    await cascade.drain()
    _, counters = cascade.check()
    assert counters.frames_short == sum(length < BEATS for length in lengths)
    assert counters.frames_long == sum(length > BEATS for length in lengths) > 0
    await cascade.check_counters(counters)


@cocotb.test()
@cocotb.parametrize(length=LENGTHS, before=LENGTHS, forced=(False, True))
async def each_after_each(dut, length, before, forced):
    """The first frame after reset, a good one, and one directly after another malformed one."""
    cascade = Cascade(dut, name=f"malformed-{length}-{before}-{forced}")
    await cascade.start()
    await cascade.configure(force=N - 1 if forced else None, order=True, shed=True)
    send(cascade, (before, length, BEATS, length, BEATS))
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test()
async def nothing_inside_but_not_idle(dut):
    """While the rest of a frame is to come, its result gone, status tells of draining only."""
    cascade = Cascade(dut, name="malformed-rest")
    await cascade.start()
    cascade.send(cascade.frame([False] * N), beats=BEATS + 4)
    rest = [cascade.source.queue.pop() for _ in range(2)]
    await cascade.bench.until(lambda: bool(cascade.results), limit=1000, what="result")
    assert not int(dut.u_cascade.inside_q.value)
    status = await cascade.read("status")
    assert status == DRAINING, f"status {status:#b} in the middle of draining"
    cascade.source.queue.extend(reversed(rest))
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test()
async def a_frame_of_any_length(dut):
    cascade = Cascade(dut, name="malformed-any", stall="random")
    await cascade.start()
    await cascade.configure(order=True)
    send(cascade, range(1, 2 * BEATS + 2))
    await cascade.drain()
    _, counters = cascade.check()
    await ClockCycles(dut.ap_clk, 10)
    await cascade.check_counters(counters)
