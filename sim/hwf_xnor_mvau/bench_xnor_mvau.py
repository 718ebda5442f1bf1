"""hwf_xnor_mvau against ±1 matrix products in numpy."""

from __future__ import annotations

import cocotb
import numpy as np
from bench import parameters
from cocotb.triggers import ClockCycles
from layer import LayerBench, case, pack
from streams import PATTERNS

SIMD, PE = parameters()["SIMD"], parameters()["PE"]


def stimulus() -> tuple[list[int], list[int]]:
    """Return input words and the words that must come out, straight from the definition."""
    data = case()
    words = pack(data["bits"].reshape(-1, SIMD), 1)
    dot = (2 * data["bits"] - 1) @ data["weights"].T
    if "thresholds" in data:
        return words, pack((dot >= data["thresholds"]).reshape(-1, PE), 1)
    width = data["weights"].shape[1].bit_length() + 1
    return words, pack(dot.reshape(-1, PE), width)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def products(dut, idle, stall):
    bench = LayerBench(dut, idle=idle, stall=stall)
    await bench.start()
    await bench.run(*stimulus())


@cocotb.test()
async def one_fold_a_cycle(dut):
    """Back to back, a vector takes (MW/SIMD) × (MH/PE) cycles, exactly."""
    bench = LayerBench(dut)
    await bench.start()
    cycles = await bench.run(*stimulus())
    mh, mw = case()["weights"].shape
    last = cycles[mh // PE - 1 :: mh // PE]
    assert set(np.diff(last)) == {(mw // SIMD) * (mh // PE)}


@cocotb.test()
async def reset_in_mid_vector(dut):
    """A reset at any fold leaves nothing behind."""
    bench = LayerBench(dut)
    await bench.start()
    words, expected = stimulus()
    for beats in (1, 2, 5):
        bench.source.queue.extend({"data": word} for word in words[:beats])
        await bench.bench.until(lambda: bench.source.idle, limit=2000, what="beats in")
        await ClockCycles(dut.ap_clk, beats)  # a different fold each time
        await bench.bench.reset()
        bench.sink.beats.clear()
    bench.sink.taken = 0
    await bench.run(words, expected)
