"""The matrix: idle × stall × order × overload policy × escalation, against the model."""

from __future__ import annotations

import cocotb
from cascade_bench import Cascade
from cascade_coverage import COVERAGE
from cocotb.triggers import ClockCycles, RisingEdge
from design import FULL, SHAPE, N
from matrix import ACCEPTANCE, MIXED, RUNS, SHED, hardness

from hwflow.cascade.result import ID_MODULO

FRAMES = 20


async def change(cascade, run, turn):
    """Write the control register; what ``run`` has mixed is different from turn to turn."""
    order = turn % 2 == 0 if run.order == MIXED else run.order == ACCEPTANCE
    shed = turn % 3 == 0 if run.policy == MIXED else run.policy == SHED
    await cascade.configure(order=order, shed=shed)


@cocotb.test()
@cocotb.parametrize(run=tuple(RUNS))
async def traffic(dut, run):
    cascade = Cascade(dut, name=run, idle=RUNS[run].idle, stall=RUNS[run].stall)
    run = RUNS[run]
    window = cascade.rng.choice((1, 3, 4, 7))
    limit = cascade.rng.randrange(window)
    await cascade.start()
    await cascade.write("alarm_window", window)
    await cascade.write("alarm_limit", limit)
    await change(cascade, run, 0)
    for index in range(FRAMES):
        if run.mixed and index and index % 4 == 0:
            await change(cascade, run, index // 4)
        cascade.send(cascade.frame(hardness(run.escalation, index, cascade.rng)))
        if run.mixed:  # about as fast as stage 0 takes them
            await ClockCycles(dut.ap_clk, 1 + cascade.rng.randrange(2 * SHAPE.ii_cycles[0]))
    await cascade.drain()
    _, counters = cascade.check()
    cascade.check_alarms(window=window, limit=limit)
    if run.escalation == "none":
        assert counters.exits[0] == FRAMES
    if run.escalation == "all":
        assert counters.exits[-1] + counters.sheds.sum() == FRAMES
    choices = {(frame.choice.order, frame.choice.may_shed) for frame in cascade.accepted}
    if run.mixed:
        assert len(choices) > 1, "settings never changed"
    else:
        assert choices == {(run.order == ACCEPTANCE, run.policy == SHED)}
    await cascade.check_counters(counters)
    for factor in ("idle", "stall", "order", "policy", "escalation"):
        COVERAGE.hit(factor, getattr(run, factor))
    if N > 1:
        minimum = min(SHAPE.retention) == 2
        COVERAGE.hit("retention depth", "minimum" if minimum else "larger")
    COVERAGE.save()


@cocotb.test()
@cocotb.parametrize(order=(False, True), run=range(5 if FULL else 1))
async def sample_ids_wrap(dut, order, run):
    """Ids go on at 0 behind the last one, in mid-traffic; nobody mixes frames up."""
    cascade = Cascade(dut, name=f"wrap-{order}-{run}", idle="random", stall="random")
    await cascade.start()
    cascade.first_id = ID_MODULO - 9
    dut.u_cascade.u_guard.id_q.value = cascade.first_id
    await RisingEdge(dut.ap_clk)
    await cascade.configure(order=order, shed=bool(run % 2))
    for index in range(FRAMES):
        cascade.send(cascade.frame(hardness("random", index, cascade.rng)))
    await cascade.drain()
    COVERAGE.hit("ids", "wrap")
    _, counters = cascade.check()
    await cascade.check_counters(counters)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def another_driver(dut):
    """The same streams through cocotbext-axi's source and sink, which know nothing of ours."""
    from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

    cascade = Cascade(dut, name="other", attach=False)
    frames = [cascade.frame(hardness("random", 0, cascade.rng)) for _ in range(12)]
    await cascade.start()
    source, sink = (
        kind(
            AxiStreamBus.from_prefix(dut, prefix),
            dut.ap_clk,
            dut.ap_rst_n,
            reset_active_level=False,
        )
        for kind, prefix in ((AxiStreamSource, "s_axis_frame"), (AxiStreamSink, "m_axis_result"))
    )
    for frame in frames:
        cascade.note(frame)
        padded = bytes(frame).ljust(SHAPE.beats * SHAPE.beat_bytes, b"\0")
        await source.send(AxiStreamFrame(padded))
    for _ in frames:
        word = await sink.recv()
        data = {"data": int.from_bytes(bytes(word.tdata), "little")}
        cascade.results.append((cascade.bench.cycle, data))
    cascade.check()
