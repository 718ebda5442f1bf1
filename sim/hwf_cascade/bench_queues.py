"""Full queues and buffers: who waits, who passes, who is shed, who stalls."""

from __future__ import annotations

import cocotb
from cascade_bench import Cascade
from cocotb.triggers import ClockCycles
from design import SHAPE, N

HARD_FIRST = [True] + [False] * (N - 1)


@cocotb.test(skip=N < 2)
@cocotb.parametrize(shed=(False, True))
async def a_waiting_frame_holds_back_nobody(dut, shed):
    """While the next stage is busy with a hard frame and another one waits, easy ones pass."""
    cascade = Cascade(dut, name=f"waiting-{shed}")
    await cascade.start()
    await cascade.configure(shed=shed)
    easy = 4 * SHAPE.retention[0]
    for _ in range(SHAPE.retention[0] - 1):
        cascade.send(cascade.frame(HARD_FIRST))
    for _ in range(easy):
        cascade.send(cascade.frame([False] * N))
    # Stage 1 answers nothing for now.
    dut.hold_stage.value = 1 << 1
    count = len(cascade.frames)
    await cascade.bench.until(
        lambda: len(cascade.results) >= easy, limit=count * 300, what="all easy frames"
    )
    dut.hold_stage.value = 0
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test(skip=N < 2)
async def a_full_buffer_stalls_and_loses_nothing(dut):
    cascade = Cascade(dut, name="full")
    await cascade.start()
    dut.hold_stage.value = 1 << 1
    count = SHAPE.retention[0] + 40
    for _ in range(count):
        cascade.send(cascade.frame([True] * N))
    await ClockCycles(dut.ap_clk, 200 * count)
    peak = cascade.watch.peaks[0]
    assert peak == SHAPE.retention[0], f"only {peak} slots were used"
    assert not cascade.source.idle, "the input never stalled"
    assert cascade.sink.taken == 0
    dut.hold_stage.value = 0
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test(skip=N < 2 or SHAPE.queue[0] == SHAPE.retention[0])
async def shedding_keeps_the_input_running(dut):
    """Stage 1 is stuck and all frames are hard: all but what the queue takes exit at stage 0."""
    cascade = Cascade(dut, name="shed")
    await cascade.start()
    await cascade.configure(shed=True)
    dut.hold_stage.value = 1 << 1
    count = SHAPE.retention[0] + 40
    for _ in range(count):
        cascade.send(cascade.frame([True] * N))
    await cascade.bench.until(
        lambda: cascade.source.idle, limit=300 * count, what="every frame accepted"
    )
    await ClockCycles(dut.ap_clk, 2000)
    shed = len(cascade.results)
    assert cascade.watch.levels.waiting[0] == SHAPE.queue[0], "the queue is not full"
    assert shed > 0
    assert await cascade.read("shed_0") == shed
    dut.hold_stage.value = 0
    await cascade.drain()
    _, counters = cascade.check()
    assert counters.sheds[0] == shed
    await cascade.check_counters(counters)


@cocotb.test(skip=N < 2)
@cocotb.parametrize(stage=range(1, N))
async def forced_frames_are_never_shed(dut, stage):
    """Unsure ones too: they fill the buffer beyond QueueFrames and stall the input instead."""
    cascade = Cascade(dut, name=f"forced-{stage}")
    await cascade.start()
    await cascade.configure(force=stage, shed=True)
    dut.hold_stage.value = 1 << stage
    count = sum(SHAPE.retention[:stage]) + 40
    for _ in range(count):
        cascade.send(cascade.frame([True] * N))
    await ClockCycles(dut.ap_clk, 200 * count)
    assert cascade.sink.taken == 0
    assert not cascade.source.idle, "the input never stalled"
    waiting = cascade.watch.levels.waiting[stage - 1]
    assert waiting >= SHAPE.queue[stage - 1], "the queue is not full"
    dut.hold_stage.value = 0
    await cascade.drain()
    _, counters = cascade.check()
    assert counters.exits[stage] == count
    await cascade.check_counters(counters)


@cocotb.test()
async def frames_in_the_last_stage_are_counted(dut):
    """The last slice of hwf_cascade's retained_o, which no register shows."""
    cascade = Cascade(dut, name="last")
    await cascade.start()
    await cascade.configure(force=N - 1)
    dut.hold_stage.value = 1 << (N - 1)
    count = 5  # as many fit into the dummy

    def inside():
        return int(dut.u_cascade.retained_o.value) >> 16 * (N - 1)

    assert inside() == 0
    for sent in range(1, count + 1):
        cascade.send(cascade.frame([True] * N))
        await cascade.bench.until(lambda: cascade.source.idle, limit=1000, what="frame accepted")
        await ClockCycles(dut.ap_clk, 400)
        assert inside() == sent, f"{inside()} frames in the last stage, expected {sent}"
    dut.hold_stage.value = 0
    await cascade.drain()
    assert inside() == 0, f"{inside()} frames in the last stage when idle"
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test(skip=N < 2 or not SHAPE.reorder_frames)
async def a_full_reorder_store_stalls_ordered_frames_only(dut):
    """The first frame is stuck: ReorderFrames go in, then unordered ones pass all of them."""
    cascade = Cascade(dut, name="store")
    await cascade.start()
    await cascade.configure(order=True)
    dut.hold_stage.value = 1 << 1
    cascade.send(cascade.frame(HARD_FIRST))
    for _ in range(SHAPE.reorder_frames + 3):
        cascade.send(cascade.frame([False] * N))
    await ClockCycles(dut.ap_clk, 150 * len(cascade.frames))
    assert len(cascade.accepted) == SHAPE.reorder_frames
    assert not cascade.source.idle
    assert cascade.sink.taken == 0, "a result overtook the first frame's"
    await cascade.configure(order=False)
    await cascade.bench.until(lambda: cascade.source.idle, limit=1000, what="unordered frames")
    await cascade.bench.until(lambda: cascade.sink.taken == 4, limit=1000, what="their results")
    dut.hold_stage.value = 0
    await cascade.drain()
    _, counters = cascade.check()
    await cascade.check_counters(counters)
