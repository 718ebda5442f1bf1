"""Frames through an accelerator as a user of cocotb and cocotbext-axi would send them.

Runs inside the simulation; ``HWF_FRAMES`` (.npy) and ``HWF_SPEED`` (JSON to write) say what with.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

PERIOD_NS = 10


@cocotb.test()
async def frames_in_results_out(dut: Any) -> None:
    """Send every frame, take every result, and write results, cycles and processor seconds."""
    frames = np.load(os.environ["HWF_FRAMES"])
    for name in ("awvalid", "wvalid", "bready", "arvalid", "rready"):
        getattr(dut, f"s_axi_ctrl_{name}").value = 0
    reset = {"reset": dut.ap_rst_n, "reset_active_level": False}
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_frame"), dut.ap_clk, **reset)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_result"), dut.ap_clk, **reset)
    Clock(dut.ap_clk, PERIOD_NS, unit="ns").start()
    dut.ap_rst_n.value = 0
    await ClockCycles(dut.ap_clk, 16)
    dut.ap_rst_n.value = 1
    begin_ns, begin = get_sim_time("ns"), time.process_time()
    for frame in frames:
        source.send_nowait(AxiStreamFrame(frame.tobytes()))
    results: list[bytes] = []
    while len(results) < len(frames):
        beats = (await sink.recv()).tdata
        results += [bytes(beats[i : i + 8]) for i in range(0, len(beats), 8)]
    told = {
        "seconds": time.process_time() - begin,
        "cycles": round((get_sim_time("ns") - begin_ns) / PERIOD_NS),
        "results": [int.from_bytes(result, "little") for result in results],
    }
    Path(os.environ["HWF_SPEED"]).write_text(json.dumps(told), encoding="utf-8")
