"""The per-layer report: rows are layers, sums are sums, and what is missing is said."""

import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from hwflow.config.accelerator import Accelerator, Estimate, Layer, StageHardware
from hwflow.config.synthesis import Block, Resources, Synthesis
from hwflow.errors import ConfigError
from hwflow.report import layer_text
from hwflow.report.layers import layer_tables
from hwflow.report.source import check_source


def node(layer, op, *, cycles, lut, depth=None, pe=None, macs=0):
    return Layer(
        name=f"stage0_{layer}_{op}_{depth}", layer=layer, op=op, backend="finn",
        module=f"m_{layer}_{op}_{depth}", cycles=cycles, pe=pe, macs=macs, memory_bits=8 * macs,
        fifo_depth_words=depth,
        estimate=Estimate(lut=lut, lutram=0, ff=1, dsp=0, bram36=0.5),
    )  # fmt: skip


NODES = (
    node("conv0", "ConvolutionInputGenerator_rtl", cycles=90, lut=10),
    node("pool", "HwfPool_rtl", cycles=40, lut=5, pe=2),
    node("conv0", "StreamingFIFO_rtl", cycles=60, lut=1, depth=9),
    node("conv0", "HwfMVAU_rtl", cycles=100, lut=50, pe=4, macs=7),
)


@pytest.fixture
def folder(tmp_path):
    stage = StageHardware(
        name="stage0", top="stage0", in_bytes=1, score_bits=8, score_lanes=1, ii_bound_cycles=100,
        latency_estimate_cycles=10, layers=NODES,
    )  # fmt: skip
    design = Accelerator(
        schema_version=1, name="x", top="t", part="xc7z020", clk_period_ns=10.0, sources=(),
        bundle="b", registers="r", frame_bytes=1, frame_beat_bytes=1, classes=2, stages=(stage,),
        threshold_int=(), retention_frames=(), queue_frames=(), reorder_frames=0, last_frames=32,
    )  # fmt: skip
    (tmp_path / "acc").mkdir()
    (tmp_path / "acc" / "design.json").write_text(design.model_dump_json())
    return tmp_path


def synthesised(folder, nodes):
    blocks = tuple(
        Block(
            module=n.name, op=n.op, stage=0,
            resources=Resources(lut=2 * n.estimate.lut, lutram=0, ff=3, dsp=1, bram36=0.0),
        )
        for n in nodes
    )  # fmt: skip
    result = Synthesis(schema_version=1, tool="yosys 1", command="c", family="xc7", blocks=blocks)
    (folder / "syn").mkdir()
    (folder / "syn" / "synthesis.json").write_text(result.model_dump_json())
    return folder / "syn"


def test_a_row_is_a_layer_with_all_its_nodes(folder):
    (table,) = layer_tables(folder / "acc", None)
    conv, pool = table.rows
    assert conv.layer == "conv0"
    assert conv.units == ("window", "matrix")
    assert (conv.cycles, conv.pe, conv.macs, conv.fifo_words) == (100, 4, 7, 9)
    assert conv.estimated.lut == 61
    assert (conv.bottleneck, pool.bottleneck) == (True, False)
    assert pool.share == 0.4
    assert table.estimated.lut == 66
    assert table.estimated.bram36 == 2.0
    assert table.synthesised is None


def test_synthesis_results_stand_beside_the_estimates(folder):
    (table,) = layer_tables(folder / "acc", synthesised(folder, NODES))
    assert table.synthesised.lut == 132
    assert table.rows[0].synthesised.dsp == 3
    assert "| **conv0** | window, matrix |" in layer_text.markdown(table)
    assert "66 / 132" in layer_text.markdown(table)
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(layer_text.terminal(table))
    assert "61 / 122" in console.export_text()
    narrow = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    narrow.print(layer_text.terminal(table))
    assert "…" not in narrow.export_text()


def test_a_layer_that_was_not_synthesised_whole_has_no_figure(folder):
    (table,) = layer_tables(folder / "acc", synthesised(folder, NODES[1:]))
    conv, pool = table.rows
    assert conv.synthesised is None
    assert pool.synthesised.lut == 10
    assert table.synthesised is None


def test_folders_without_results_are_named(folder):
    with pytest.raises(ConfigError, match=r"no design\.json"):
        layer_tables(folder, None)
    with pytest.raises(ConfigError, match=r"no synthesis.json.*hwflow synth"):
        layer_tables(folder / "acc", folder)


def test_the_units_have_names():
    from hwflow.dataflow.stitch import KNOWN
    from hwflow.report.layers import UNITS

    plumbing = {name for name in KNOWN if "FIFO" in name or "Fifo" in name or "Width" in name}
    assert set(UNITS) == KNOWN - plumbing


def test_where_frames_arrive_slower_than_layers_work_none_is_the_bottleneck(folder):
    path = folder / "acc" / "design.json"
    design = Accelerator.model_validate_json(path.read_bytes())
    stage = design.stages[0].model_copy(update={"ii_bound_cycles": 784})
    path.write_text(design.model_copy(update={"stages": (stage,)}).model_dump_json())
    (table,) = layer_tables(folder / "acc", None)
    assert not any(row.bottleneck for row in table.rows)
    assert "the pace is set by frames that arrive in 784 cycles" in layer_text.title(table)


def test_synthesis_of_another_build_is_refused(folder):
    result = synthesised(folder, NODES)
    with pytest.raises(ConfigError, match=r"syn: made from another accelerator.*hwflow synth"):
        check_source(result, folder / "acc", "synth")
    argv = [
        Path(sys.executable).with_name("hwflow"),
        "layers",
        folder / "acc",
        "--synthesis",
        result,
    ]
    told = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "made from another accelerator" in told.stderr
    assert told.stdout == ""
