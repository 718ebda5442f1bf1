"""hwf_fifo and hwf_fifo_block: order, nothing lost, never more than Depth inside, full speed."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from cocotb.triggers import ReadOnly, RisingEdge
from streams import PATTERNS, Port

DEPTH = parameters()["Depth"]
BITS = parameters()["DataBits"]
# Clocks from an accepted word to its arrival at the output.
LATENCY = parameters().get("latency", 1)


async def run(dut, idle, stall, words=200):
    bench = Bench(dut, name=f"fifo-{idle}-{stall}")
    source = bench.source(Port.axis(dut, "s_axis", "data"), idle=idle)
    sink = bench.sink(Port.axis(dut, "m_axis", "data"), stall=stall)
    await bench.start()
    sent = [bench.rng.getrandbits(BITS) for _ in range(words)]
    source.queue.extend({"data": word} for word in sent)
    peak = 0
    while sink.taken < words:
        await RisingEdge(dut.ap_clk)
        assert bench.cycle < 100 * words, f"word {sink.taken} not out at cycle {bench.cycle}"
        peak = max(peak, int(dut.count_o.value))
    for index, word in enumerate(sent):
        cycle, beat = sink.beats.popleft()
        assert beat["data"] == word, f"word {index} at cycle {cycle}: {beat['data']} not {word}"
    await bench.finish()
    return bench, peak


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def in_order(dut, idle, stall):
    _, peak = await run(dut, idle, stall)
    assert peak <= DEPTH, f"{peak} words in a FIFO of {DEPTH}"
    if stall == "periodic" and idle == "none":
        assert peak == DEPTH, f"a slow reader never filled it: {peak} of {DEPTH}"


@cocotb.test()
async def full_speed(dut):
    bench, _ = await run(dut, "none", "none")
    # One word a clock, if the FIFO holds those that are on their way and one that is full; else
    # Depth words in each round through it.
    expected = 200 * max(1, (LATENCY + 1) / DEPTH)
    assert expected <= bench.cycle <= expected + 70, f"200 words took {bench.cycle} cycles"


@cocotb.test()
async def latency(dut):
    """A word comes out after the contract's clocks, and not before."""
    bench = Bench(dut, name="fifo-latency")
    await bench.start()
    dut.m_axis_tready.value = 0
    dut.s_axis_tdata.value = 1
    dut.s_axis_tvalid.value = 1
    await RisingEdge(dut.ap_clk)
    dut.s_axis_tvalid.value = 0
    for clock in range(1, LATENCY + 1):
        await ReadOnly()
        assert int(dut.m_axis_tvalid.value) == (clock == LATENCY), f"clock {clock}"
        await RisingEdge(dut.ap_clk)


@cocotb.test()
async def reset_within_a_stream(dut):
    """After a reset nothing of before comes out, and the FIFO takes Depth words again."""
    bench = Bench(dut, name="fifo-reset")
    await bench.start()
    dut.m_axis_tready.value = 0
    dut.s_axis_tvalid.value = 1
    for _ in range(DEPTH + 3):
        await RisingEdge(dut.ap_clk)
    dut.s_axis_tvalid.value = 0
    await ReadOnly()
    assert int(dut.count_o.value) == DEPTH
    await RisingEdge(dut.ap_clk)
    await bench.reset()
    assert int(dut.m_axis_tvalid.value) == 0
    assert int(dut.count_o.value) == 0
    _, peak = await run(dut, "none", "periodic")
    assert peak == DEPTH
