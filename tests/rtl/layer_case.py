"""Launches the bench of one layer on arrays made by the test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hwflow.rtl.files import RTL_DIR
from hwflow.simulate.cocotb_run import run_cocotb

SIM = Path(__file__).parents[2] / "sim"
SEED = 20261121


def run_layer(
    top: str,
    *,
    modules: Sequence[str],
    parameters: Mapping[str, int],
    case: Mapping[str, np.ndarray],
    build_dir: Path,
) -> None:
    """Run ``sim/<top>/bench_*.py``; ``case`` and ``parameters`` reach it."""
    build_dir.mkdir(parents=True, exist_ok=True)
    np.savez(build_dir / "case.npz", **case)
    run_cocotb(
        top,
        sources=[RTL_DIR / f"{module}.sv" for module in modules],
        test_module=f"bench_{top.removeprefix('hwf_')}",
        build_dir=build_dir,
        python_path=[SIM / "common", SIM / "layers", SIM / top],
        parameters=parameters,
        env={
            "HWF_CASE": str(build_dir / "case.npz"),
            "HWF_PARAMETERS": json.dumps(dict(parameters)),
            "HWF_SEED": str(SEED),
        },
    )
