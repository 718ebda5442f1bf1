"""hwf_accelerator with dummy stages, N = 1..3: every frame exactly one result, as in the model."""

from __future__ import annotations

import json
import os

import cocotb
import numpy as np
from bench import SLVERR
from cascade_bench import Cascade, Shape
from cocotb.triggers import ClockCycles, RisingEdge
from dummy_scores import scores_of
from streams import PATTERNS

from hwflow.cascade.decision import top2
from hwflow.rtl.registers import ID, VERSION, Kind, cascade_registers

_GIVEN = json.loads(os.environ["HWF_PARAMETERS"])
SHAPE = Shape(
    **{key: tuple(value) if isinstance(value, list) else value for key, value in _GIVEN.items()}
)
REGISTERS = cascade_registers(
    stages=SHAPE.stages,
    classes=SHAPE.classes,
    frame_bytes=SHAPE.frame_bytes,
    frame_beat_bytes=SHAPE.beat_bytes,
    thresholds=SHAPE.thresholds,
    reorder_frames=SHAPE.reorder_frames,
    build_id=SHAPE.build_id,
)
N = SHAPE.stages
ESCALATIONS = ("none", "all", "alternating", "random")
CONTROL = REGISTERS["control"].offset
ENABLE, SOFT_RESET, FORCE, ORDER, SHED = 1, 2, 4, 1 << 8, 1 << 9


def hardness(pattern, index, rng):
    """Return for each stage whether frame ``index`` is hard for it."""
    if pattern == "random":
        return [rng.random() < 0.5 for _ in range(N)]
    return [{"none": False, "all": True, "alternating": index % 2 == 1}[pattern]] * N


def per_frame():
    """Generous bound on the clocks per frame, stalls included."""
    return 3000


@cocotb.test()
@cocotb.parametrize(pattern=ESCALATIONS, idle=PATTERNS, stall=PATTERNS)
async def traffic(dut, pattern, idle, stall):
    cascade = Cascade(dut, SHAPE, name=f"{pattern}-{idle}-{stall}", idle=idle, stall=stall)
    await cascade.start()
    for index in range(16):
        cascade.send(cascade.frame(hardness(pattern, index, cascade.rng)))
    await cascade.drain(limit=16 * per_frame())
    _, counters = cascade.check()
    if pattern == "none":
        assert counters.exits[0] == 16
    if pattern == "all":
        assert counters.exits[-1] == 16
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def malformed_frames(dut, idle, stall):
    cascade = Cascade(dut, SHAPE, name=f"malformed-{idle}-{stall}", idle=idle, stall=stall)
    await cascade.start()
    beats = SHAPE.beats
    for _ in range(24):
        frame = cascade.frame(hardness("random", 0, cascade.rng))
        length = cascade.rng.choice((1, beats - 1, beats, beats, beats, beats + 1, 3 * beats))
        cascade.send(frame, beats=max(1, length))
    await cascade.drain(limit=24 * per_frame())
    _, counters = cascade.check()
    assert counters.frames_short > 0 or beats == 1
    assert counters.frames_long > 0
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test()
@cocotb.parametrize(stall=PATTERNS, run=range(2))
async def settings_change_in_mid_traffic(dut, stall, run):
    """Thresholds and force are written at any time; each frame keeps those of its first beat."""
    cascade = Cascade(dut, SHAPE, name=f"settings-{stall}-{run}", idle="random", stall=stall)
    await cascade.start()
    rng = cascade.rng
    count = 40
    while len(cascade.frames) < count:
        for _ in range(rng.randrange(4)):
            cascade.send(cascade.numbers.integers(0, 256, SHAPE.frame_bytes, dtype=np.uint8))
        if N > 1 and rng.random() < 0.6:
            name = f"threshold_{rng.randrange(N - 1)}"
            word = rng.choice((0, 1, rng.randrange(1 << 16), rng.getrandbits(32), 1 << 16))
            response = await cascade.registers.write(REGISTERS[name].offset, word)
            assert response == 0
            assert await cascade.read(REGISTERS[name].offset) == word
        else:
            force = rng.choice((0, FORCE | rng.randrange(16) << 4))
            assert await cascade.registers.write(CONTROL, ENABLE | force) == 0
        await ClockCycles(dut.ap_clk, rng.randrange(60))
    await cascade.drain(limit=count * per_frame())
    _, counters = cascade.check()
    kept = {(*frame.thresholds, frame.choice) for frame in cascade.accepted}
    assert len(kept) > 3, "settings hardly changed"
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test()
@cocotb.parametrize(run=range(8))
async def soft_reset_at_any_time(dut, run):
    """Frames begun before the reset vanish, the rest of one included; later ones are whole."""
    stall = PATTERNS[run % 3]
    cascade = Cascade(dut, SHAPE, name=f"soft-reset-{run}", idle="random", stall=stall)
    await cascade.start()
    rng = cascade.rng
    for _ in range(3):
        for _ in range(10):
            beats = rng.choice((SHAPE.beats,) * 4 + (1, SHAPE.beats + 2))
            cascade.send(cascade.frame(hardness("random", 0, rng)), beats=beats)
        await ClockCycles(dut.ap_clk, rng.randrange(1, 300))
        assert await cascade.registers.write(CONTROL, ENABLE | SOFT_RESET) == 0
    for _ in range(4):
        cascade.send(cascade.frame(hardness("random", 0, rng)))
    await ClockCycles(dut.ap_clk, 20)
    assert cascade.resets, "soft reset did nothing"
    assert min(cascade.resets) >= 16, f"soft resets of {cascade.resets} clocks"
    await cascade.drain(limit=40 * per_frame())
    _, counters = cascade.check()
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test()
async def hard_reset_restores_everything(dut):
    cascade = Cascade(dut, SHAPE, name="hard-reset")
    await cascade.start()
    assert await cascade.registers.write(CONTROL, ENABLE | FORCE) == 0
    for _ in range(6):
        cascade.send(cascade.frame([True] * N))
    await ClockCycles(dut.ap_clk, 40)
    await cascade.bench.reset()
    cascade.source.queue.clear()
    dut.s_axis_frame_tvalid.value = 0
    await cascade.bench.reset()
    await ClockCycles(dut.ap_clk, 30)
    for register in REGISTERS.registers:
        if any(field.kind is Kind.SETTING for field in register.fields):
            assert await cascade.read(register.offset) == register.reset, register.name
    assert await cascade.read(REGISTERS["frames_in"].offset) == 0
    assert await cascade.read(REGISTERS["status"].offset) == 1


