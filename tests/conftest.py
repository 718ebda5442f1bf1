"""The whole demo, run once per session by its command line, for every test that looks at it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from controller_coverage import pytest_terminal_summary, situations

# Fixtures and hooks of a file of their own: a second conftest.py would hide this one.
__all__ = ["pytest_terminal_summary", "situations"]

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "models" / "digits_cascade" / "recipe.yaml"
DESIGN = ROOT / "builds" / "digits_cascade" / "design.yaml"


@dataclass(frozen=True)
class Done:
    """A finished command; ``seconds`` of wall time."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def data(self) -> dict[str, Any]:
        """The one JSON object that stdout has to be."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def hwflow(tmp_path_factory):
    """Run ``hwflow`` as a process of its own, with ``prelude`` executed before it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run(*arguments, prelude="", env=None, timeout=900):
        start = f"import sys\n{prelude}\nfrom hwflow.cli import main\nmain(sys.argv[1:])"
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", start, *map(str, arguments)],
            cwd=elsewhere,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)

    return run


@dataclass(frozen=True)
class DemoRun:
    """The demo's folder, and what its first run printed."""

    folder: Path
    first: Done

    @property
    def accelerator(self) -> Path:
        return self.folder / "accelerator"

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "report" / "report.json").read_text())


@pytest.fixture(scope="session")
def demo_run(hwflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "digits_cascade"
    done = hwflow("demo", "--json", "--out", folder)
    assert done.code == 0, done.err
    return DemoRun(folder, done)


@pytest.fixture(scope="session")
def small_accelerator(tmp_path_factory):
    """The accelerator of ``small_network``, compiled; from hwflow's cache if it is there."""
    from small_network import TARGET_II, write_network

    from hwflow.testing import open_accelerator

    model = write_network(tmp_path_factory.mktemp("small") / "model.onnx")
    with open_accelerator(model, board="pynq-z2", target_ii=TARGET_II) as accelerator:
        yield accelerator
