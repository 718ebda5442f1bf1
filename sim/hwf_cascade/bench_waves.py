"""Records signals of hwf_accelerator, for the timing diagrams of docs/controller.md."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
import numpy as np
from bench import Bench, Registers
from cocotb.triggers import ClockCycles, RisingEdge
from streams import Port

SHAPE = json.loads(os.environ["HWF_SHAPE"])
SCENES = json.loads(os.environ["HWF_SCENES"])
EASY = 100  # scripted byte of the best class: a margin far above the thresholds; else far below
MOST_CLOCKS = 52  # what a page shows


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


def frame_of(exit_stage, beats):
    """Return a frame's beats, cut or prolonged to ``beats``."""
    whole = beats_of(exit_stage)
    data = [beat["data"] for beat in whole] + [0] * max(0, beats - len(whole))
    return [{"data": data[i], "last": int(i == beats - 1)} for i in range(beats)]


def sample(dut):
    """Return what the rows of a diagram show in this clock."""
    word = int(dut.m_axis_result_tdata.value)
    result = {
        "tvalid": int(dut.m_axis_result_tvalid.value),
        "id": word & 0xFFFF,
        "stage": word >> 28 & 0xF,
        "flags": word >> 56,
    }
    bits = {}
    for name in ("stage_tvalid", "verdict_valid"):
        value = int(getattr(dut, name).value)
        bits |= {f"{name}_{k}": value >> k & 1 for k in range(2)}
    return {
        **{name: int(getattr(dut, f"s_axis_frame_{name}").value) for name in ("tvalid", "tready")},
        "tlast": int(dut.s_axis_frame_tlast.value) & int(dut.s_axis_frame_tvalid.value),
        **bits,
        "retained": int(dut.retained.value) & 0xFFFF,
        "result": result,
    }


@cocotb.test()
@cocotb.parametrize(name=tuple(SCENES))
async def record(dut, name):
    """Send the frames of a scene and write every clock down, from the first beat on."""
    scene = SCENES[name]
    bench = Bench(dut, name=name)
    source = bench.source(Port.axis(dut, "s_axis_frame", "data", "last"))
    registers = Registers(dut)
    dut.m_axis_result_tready.value = 1
    await bench.start()
    await bench.until(lambda: bool(int(dut.core_rst_n.value)), limit=50, what="reset")
    assert await registers.write(SHAPE["control"], scene["control"]) == 0
    await ClockCycles(dut.ap_clk, 4)
    for exit_stage, beats in scene["frames"]:
        source.queue.extend(frame_of(exit_stage, beats))
    clocks, results = [], 0
    while results < len(scene["frames"]) and len(clocks) < MOST_CLOCKS:
        await RisingEdge(dut.ap_clk)
        now = sample(dut)
        if clocks or now["tvalid"]:
            clocks.append(now)
        results += now["result"]["tvalid"]
    assert results, f"no result in {MOST_CLOCKS} clocks"
    rows = {key: [clock[key] for clock in clocks] for key in clocks[0] if key != "result"}
    rows |= {
        f"result_{key}": [clock["result"][key] for clock in clocks] for key in clocks[0]["result"]
    }
    Path(f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
