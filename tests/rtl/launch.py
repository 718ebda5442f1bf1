"""Builds a block in Verilator and runs its cocotb bench from ``sim/``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.simulate.cocotb_run import run_cocotb

SIM = Path(__file__).parents[2] / "sim"


def launch(
    block: str,
    build_dir: Path,
    *,
    parameters: Mapping[str, int] | None = None,
    sources: Sequence[Path] = CASCADE_SOURCES,
    test_module: str | None = None,
    top: str | None = None,
    facts: Mapping[str, int] | None = None,
) -> None:
    """Run ``sim/<block>/bench_<block>.py`` on ``block``; its parameters reach the bench too.

    ``top``: a module around the block, where the bench needs other ports, or one that the bench
    serves too. ``facts`` reach the bench as parameters do, and are none of the module.
    """
    values = dict(parameters or {})
    run_cocotb(
        top or block,
        sources=sources,
        test_module=test_module or f"bench_{block.removeprefix('hwf_')}",
        build_dir=build_dir / "build",
        python_path=[SIM / "common", SIM / block],
        parameters=values,
        env={"HWF_PARAMETERS": json.dumps(values | dict(facts or {}))},
    )
