"""Generated layers beside each other, each with its own streams, against their Python execution.

One build carries many parameter sets. Instance i of module ``tb`` has ports ``n<i>_in<j>_V_…`` and
``n<i>_out<j>_V_…``; the case holds the words of each, frames back to back, and the cycles that a
frame must take.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import cocotb
from bench import Bench
from cocotb.triggers import ClockCycles
from streams import PATTERNS, Port

LAYERS = json.loads(Path(os.environ["HWF_LAYERS"]).read_text(encoding="utf-8"))


def port(dut, name: str) -> Port:
    """Return the stream ``name`` of the test bench module."""
    valid, ready, data = (getattr(dut, f"{name}_{part}") for part in ("TVALID", "TREADY", "TDATA"))
    return Port(name, valid, ready, {"data": data})


class LayersBench:
    """A source for each input and a sink for each output of all layers."""

    def __init__(self, dut, *, idle: str, stall: str) -> None:
        self.bench = Bench(dut, name=f"{idle}-{stall}")
        self.sources = {
            name: self.bench.source(port(dut, name), idle=idle)
            for layer in LAYERS
            for name in layer["inputs"]
        }
        self.sinks = {
            name: self.bench.sink(port(dut, name), stall=stall)
            for layer in LAYERS
            for name in layer["outputs"]
        }

    def send(self, layer, *, words: int | None = None) -> None:
        """Queue the first ``words`` words of each input, or all of them."""
        for name in layer["inputs"]:
            beats = ({"data": int(word, 16)} for word in layer["words"][name][:words])
            self.sources[name].queue.extend(beats)

    async def expect_all(self) -> None:
        """Wait for every word of every output, and for the inputs to be taken."""
        goals = {
            name: self.sinks[name].taken + len(layer["words"][name])
            for layer in LAYERS
            for name in layer["outputs"]
        }
        longest = max(len(words) for layer in LAYERS for words in layer["words"].values())
        await self.bench.until(
            lambda: (
                all(self.sinks[name].taken >= goal for name, goal in goals.items())
                and all(source.idle for source in self.sources.values())
            ),
            limit=80 * longest + 2000,
            what="all words out",
        )

    def check(self, layer, *, full_speed: bool) -> None:
        """Compare each output word by word; at full speed also when each frame ends."""
        for name in layer["outputs"]:
            cycles = []
            for index, word in enumerate(layer["words"][name]):
                cycle, beat = self.sinks[name].beats.popleft()
                where = f"{layer['what']}, {name}, word {index} at cycle {cycle}"
                assert beat["data"] == int(word, 16), f"{where}: {beat['data']:#x}, expected {word}"
                cycles.append(cycle)
            beats = len(cycles) // layer["frames"]
            spacing = {b - a for a, b in pairwise(cycles[beats - 1 :: beats])}
            if full_speed:
                assert spacing == {layer["cycles"]}, f"{layer['what']}: cycles a frame {spacing}"


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def equal_the_execution(dut, idle, stall):
    layers = LayersBench(dut, idle=idle, stall=stall)
    await layers.bench.start()
    for layer in LAYERS:
        layers.send(layer)
    await layers.expect_all()
    for layer in LAYERS:
        layers.check(layer, full_speed=idle == stall == "none")
    await layers.bench.finish()


@cocotb.test()
async def reset_in_mid_frame_leaves_nothing_behind(dut):
    layers = LayersBench(dut, idle="none", stall="random")
    await layers.bench.start()
    for layer in LAYERS:
        frame = len(layer["words"][layer["inputs"][0]]) // layer["frames"]
        layers.send(layer, words=frame + (frame + 1) // 2)
    await ClockCycles(dut.ap_clk, 40)
    dut.ap_rst_n.value = 0
    await ClockCycles(dut.ap_clk, 2)
    for source in layers.sources.values():
        source.queue.clear()
    await layers.bench.reset()
    for sink in layers.sinks.values():
        sink.beats.clear()
    for layer in LAYERS:
        layers.send(layer)
    await layers.expect_all()
    for layer in LAYERS:
        layers.check(layer, full_speed=False)
    await layers.bench.finish()
