"""Records when hwf_accelerator with dummy stages takes frames and gives results, clock by clock."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
import numpy as np
from bench import Bench, Registers
from cocotb.triggers import RisingEdge
from streams import Port

from hwflow.cascade.result import unpack

SHAPE = json.loads(os.environ["HWF_SHAPE"])
RUNS = json.loads(os.environ["HWF_RUNS"])
CONTROL, ENABLE, ORDER, SHED = 0x14, 1 << 0, 1 << 8, 1 << 9
EASY = 100  # scripted byte of the best class: a margin far above the thresholds; else far below


def beats_of(exit_stage):
    """Return the beats of a frame that stages before ``exit_stage`` find hard; dummy_stage.sv."""
    frame = np.zeros(SHAPE["beats"] * SHAPE["beat_bytes"], dtype=np.uint8)
    for stage in range(exit_stage, SHAPE["stages"]):
        frame[stage * SHAPE["classes"]] = EASY
    rows = frame.reshape(SHAPE["beats"], SHAPE["beat_bytes"])
    last = SHAPE["beats"] - 1
    return [
        {"data": int.from_bytes(row.tobytes(), "little"), "last": int(beat == last)}
        for beat, row in enumerate(rows)
    ]


@cocotb.test()
@cocotb.parametrize(name=tuple(RUNS))
async def record(dut, name):
    """Send the frames of run ``name`` and write down what happened, one file per run."""
    run = RUNS[name]
    bench = Bench(dut, name=name)
    source = bench.source(Port.axis(dut, "s_axis_frame", "data", "last"))
    registers = Registers(dut)
    dut.m_axis_result_tready.value = 1
    await bench.start()
    await bench.until(lambda: bool(int(dut.core_rst_n.value)), limit=50, what="reset")
    word = ENABLE | (ORDER if run["order"] else 0) | (SHED if run["shed"] else 0)
    assert await registers.write(CONTROL, word) == 0

    exit_stage, arrival = run["exit_stage"], run["arrival"]
    count = len(exit_stage)
    frames = [beats_of(stage) for stage in range(SHAPE["stages"])]
    sent, clock, stall = 0, 0, 0
    accepted, results = [], []
    peaks = [0] * (SHAPE["stages"] - 1)
    while len(results) < count:
        while sent < count and (arrival is None or arrival[sent] <= clock):
            source.queue.extend(frames[exit_stage[sent]])
            sent += 1
        await RisingEdge(dut.ap_clk)
        clock += 1
        assert clock < 3000 * count, f"{len(results)} of {count} results by clock {clock}"
        if int(dut.frame_accepted.value):
            accepted.append(clock)
        if int(dut.m_axis_result_tvalid.value):
            results.append((clock, int(dut.m_axis_result_tdata.value)))
        stall += int(dut.stall_input.value)
        retained = int(dut.retained.value) if peaks else 0
        peaks = [max(peak, retained >> 16 * k & 0xFFFF) for k, peak in enumerate(peaks)]
    got = unpack(np.array([data for _, data in results], dtype=np.uint64))
    order = np.argsort(got.sample_id)
    Path(f"{name}.json").write_text(
        json.dumps(
            {
                "accepted": accepted,
                "result": np.array([at for at, _ in results])[order].tolist(),
                "exit_stage": got.exit_stage[order].tolist(),
                "flags": got.flags[order].tolist(),
                "peaks": peaks,
                "stall_cycles": stall,
            }
        ),
        encoding="utf-8",
    )
