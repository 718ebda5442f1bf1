"""Matrix units after synthesis for 7-series: LUTs a lane, memories and DSPs where asked."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from layer_nodes import generate, operator
from test_matrix_units import mvau, xnor

from hwflow.dataflow.packing import initial_popcounts, score_bits, write_initial
from hwflow.rtl.files import RTL_DIR
from hwflow.synth.script import Part
from hwflow.synth.statistics import resources_of
from hwflow.synth.yosys import Yosys

pytestmark = [pytest.mark.synth, pytest.mark.finn]

CORE = (
    "hwf_adder_tree",
    "hwf_popcount",
    "hwf_dot_lut",
    "hwf_dot_dsp",
    "hwf_folds",
    "hwf_weight_rom",
    "hwf_mac_core",
)
ROWS = 4  # row blocks


def mapped(module, sources, folder):
    """Return the resources of ``module``, whose ``sources`` lie in ``folder``."""
    return resources_of(
        Yosys().map_part(Part(module), sources=sources, folder=folder, log_dir=folder)
    )


def core(folder, parameters):
    """Return the resources of ``hwf_mac_core``: a matrix unit with its weights as a port."""
    for module in CORE:
        shutil.copy(RTL_DIR / f"{module}.sv", folder)
    text = (folder / "hwf_mac_core.sv").read_text(encoding="utf-8")
    for name, value in parameters.items():
        old = next(line for line in text.splitlines() if f" {name} = " in line)
        text = text.replace(old, f"{old.split(' = ')[0]} = {value},")
    (folder / "hwf_mac_core.sv").write_text(text, encoding="utf-8")
    sources = [f"{module}.sv" for module in CORE]
    return mapped("hwf_mac_core", sources, folder)


@pytest.mark.parametrize(("pe", "simd", "most"), [(16, 32, 2.5), (32, 64, 2.0)])
def test_luts_of_an_xnor_lane(tmp_path, pe, simd, most):
    """The whole unit, thresholds and replay memory included, without its weight memory."""
    mw, mh = 8 * simd, ROWS * pe
    thresholds = np.random.default_rng(1).integers(-mw // 3, mw // 3, size=mh)
    initial = initial_popcounts(thresholds, mw)
    write_initial(tmp_path / "init.dat", initial, bits=score_bits(mw), pe=pe)
    parameters = {"MW": mw, "MH": mh, "SIMD": simd, "PE": pe, "AccBits": score_bits(mw)}
    used = core(tmp_path, parameters | {"UseThreshold": "1'b1", "ConstantInit": "1'b0"})
    assert 1.5 * pe * simd < used.lut <= most * pe * simd
    assert (used.dsp, used.bram36) == (0, 0)


def unit(layer, folder):
    """Return the resources of a generated node."""
    op = operator(layer, "unit", folder)
    sources = generate(op, folder, layer.parameters)
    for source in sources:
        if source.parent != folder:
            shutil.copy(source, folder)
    names = [source.name for source in sources]
    return mapped("unit", names, folder)


@pytest.mark.parametrize(
    ("style", "bram36"),
    [("distributed", 0.0), ("auto", 2.0), ("block", 2.5)],
    ids=lambda value: str(value),
)
def test_weights_go_where_they_are_asked_to(tmp_path, style, bram36):
    """256 words of 128 bits are four RAMB18; 32 initial words of 24 bits only if asked for."""
    layer = xnor(1024, 64, 64, 2, thresholded=True, ram_style=style)
    assert unit(layer, tmp_path).bram36 == bram36


def test_products_go_to_dsps(tmp_path):
    layer = mvau(8, 4, 4, 2, "UINT14", "INT8", mulStyle="dsp")
    used = unit(layer, tmp_path)
    assert used.dsp == 8
    assert used.lut < 400