@cocotb.test()
@cocotb.parametrize(stage=range(N + 1))
async def force(dut, stage):
    cascade = Cascade(dut, SHAPE, name=f"force-{stage}", stall="random")
    await cascade.start()
    assert await cascade.registers.write(CONTROL, ENABLE | FORCE | stage << 4) == 0
    for index in range(8):
        cascade.send(cascade.frame(hardness("alternating", index, cascade.rng)))
    await cascade.drain(limit=8 * per_frame())
    _, counters = cascade.check()
    assert counters.exits[min(stage, N - 1)] == 8
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test(skip=N < 2)
async def a_waiting_frame_holds_back_nobody(dut):
    """While the next stage is busy with a hard frame and another one waits, easy ones pass."""
    cascade = Cascade(dut, SHAPE, name="waiting")
    await cascade.start()
    easy = 4 * SHAPE.retention[0]
    hard = [False] * N
    hard[0] = True
    for _ in range(SHAPE.retention[0] - 1):
        cascade.send(cascade.frame(hard))
    for _ in range(easy):
        cascade.send(cascade.frame([False] * N))
    # Stage 1 answers nothing for now.
    dut.hold_stage1.value = 1
    count = len(cascade.frames)
    await cascade.bench.until(
        lambda: len(cascade.results) == easy, limit=count * 300, what="all easy frames"
    )
    dut.hold_stage1.value = 0
    await cascade.drain(limit=count * per_frame())
    _, counters = cascade.check()
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test(skip=N < 2)
async def a_full_buffer_stalls_and_loses_nothing(dut):
    cascade = Cascade(dut, SHAPE, name="full")
    await cascade.start()
    dut.hold_stage1.value = 1
    count = SHAPE.retention[0] + 40
    for _ in range(count):
        cascade.send(cascade.frame([True] * N))
    await ClockCycles(dut.ap_clk, 200 * count)
    assert cascade.peaks[0] == SHAPE.retention[0], f"only {cascade.peaks[0]} slots were used"
    assert not cascade.source.idle, "the input never stalled"
    assert cascade.sink.taken == 0
    dut.hold_stage1.value = 0
    await cascade.drain(limit=count * per_frame())
    _, counters = cascade.check()
    await cascade.check_counters(counters, REGISTERS)


@cocotb.test(skip=N < 2)
@cocotb.parametrize(stage=range(N - 1), more=(0, 1))
async def threshold_is_met_by_its_own_value(dut, stage, more):
    """A margin equal to the threshold exits, one below it escalates."""
    cascade = Cascade(dut, SHAPE, name=f"equal-{stage}-{more}")
    await cascade.start()
    hard = [k < stage for k in range(N)]
    for _ in range(6):
        frame = cascade.frame(hard)
        _, margins = top2(scores_of(frame[None], stage=stage, classes=SHAPE.classes))
        word = int(margins[0]) + more
        assert await cascade.registers.write(REGISTERS[f"threshold_{stage}"].offset, word) == 0
        cascade.send(frame)
        await cascade.drain(limit=per_frame())
    _, counters = cascade.check()
    assert counters.exits[stage + more] == 6


