"""Compiles a design and the bench ``harness.cpp.j2`` into a shared library, cached by content."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from hwflow.cache import cache_dir
from hwflow.errors import ConfigError, ToolFailedError
from hwflow.simulate.toolchain import Verilator, compiler_version, find_verilator

PREFIX = "Vhwf"
LIBRARY = "libhwf.so"
TAIL_LINES = 25

FLAGS = (
    "--cc",
    "--exe",
    "--no-timing",  # no delays in synthesisable code; waiting for time would cost a coroutine
    "-O3",
    "-Wno-fatal",
    "--output-split",
    "6000",  # so that make has files to compile side by side
)
# no-gnu-unique: the runtime's static data must not be shared between two loaded designs.
# VL_USER_*: the harness turns the runtime's exits into errors.
COMPILER_FLAGS = (
    "-fPIC -fvisibility=hidden -fno-gnu-unique "
    "-DVL_USER_FINISH -DVL_USER_STOP -DVL_USER_FATAL -DVL_USER_WARN"
)
LINKER_FLAGS = "-shared -Wl,-Bsymbolic"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stream:
    """Ports ``<prefix>_tdata/tvalid/tready`` (and ``tlast``); ``bytes`` per beat."""

    prefix: str
    bytes: int
    last: bool = False


@dataclass(frozen=True)
class Tap:
    """Outputs that say in which cycle ``bytes`` of data pass inside the design."""

    valid: str
    data: str
    bytes: int


@dataclass(frozen=True)
class Ports:
    """What the bench needs to know of a top module; ``control`` is an AXI4-Lite prefix."""

    top: str
    source: Stream
    sink: Stream
    taps: tuple[Tap, ...] = ()
    control: str | None = None
    clock: str = "ap_clk"
    reset: str = "ap_rst_n"


def render_harness(ports: Ports, *, trace: bool) -> str:
    """Return the C++ of the bench for ``ports``."""
    template = resources.files("hwflow.simulate").joinpath("harness.cpp.j2").read_text("utf-8")
    return render(template, ports, trace=trace)


def render(template: str, ports: Ports, *, trace: bool) -> str:
    """Return the text of a bench's ``template`` for ``ports``."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(
        prefix=PREFIX,
        source=ports.source,
        sink=ports.sink,
        taps=ports.taps,
        control=ports.control,
        clock=ports.clock,
        reset=ports.reset,
        trace=trace,
    )


def compile_model(
    ports: Ports,
    *,
    sources: Sequence[str],
    folder: Path,
    trace: bool = False,
    defines: Sequence[str] = (),
    optimise: str = "-O1",
    bench: str | None = None,
) -> Path:
    """Return the shared library of ``ports.top``, compiled now or found in the cache.

    ``sources`` (Verilog, SystemVerilog, ``.vlt``) are relative to ``folder``, which is Verilator's
    working folder. Memory files are read when a model is made, so they are no part of the library.
    ``defines``: Verilog macros that are defined. ``bench``: C++ to put around the design instead of
    ``harness.cpp.j2``.

    Raises:
        ToolNotFoundError: no Verilator, compiler, make or perl.
        ToolFailedError: Verilator or the compiler refused the design; quotes the end of the log.
        ConfigError: a source is missing.
    """
    verilator = find_verilator(optimise=optimise)
    harness = render_harness(ports, trace=trace) if bench is None else bench
    macros = [f"-D{name}" for name in defines]
    flags = (optimise, *FLAGS, *macros, COMPILER_FLAGS, LINKER_FLAGS)
    settings = "\n".join((verilator.version, compiler_version(), *flags))
    key = _key(ports, sources, folder, harness, settings)
    kept = cache_dir("models") / key
    library = kept / LIBRARY
    if library.is_file():
        return library
    log.info("compiling %s with Verilator %s", ports.top, verilator.version)
    with tempfile.TemporaryDirectory(prefix="build-", dir=kept.parent) as name:
        work = Path(name)
        (work / "harness.cpp").write_text(harness, encoding="utf-8")
        command = [
            str(verilator.executable),
            *FLAGS,
            *(["--trace-vcd"] if trace else []),
            *macros,
            *("-Mdir", str(work / "obj"), "--prefix", PREFIX, "--top-module", ports.top),
            *("-CFLAGS", COMPILER_FLAGS, "-LDFLAGS", LINKER_FLAGS, "-o", LIBRARY),
            str(work / "harness.cpp"),
            *sources,
        ]
        report = kept.parent / f"{key}.log"
        _run(command, verilator, cwd=folder, report=report, append=False)
        make = ["make", "-j2", "-C", str(work / "obj"), "-f", f"{PREFIX}.mk"]
        _run(make, verilator, cwd=folder, report=report, append=True)
        finished = work / "finished"
        finished.mkdir()
        (work / "obj" / LIBRARY).rename(finished / LIBRARY)
        try:
            finished.rename(kept)
        except OSError:  # a run beside us was first
            if not library.is_file():
                raise
    return library


def _key(ports: Ports, sources: Sequence[str], folder: Path, harness: str, settings: str) -> str:
    digest = hashlib.sha256(f"{settings}\n{ports}\n{harness}".encode())
    for name in sources:
        path = folder / name
        if not path.is_file():
            raise ConfigError(f"{path}: missing from the accelerator; run `hwflow build` again")
        digest.update(f"\n{name}\n".encode() + path.read_bytes())
    for path in sorted({h for s in sources for h in (folder / s).parent.glob("*.*vh")}):
        digest.update(f"\n{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:40]


def _run(
    command: list[str], verilator: Verilator, *, cwd: Path, report: Path, append: bool
) -> None:
    with report.open("a" if append else "w", encoding="utf-8") as stream:
        stream.write(f"$ {' '.join(command)}\n")
        stream.flush()
        status = subprocess.run(
            command,
            cwd=cwd,
            env=verilator.env,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if status != 0:
        lines = report.read_text(encoding="utf-8", errors="replace").splitlines()
        # Verilator's errors stand among hundreds of warnings about foreign sources.
        errors = [line for line in lines if line.startswith("%Error")]
        raise ToolFailedError(
            command, returncode=status, log=report, tail="\n".join((errors or lines)[-TAIL_LINES:])
        )
