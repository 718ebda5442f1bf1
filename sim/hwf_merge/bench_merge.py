"""hwf_merge: each input keeps its order, nothing is lost, and a waiting input is served in turn."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from cocotb.triggers import RisingEdge

INPUTS = parameters()["Inputs"]
BITS = parameters()["DataBits"]  # input index in the top byte, number below
WORDS = 80


class Feeder:
    """Drives the flattened inputs: one queue and one pause pattern each."""

    def __init__(self, bench, idle):
        self.dut = bench.dut
        self.queues = [[(i << (BITS - 8)) | n for n in range(WORDS)] for i in range(INPUTS)]
        self.pause = [bench.pauses(idle) for _ in range(INPUTS)]
        self.offered = [False] * INPUTS
        self.dut.s_axis_tvalid.value = 0
        self.dut.s_axis_tdata.value = 0
        cocotb.start_soon(self.run())

    async def run(self):
        dut = self.dut
        while True:
            await RisingEdge(dut.ap_clk)
            if not int(dut.ap_rst_n.value):
                continue
            ready = int(dut.s_axis_tready.value)
            valid, data = 0, 0
            for i in range(INPUTS):
                if self.offered[i] and ready >> i & 1:
                    self.queues[i].pop(0)
                    self.offered[i] = False
                if not self.offered[i]:
                    self.offered[i] = bool(self.queues[i]) and not next(self.pause[i])
                if self.offered[i]:
                    valid |= 1 << i
                    data |= self.queues[i][0] << (BITS * i)
            dut.s_axis_tvalid.value = valid
            dut.s_axis_tdata.value = data


async def run(dut, idle, stall):
    from streams import Port

    bench = Bench(dut, name=f"merge-{idle}-{stall}")
    Feeder(bench, idle)
    sink = bench.sink(Port.axis(dut, "m_axis", "data"), stall=stall)
    await bench.start()
    total = INPUTS * WORDS
    await bench.until(lambda: sink.taken == total, limit=40 * total, what="all words out")
    order = [(cycle, beat["data"] >> (BITS - 8), beat["data"] & 0xFF) for cycle, beat in sink.beats]
    sink.beats.clear()
    await bench.finish()
    expected = [0] * INPUTS
    for cycle, source, number in order:
        assert number == expected[source], (
            f"input {source} at cycle {cycle}: word {number}, expected {expected[source]}"
        )
        expected[source] += 1
    return [source for _, source, _ in order], bench.cycle


@cocotb.test()
@cocotb.parametrize(idle=("none", "periodic", "random"), stall=("none", "periodic", "random"))
async def keeps_order(dut, idle, stall):
    await run(dut, idle, stall)


@cocotb.test()
async def takes_turns(dut):
    order, cycles = await run(dut, "none", "none")
    for start in range(0, len(order), INPUTS):
        turn = order[start : start + INPUTS]
        assert sorted(turn) == list(range(INPUTS)), f"words {start}...: inputs {turn} served"
    assert cycles <= INPUTS * WORDS + 70, f"{INPUTS * WORDS} words took {cycles} cycles"
