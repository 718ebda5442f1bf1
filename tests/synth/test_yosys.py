import json

import pytest

from hwflow.config.accelerator import StageHardware
from hwflow.config.synthesis import Resources
from hwflow.errors import ToolFailedError, ToolNotFoundError
from hwflow.synth.step import stage_stub
from hwflow.synth.yosys import Yosys, parse_statistics, synthesis_script

ADDER = """
module adder(input clk, input [7:0] a, input [7:0] b, output reg [8:0] y);
  always @(posedge clk) y <= a + b;
endmodule
"""


def test_the_report_is_counted_by_primitive():
    cells = {
        "LUT1": 1, "LUT6": 10, "INV": 5, "RAM32M": 2, "SRL16E": 3, "CARRY4": 9,
        "LUT6_2": 2, "FDRE": 20, "FDSE": 1, "DSP48E1": 4, "RAMB36E1": 2,
        "RAMB18E1": 3, "$scopeinfo": 7,
    }  # fmt: skip
    got = parse_statistics({"design": {"num_cells_by_type": cells}})
    assert got == Resources(lut=1 + 10 + 2 + 8 + 3, lutram=8 + 3, ff=21, dsp=4, bram36=3.5)


def script(*sources, **parameters):
    return synthesis_script("top", sources, "out.json", parameters=parameters).splitlines()


def test_modules_are_read_before_they_are_elaborated():
    lines = script("rtl/hwf_a.sv", "rtl/b.v")
    assert lines[:2] == [
        "read_verilog -sv -defer rtl/hwf_a.sv",
        "read_verilog -sv -defer rtl/b.v",
    ]
    assert lines[2].startswith("synth_xilinx -family xc7")
    assert lines[2].endswith("-top top")
    assert lines[3] == "tee -q -o out.json stat -json"


def test_foreign_systemverilog_goes_to_slang_without_the_ports_that_stages_tie_off():
    lines = script("rtl/hwf_a.sv", "rtl/fifo.sv", "rtl/b.v")
    (read,) = [line for line in lines if line.startswith("read_slang")]
    assert read.endswith("--top top rtl/hwf_a.sv rtl/fifo.sv rtl/b.v")
    assert "delete -port top/w:s_axilite_* top/w:count top/w:maxcount" in lines
    assert not any(line.startswith("read_verilog -sv") for line in lines)


def test_parameters_are_set_before_synthesis():
    lines = script("rtl/hwf_a.sv", Depth=5, DataBits=3)
    assert lines[1] == "hierarchy -top top -chparam Depth 5 -chparam DataBits 3"


def test_the_stub_has_the_stages_ports():
    stage = StageHardware(
        name="s", top="stage7", in_bytes=2, score_bits=9, score_lanes=3, ii_bound_cycles=1,
        latency_estimate_cycles=1, layers=(),
    )  # fmt: skip
    text = stage_stub(stage)
    assert "module stage7" in text
    assert "[15:0] s_axis_0_tdata" in text
    assert "[31:0] m_axis_0_tdata" in text  # 27 bits, padded to whole bytes


def test_without_the_wheel_the_install_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Yosys, "available", staticmethod(lambda: False))
    with pytest.raises(ToolNotFoundError, match=r"yosys was not found.*pip install"):
        Yosys().estimate("top", sources=[], folder=tmp_path, log_dir=tmp_path)


@pytest.mark.synth
def test_an_adder_is_nine_flip_flops_and_eight_luts(tmp_path):
    (tmp_path / "adder.v").write_text(ADDER)
    got = Yosys().estimate("adder", sources=["adder.v"], folder=tmp_path, log_dir=tmp_path)
    assert (got.ff, got.dsp, got.bram36) == (9, 0, 0)
    assert 8 <= got.lut <= 10
    assert json.loads((tmp_path / "adder.stat.json").read_text())["creator"].startswith("Yosys")


@pytest.mark.synth
def test_parameters_change_what_is_counted(tmp_path):
    (tmp_path / "wide.v").write_text(
        "module wide #(parameter Bits = 1) (input clk, input [Bits-1:0] a,"
        " output reg [Bits-1:0] q);\n  always @(posedge clk) q <= a;\nendmodule\n"
    )
    got = Yosys().estimate(
        "wide", sources=["wide.v"], folder=tmp_path, log_dir=tmp_path, parameters={"Bits": 7}
    )
    assert got.ff == 7


@pytest.mark.synth
def test_a_refused_design_quotes_yosys_and_keeps_the_log(tmp_path):
    (tmp_path / "bad.v").write_text("module bad(; endmodule\n")
    with pytest.raises(ToolFailedError, match=r"(?s)bad\.log.*syntax error"):
        Yosys().estimate("bad", sources=["bad.v"], folder=tmp_path, log_dir=tmp_path)
    assert (tmp_path / "bad.log").is_file()
