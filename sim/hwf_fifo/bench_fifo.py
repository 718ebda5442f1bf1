"""hwf_fifo: order, nothing lost or doubled, never more than Depth inside, full speed."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from cocotb.triggers import RisingEdge
from streams import PATTERNS, Port

DEPTH = parameters()["Depth"]
BITS = parameters()["DataBits"]


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
    # One word a clock; a single entry is emptied before it is filled again.
    expected = 200 * (1 if DEPTH > 1 else 2)
    assert bench.cycle <= expected + 70, f"200 words took {bench.cycle} cycles"
