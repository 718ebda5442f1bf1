"""hwf_fork: all consumers get every word once, in order, whatever the others do."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from streams import PATTERNS, Port

BITS = parameters()["DataBits"]
OUTPUTS = parameters()["outputs"]
WORDS = 200


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall_0=PATTERNS, stall_1=PATTERNS)
async def all_get_all(dut, idle, stall_0, stall_1):
    # A third output stalls as the first does, or as none of the two.
    third = PATTERNS[(2 * PATTERNS.index(stall_0) + 2 * PATTERNS.index(stall_1)) % len(PATTERNS)]
    stalls = (stall_0, stall_1, third)[:OUTPUTS]
    bench = Bench(dut, name=f"fork-{idle}-{stall_0}-{stall_1}")
    source = bench.source(Port.axis(dut, "s_axis", "data"), idle=idle)
    sinks = [
        bench.sink(Port.axis(dut, f"m_axis_{side}", "data"), stall=stall)
        for side, stall in enumerate(stalls)
    ]
    await bench.start()
    sent = [bench.rng.getrandbits(BITS) for _ in range(WORDS)]
    source.queue.extend({"data": word} for word in sent)
    await bench.until(
        lambda: all(sink.taken == WORDS for sink in sinks), limit=40 * WORDS, what="all words out"
    )
    if {idle, *stalls} == {"none"}:
        assert bench.cycle <= WORDS + 15, f"{WORDS} words took {bench.cycle} cycles"
    for side, sink in enumerate(sinks):
        for index, word in enumerate(sent):
            cycle, beat = sink.beats.popleft()
            assert beat["data"] == word, f"output {side}, word {index} at cycle {cycle}: {beat}"
    await bench.finish()
