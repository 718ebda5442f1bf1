"""How fast: the sustained rate and the exit latency."""

from __future__ import annotations

import cocotb
from cascade_bench import Cascade
from cocotb.triggers import RisingEdge
from design import SHAPE, N

# Clocks from a frame's first beat to its result beside the stage's own; hwf_cascade's header.
EXIT_CYCLES = 8


@cocotb.test(skip=not SHAPE.deep)
@cocotb.parametrize(period=(0, 1, 2, 3, 10))
async def sustained_rate(dut, period):
    """Every ``period``-th frame is hard for all stages: >= 0.99 of the slowest stage's rate."""
    cascade = Cascade(dut, name=f"rate-{period}")
    await cascade.start()
    count, skip = 90, 30
    for index in range(count):
        cascade.send(cascade.frame([bool(period) and index % period == 0] * N))
    await cascade.drain()
    share = [1.0] + [1 / period if period else 0.0] * (N - 1)
    own = (max(ii, SHAPE.beats) for ii in SHAPE.ii_cycles)
    bound = max(ii * part for ii, part in zip(own, share, strict=True))
    cycles = [frame.cycle for frame in cascade.accepted]
    took = (cycles[-1] - cycles[skip]) / (count - 1 - skip)
    dut._log.info("period %d: %.2f cycles a frame, bound %.2f", period, took, bound)
    # A window that is not a whole number of periods may hold one hard frame too many.
    rest = max(SHAPE.ii_cycles) / (count - 1 - skip) if period > 1 else 0
    assert took <= bound / 0.99 + rest, f"{took:.2f} cycles a frame, bound {bound:.2f}"
    cascade.check()


@cocotb.test()
@cocotb.parametrize(order=(False, True) if SHAPE.reorder_frames else (False,))
async def exit_latency(dut, order):
    """One frame alone: at most 16 clocks beside the stage's own time, and as the header says."""
    cascade = Cascade(dut, name=f"latency-{order}")
    await cascade.start()
    await cascade.configure(order=order)
    times = {}

    async def watch():
        while True:
            await RisingEdge(dut.ap_clk)
            if int(dut.in0_tvalid.value) and int(dut.in0_tready.value):
                times.setdefault("in", cascade.bench.cycle)
            if int(dut.tap0_valid_o.value):
                times["out"] = cascade.bench.cycle

    cocotb.start_soon(watch())
    cascade.send(cascade.frame([False] * N))
    await cascade.drain()
    accepted = cascade.accepted[0].cycle
    (result,), _ = cascade.check()
    beside = (result - accepted) - (times["out"] - times["in"])
    dut._log.info("exit latency: stage + %d cycles, order %s", beside, order)
    assert beside <= 16, f"{beside} cycles beside the stage"
    # The stage gets its first word once the frame's beats have filled it.
    filling = -(-SHAPE.in_bytes[0] // SHAPE.beat_bytes) - 1
    assert beside <= EXIT_CYCLES + filling + bool(SHAPE.reorder_frames) + order, f"{beside} cycles"
