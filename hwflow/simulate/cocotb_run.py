"""Builds a design in Verilator and runs a cocotb test module on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from hwflow.simulate.toolchain import find_verilator

# -fPIC: so that Verilator's runtime is compiled once for these and for the shared libraries.
VERILATOR_FLAGS = ("--no-timing", "-Wno-fatal", "-CFLAGS", "-fPIC")


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    # cocotb's runner takes PATH and MAKEFLAGS from the process environment only.
    with mock.patch.dict(os.environ, env):
        yield


def run_cocotb(
    top: str,
    *,
    sources: Sequence[Path],
    test_module: str,
    build_dir: Path,
    python_path: Sequence[Path],
    parameters: Mapping[str, int | str] | None = None,
    env: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
    testcase: str | None = None,
    optimise: str = "-O0",
) -> None:
    """Build ``top`` from ``sources`` and run every cocotb test of ``test_module``.

    ``optimise`` is the compiler's level for the design; the bench, not the design, decides the run
    time of a small block, so the default compiles fast. ``python_path``: folders that hold
    ``test_module`` and what it imports. ``env`` reaches the test module (use it for what is known
    only at run time). Raises SystemExit or AssertionError, as cocotb does, when a test fails.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    verilator = find_verilator(optimise=optimise)
    # The runner hands its own sys.path to the simulation and nothing else.
    paths = mock.patch.object(sys, "path", [*map(str, python_path), *sys.path])
    with _environment(verilator.env), paths:
        runner = get_runner("verilator")
        runner.build(
            sources=list(sources),
            hdl_toplevel=top,
            parameters=dict(parameters or {}),
            build_dir=build_dir,
            build_args=[*VERILATOR_FLAGS, *flags],
            always=True,
            log_file=build_dir.with_suffix(".build.log"),
        )
        results = runner.test(
            hdl_toplevel=top,
            test_module=test_module,
            testcase=testcase,
            build_dir=build_dir,
            test_dir=build_dir,
            extra_env=dict(env or {}),
            results_xml=str(build_dir / "results.xml"),
        )
    tests, failures = get_results(results)
    assert tests > 0, f"{test_module}: no cocotb test ran"
    assert failures == 0, f"{test_module}: {failures} of {tests} cocotb tests failed"
