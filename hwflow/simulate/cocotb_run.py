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
    build_cocotb(
        top,
        sources=sources,
        build_dir=build_dir,
        parameters=parameters,
        flags=flags,
        optimise=optimise,
    )
    simulate_cocotb(
        top,
        test_module=test_module,
        build_dir=build_dir,
        python_path=python_path,
        env=env,
        testcase=testcase,
    )


def build_cocotb(
    top: str,
    *,
    sources: Sequence[Path],
    build_dir: Path,
    parameters: Mapping[str, int | str] | None = None,
    flags: Sequence[str] = (),
    optimise: str = "-O0",
) -> None:
    """Build ``top`` for cocotb in ``build_dir``; see ``run_cocotb``."""
    from cocotb_tools.runner import get_runner

    with _environment(find_verilator(optimise=optimise).env):
        get_runner("verilator").build(
            sources=list(sources),
            hdl_toplevel=top,
            parameters=dict(parameters or {}),
            build_dir=build_dir,
            build_args=[*VERILATOR_FLAGS, *flags],
            always=True,
            log_file=build_dir.with_suffix(".build.log"),
        )


def simulate_cocotb(
    top: str,
    *,
    test_module: str,
    build_dir: Path,
    python_path: Sequence[Path],
    env: Mapping[str, str] | None = None,
    testcase: str | None = None,
    log: Path | None = None,
) -> None:
    """Run every cocotb test of ``test_module`` on what was built in ``build_dir``.

    ``log``: a file for what is said meanwhile, instead of stdout; see ``run_cocotb``.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    # The runner hands its own sys.path to the simulation and nothing else.
    paths = mock.patch.object(sys, "path", [*map(str, python_path), *sys.path])
    with _environment(find_verilator().env), paths:
        results = get_runner("verilator").test(
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            test_module=test_module,
            testcase=testcase,
            build_dir=build_dir,
            test_dir=build_dir,
            extra_env=dict(env or {}),
            results_xml=str(build_dir / "results.xml"),
            log_file=log,
        )
    tests, failures = get_results(results)
    assert tests > 0, f"{test_module}: no cocotb test ran"
    assert failures == 0, f"{test_module}: {failures} of {tests} cocotb tests failed"