@cocotb.test(skip=not SHAPE.deep)
@cocotb.parametrize(period=(0, 1, 2, 3, 10))
async def sustained_rate(dut, period):
    """Every ``period``-th frame is hard for all stages: >= 0.99 of the slowest stage's rate."""
    cascade = Cascade(dut, SHAPE, name=f"rate-{period}")
    await cascade.start()
    count, skip = 90, 30
    for index in range(count):
        cascade.send(cascade.frame([bool(period) and index % period == 0] * N))
    await cascade.drain(limit=count * per_frame())
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
async def registers(dut):
    """Reset values, read-only and unmapped addresses, strobes: all as the description says."""
    cascade = Cascade(dut, SHAPE, name="registers")
    await cascade.start()
    access = cascade.registers
    mapped = {register.offset: register for register in REGISTERS.registers}
    live = {"cycles_low", "cycles_high"}
    for offset in range(0, 0x1000, 4):
        if offset not in mapped and offset > 0x180 and offset % 0x7C:
            continue
        register = mapped.get(offset)
        word, response = await access.read(offset)
        if register is None:
            assert (word, response) == (0, SLVERR), f"unmapped {offset:#x}: {word:#x}, {response}"
        elif register.name not in live:
            wanted = register.reset | (register.name == "status")
            assert (word, response) == (wanted, 0), f"{register.name}: {word:#x}, {response}"
        if register is None or not register.writable:
            response = await access.write(offset, 0xFFFF_FFFF)
            assert response == SLVERR, f"write to {offset:#x}: response {response}"
            if register is not None and register.name not in live:
                assert await cascade.read(offset) == wanted, f"{register.name} was overwritten"
    assert await cascade.read(0) == ID
    assert await cascade.read(4) == VERSION
    assert await cascade.read(REGISTERS["build_id"].offset) == SHAPE.build_id
    if N > 1:
        offset = REGISTERS["threshold_0"].offset
        assert await access.write(offset, 0xA1B2_C3D4) == 0
        assert await access.write(offset + 1, 0x55, size=1) == 0
        assert await cascade.read(offset) == 0xA1B2_55D4
        assert await access.write(offset + 2, 0x7788, size=2) == 0
        assert await cascade.read(offset) == 0x7788_55D4
    # Bits that nobody claims stay 0; so does order where there is no store.
    claimed = SHED | (ORDER if SHAPE.reorder_frames else 0)
    assert await access.write(CONTROL, 0xFFFF_FF00 | ENABLE) == 0
    assert await cascade.read(CONTROL) == ENABLE | claimed


@cocotb.test()
async def clock_counter(dut):
    """Two reads of the 64-bit counter differ by the clocks between them."""
    cascade = Cascade(dut, SHAPE, name="clock")
    await cascade.start()
    reads = []

    async def watch():
        while True:
            await RisingEdge(dut.ap_clk)
            if int(dut.s_axi_ctrl_arvalid.value) and int(dut.s_axi_ctrl_arready.value):
                reads.append(cascade.bench.cycle)

    cocotb.start_soon(watch())
    low, high = REGISTERS["cycles_low"].offset, REGISTERS["cycles_high"].offset
    first = await cascade.read(low)
    assert await cascade.read(high) == 0
    await ClockCycles(dut.ap_clk, 333)
    dut.u_regs.timer_q.value = (7 << 32) | 0xFFFF_FFF0
    await RisingEdge(dut.ap_clk)
    await ClockCycles(dut.ap_clk, 40)
    second = await cascade.read(low)
    assert second < 1000, "the lower half did not wrap"
    assert await cascade.read(high) == 8
    third = await cascade.read(low)
    assert third - second == reads[4] - reads[2], f"{third - second} clocks, saw {reads}"
    assert first < 200


@cocotb.test()
async def exit_latency(dut):
    """One frame alone: at most 16 clocks beside the stage's own time."""
    cascade = Cascade(dut, SHAPE, name="latency")
    await cascade.start()
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
    await cascade.drain(limit=per_frame())
    accepted = cascade.accepted[0][0]
    (result,), _ = cascade.check()
    beside = (result - accepted) - (times["out"] - times["in"])
    dut._log.info("exit latency: stage + %d cycles", beside)
    assert beside <= 16, f"{beside} cycles beside the stage"


@cocotb.test(timeout_time=200, timeout_unit="us")
async def another_driver(dut):
    """The same streams through cocotbext-axi's source and sink, which know nothing of ours."""
    from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

    cascade = Cascade(dut, SHAPE, name="other", attach=False)
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
        cascade.add(frame, 0)
    for frame in frames:
        padded = bytes(frame).ljust(SHAPE.beats * SHAPE.beat_bytes, b"\0")
        await source.send(AxiStreamFrame(padded))
    for _ in frames:
        word = await sink.recv()
        data = {"data": int.from_bytes(bytes(word.tdata), "little")}
        cascade.results.append((cascade.bench.cycle, data))
    cascade.check()
