"""One bench for every block: clock, reset, streams with idles and stalls, AXI4-Lite, end checks."""

from __future__ import annotations

import json
import os
import random
import warnings
from collections.abc import Callable
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from streams import Port, Sink, Source, pauses

SLVERR = 2


class Bench:
    """Owns clock and reset of ``dut`` (ap_clk, ap_rst_n) and all drivers attached to it.

    The seed is taken from HWF_SEED, logged, and mixed with the test's name, so that any failure
    can be repeated.
    """

    def __init__(self, dut: Any, *, name: str = "") -> None:
        self.dut = dut
        self.cycle = 0
        self.seed = int(os.environ.get("HWF_SEED", "1"))
        self.rng = random.Random(f"{self.seed}/{name}")
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        # Before any stream's coroutine, so that all of them read the same number in a clock.
        cocotb.start_soon(self._count())
        dut._log.info("seed %d (HWF_SEED), test %s", self.seed, name)

    def source(self, port: Port, *, idle: str = "none") -> Source:
        """Attach a driver to an input stream."""
        source = Source(self.dut.ap_clk, self.dut.ap_rst_n, port, self.pauses(idle))
        self.sources.append(source)
        return source

    def sink(self, port: Port, *, stall: str = "none", reset_n: Any = None) -> Sink:
        """Attach a checker to an output stream; ``reset_n``: if not ap_rst_n itself."""
        pause = self.pauses(stall)
        reset_n = self.dut.ap_rst_n if reset_n is None else reset_n
        sink = Sink(self.dut.ap_clk, reset_n, port, pause, lambda: self.cycle)
        self.sinks.append(sink)
        return sink

    def pauses(self, pattern: str) -> Any:
        """Return a pause pattern with its own random numbers."""
        return pauses(pattern, random.Random(self.rng.getrandbits(64)))

    async def start(self) -> None:
        """Start the clock and apply reset for a few clocks."""
        self.dut.ap_rst_n.value = 0
        cocotb.start_soon(Clock(self.dut.ap_clk, 10, unit="ns").start())
        await self.reset()

    async def reset(self, clocks: int = 4) -> None:
        """Pull ap_rst_n low for ``clocks`` clocks."""
        self.dut.ap_rst_n.value = 0
        await ClockCycles(self.dut.ap_clk, clocks)
        self.dut.ap_rst_n.value = 1
        await RisingEdge(self.dut.ap_clk)

    async def _count(self) -> None:
        while True:
            await RisingEdge(self.dut.ap_clk)
            self.cycle += 1

    async def until(self, done: Callable[[], bool], *, limit: int, what: str) -> None:
        """Wait until ``done()``; fail with ``what`` after ``limit`` clocks."""
        start = self.cycle
        while not done():
            assert self.cycle - start < limit, (
                f"{what}: not within {limit} cycles (now cycle {self.cycle})"
            )
            await RisingEdge(self.dut.ap_clk)

    async def finish(self, clocks: int = 50) -> None:
        """Check that nothing more comes: all queued beats went in, every sink stays empty."""
        await ClockCycles(self.dut.ap_clk, clocks)
        for source in self.sources:
            assert source.idle, f"{len(source.queue)} beats were never accepted"
        for sink in self.sinks:
            assert not sink.beats, f"{len(sink.beats)} beats too many, first {sink.beats[0]}"


class Registers:
    """AXI4-Lite master (cocotbext-axi) on ``prefix``; words by byte offset."""

    def __init__(self, dut: Any, prefix: str = "s_axi_ctrl") -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from cocotbext.axi import AxiLiteBus, AxiLiteMaster

            self.master = AxiLiteMaster(
                AxiLiteBus.from_prefix(dut, prefix),
                dut.ap_clk,
                dut.ap_rst_n,
                reset_active_level=False,
            )

    async def read(self, offset: int) -> tuple[int, int]:
        """Return (word, response)."""
        answer = await self.master.read(offset, 4)
        return int.from_bytes(answer.data, "little"), int(answer.resp)

    async def write(self, offset: int, word: int, *, size: int = 4) -> int:
        """Write the ``size`` low bytes of ``word`` from byte address ``offset``; response."""
        answer = await self.master.write(offset, word.to_bytes(size, "little"))
        return int(answer.resp)

    async def write_strobed(self, offset: int, word: int, strobes: int) -> int:
        """Write ``word`` with these four strobes; no other write may be under way. Response.

        ``write`` shows zeros in the bytes that it does not strobe, this all of ``word``.
        """
        from cocotbext.axi.axil_channels import AxiLiteAWTransaction, AxiLiteWTransaction

        channels = self.master.write_if
        await channels.aw_channel.send(AxiLiteAWTransaction(awaddr=offset))
        await channels.w_channel.send(AxiLiteWTransaction(wdata=word, wstrb=strobes))
        return int((await channels.b_channel.recv()).bresp)


def parameters() -> dict[str, int]:
    """Return the build parameters of the block, as its launcher passed them."""
    values: dict[str, int] = json.loads(os.environ["HWF_PARAMETERS"])
    return values
