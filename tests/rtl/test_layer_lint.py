"""Layer blocks at the parameters that take other branches: lint without waivers, yosys reads."""

from __future__ import annotations

import subprocess

import pytest

from hwflow.rtl.files import RTL_DIR
from hwflow.simulate.toolchain import find_verilator

MODULES = {
    "hwf_popcount": ("hwf_popcount",),
    "hwf_xnor_mvau": ("hwf_popcount", "hwf_xnor_mvau"),
}
CASES = [
    ("hwf_popcount", {"Width": 1, "Latency": 1}),
    ("hwf_popcount", {"Width": 36, "Latency": 5}),
    ("hwf_xnor_mvau", {"MW": 9, "MH": 8, "SIMD": 9, "PE": 8, "UseThreshold": 1}),
    ("hwf_xnor_mvau", {"MW": 288, "MH": 32, "SIMD": 32, "PE": 4, "UseThreshold": 1}),
    ("hwf_xnor_mvau", {"MW": 4, "MH": 1, "SIMD": 1, "PE": 1}),
    ("hwf_xnor_mvau", {"MW": 4, "MH": 3, "SIMD": 4, "PE": 1}),
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
        ("hwf_popcount", {"Width": 9, "Latency": 5}),
        ("hwf_xnor_mvau", {"MW": 10, "SIMD": 4}),
        ("hwf_xnor_mvau", {"MH": 10, "PE": 4}),
    ],
)
def test_wrong_parameters_stop_elaboration(top, parameters):
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "--top-module", top]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    command += [str(RTL_DIR / f"{module}.sv") for module in MODULES[top]]
    run = subprocess.run(command, env=verilator.env, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert f"{top}: " in run.stderr
