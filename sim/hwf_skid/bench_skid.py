"""hwf_skid: order, nothing lost or doubled, one word a clock."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from streams import PATTERNS, Port

BITS = parameters()["DataBits"]
WORDS = 300


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def in_order(dut, idle, stall):
    bench = Bench(dut, name=f"skid-{idle}-{stall}")
    source = bench.source(Port.axis(dut, "s_axis", "data"), idle=idle)
    sink = bench.sink(Port.axis(dut, "m_axis", "data"), stall=stall)
    await bench.start()
    sent = [bench.rng.getrandbits(BITS) for _ in range(WORDS)]
    source.queue.extend({"data": word} for word in sent)
    await bench.until(lambda: sink.taken == WORDS, limit=40 * WORDS, what="all words out")
    if idle == stall == "none":
        assert bench.cycle <= WORDS + 15, f"{WORDS} words took {bench.cycle} cycles"
    for index, word in enumerate(sent):
        cycle, beat = sink.beats.popleft()
        assert beat["data"] == word, f"word {index} at cycle {cycle}: {beat['data']} not {word}"
    await bench.finish()
