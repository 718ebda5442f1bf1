"""hwf_popcount: every word for narrow widths, random and extreme ones for wide."""

from __future__ import annotations

import cocotb
from bench import parameters
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from layer import case

LATENCY = parameters()["Latency"]


@cocotb.test()
async def counts(dut):
    """One word a clock; freezing the enable at random moves nothing."""
    data = case()
    words = [int(word, 16) for word in data["words"]]
    cocotb.start_soon(Clock(dut.clk_i, 10, unit="ns").start())
    entered: list[int] = []
    for word, enable in zip(words * 2, data["enable"], strict=False):
        await FallingEdge(dut.clk_i)
        dut.bits_i.value = word
        dut.en_i.value = int(enable)
        if enable:
            entered.append(word)
        await FallingEdge(dut.clk_i)
        dut.en_i.value = 0
        if len(entered) >= LATENCY:
            want = entered[len(entered) - LATENCY].bit_count()
            got = dut.count_o.value.to_unsigned()
            assert got == want, f"{entered[-LATENCY]:#x}: expected {want}, got {got}"
    assert len(entered) > LATENCY
