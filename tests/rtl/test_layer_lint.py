"""Layer blocks at the parameters that take other branches: lint without waivers, yosys reads."""

from __future__ import annotations

import subprocess

import pytest

from hwflow.rtl.files import RTL_DIR
from hwflow.simulate.toolchain import find_verilator

COUNT = ("hwf_adder_tree", "hwf_popcount")
CORE = (*COUNT, "hwf_dot_lut", "hwf_dot_dsp", "hwf_folds", "hwf_weight_rom", "hwf_mac_core")
MODULES = {
    "hwf_popcount": COUNT,
    "hwf_dot_lut": (*COUNT, "hwf_dot_lut"),
    "hwf_dot_dsp": ("hwf_adder_tree", "hwf_dot_dsp"),
    "hwf_folds": ("hwf_folds",),
    "hwf_weight_rom": ("hwf_weight_rom",),
    "hwf_mac_core": CORE,
    "hwf_xnor_mvau": (*CORE, "hwf_xnor_mvau"),
    "hwf_mvau": (*CORE, "hwf_mvau"),
    "hwf_vvau": (*CORE, "hwf_vvau"),
    "hwf_pad": ("hwf_pad",),
    "hwf_pool": ("hwf_pool",),
    "hwf_add": ("hwf_add",),
    "hwf_fork": ("hwf_fork",),
    "hwf_requant": ("hwf_requant",),
}
CASES = [
    ("hwf_popcount", {"Width": 1, "Latency": 1}),
    ("hwf_popcount", {"Width": 36, "Latency": 5}),
    ("hwf_dot_lut", {"Lanes": 9, "WeightBits": 5, "ActBits": 3, "ActSigned": 1, "Latency": 7}),
    ("hwf_dot_dsp", {"Lanes": 1, "OutBits": 9, "Latency": 1}),
    ("hwf_folds", {"Columns": 1, "Rows": 1}),
    ("hwf_folds", {"Columns": 3, "Rows": 5, "Replay": 0}),
    ("hwf_weight_rom", {"Depth": 1, "Registered": 0}),
    ("hwf_weight_rom", {"Depth": 65, "UseBlock": 1}),
    ("hwf_mvau", {"SIMD": 3, "MW": 12, "WeightBits": 4, "ActBits": 3, "AccBits": 4}),
    ("hwf_mvau", {"SIMD": 8, "WeightBits": 1, "WeightBipolar": 1, "ActBits": 1, "ActShift": 1}),
    ("hwf_mvau", {"UseDsp": 1, "SIMD": 2, "ActSigned": 1, "AccBits": 30, "InitBlock": 1}),
    ("hwf_vvau", {"SIMD": 9, "MW": 9, "WeightBits": 4, "ActBits": 8, "PE": 4, "ConstantInit": 0}),
    ("hwf_vvau", {"SIMD": 1, "MW": 1, "MH": 1, "PE": 1, "WeightBits": 8, "ActBits": 8}),
    ("hwf_xnor_mvau", {"MW": 9, "MH": 8, "SIMD": 9, "PE": 8, "UseThreshold": 1}),
    ("hwf_xnor_mvau", {"MW": 288, "MH": 32, "SIMD": 32, "PE": 4, "UseThreshold": 1}),
    ("hwf_xnor_mvau", {"MW": 4, "MH": 1, "SIMD": 1, "PE": 1}),
    ("hwf_xnor_mvau", {"MW": 4, "MH": 3, "SIMD": 4, "PE": 1}),
    ("hwf_pad", {"Top": 0, "Left": 0, "Bottom": 0, "Right": 0, "Height": 1, "Width": 1}),
    ("hwf_pad", {"Left": 2, "Bottom": 3, "Folds": 3, "Lanes": 2, "Bits": 7, "Value": -3}),
    ("hwf_pool", {"Height": 5, "Width": 7, "Folds": 2, "Lanes": 4, "InBits": 8, "OutBits": 8}),
    ("hwf_pool", {"Height": 1, "Width": 1, "KernelH": 1, "KernelW": 1, "Sum": 1, "OutBits": 9}),
    ("hwf_pool", {"KernelW": 3, "Sum": 1, "Signed": 1, "InBits": 4, "OutBits": 8}),
    ("hwf_add", {"Signed0": 1, "Signed1": 1, "InBits1": 7, "OutBits": 12, "Factor0": -5}),
    ("hwf_fork", {"Outputs": 1}),
    ("hwf_fork", {"Outputs": 5, "DataBits": 1}),
    ("hwf_requant", {"Folds": 5, "Lanes": 3, "InSigned": 0, "MultiplierBits": 25, "Shift": 30}),
    ("hwf_requant", {"InBits": 1, "MultiplierBits": 1, "BiasBits": 1, "Shift": 0, "OutBits": 9}),
]
IDS = [f"{top}-{'-'.join(map(str, values.values()))}" for top, values in CASES]


@pytest.mark.parametrize(("top", "parameters"), CASES, ids=IDS)
def test_lint(top, parameters):
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "-Wall", "--top-module", top]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    command += [str(RTL_DIR / f"{module}.sv") for module in MODULES[top]]
    run = subprocess.run(command, env=verilator.env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("top", "parameters"),
    [
        ("hwf_popcount", {"Width": 9, "Latency": 1}),
        ("hwf_dot_lut", {"Latency": 5}),
        ("hwf_dot_lut", {"WeightBipolar": 1}),
        ("hwf_dot_dsp", {"Latency": 5}),
        ("hwf_weight_rom", {"UseBlock": 1, "Registered": 0}),
        ("hwf_mvau", {"ActShift": 8}),
        ("hwf_xnor_mvau", {"MW": 10, "SIMD": 4}),
        ("hwf_xnor_mvau", {"MH": 10, "PE": 4}),
        *(
            (top, parameters)
            for top in ("hwf_mvau", "hwf_vvau", "hwf_xnor_mvau")
            for parameters in ({"SIMD": 0}, {"PE": 0}, {"MW": 0}, {"MW": 4, "SIMD": 8}, {"MH": 1})
        ),
        ("hwf_pad", {"Width": 0}),
        ("hwf_pool", {"KernelH": 5}),
        ("hwf_pool", {"OutBits": 2}),
        ("hwf_add", {"Factor1": 0}),
        ("hwf_fork", {"Outputs": 0}),
        ("hwf_requant", {"OutBits": 7}),
    ],
)
def test_wrong_parameters_stop_elaboration(top, parameters):
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "--top-module", top]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    command += [str(RTL_DIR / f"{module}.sv") for module in MODULES[top]]
    run = subprocess.run(command, env=verilator.env, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert any(f"{module}: " in run.stderr for module in MODULES[top]), run.stderr
