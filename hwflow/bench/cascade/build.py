"""Compiles many variants of one soak rig, each in a fraction of the time of a whole build.

Bench and Verilator's runtime are compiled once; a variant's own code, one file of C++, is compiled
and linked to them. That goes as long as the ports of the top module stay as they are.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwflow.bench.cascade.rig import TOP, Rig, bench_text, sources_of
from hwflow.errors import ToolFailedError
from hwflow.simulate.compile import COMPILER_FLAGS, FLAGS, LIBRARY, LINKER_FLAGS, PREFIX
from hwflow.simulate.toolchain import COMPILER, find_verilator

OPTIMISE = "-O0"  # a short run takes less time than a better compilation
STANDARD = "-std=gnu++17"


class Variants:
    """Builds variants of ``rig`` inside ``folder``, one at a time."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        """Compile bench and runtime.

        Raises:
            ToolNotFoundError: no Verilator, compiler, make or perl.
            ToolFailedError: the rig as it is cannot be compiled.
        """
        self._rig, self._folder, self._built = rig, folder, 0
        self._verilator = find_verilator(optimise=OPTIMISE)
        self._log = folder / "build.log"
        (folder / "harness.cpp").write_text(bench_text(rig), encoding="utf-8")
        common = folder / "common"
        self._verilate(sources_of(rig), common)
        self._run(["make", "-C", str(common), "-f", f"{PREFIX}.mk"])
        self._objects = [
            str(common / "harness.o"),
            *(str(path) for path in sorted(common.glob("verilated*.o"))),
        ]

    def library(self, replaced: Mapping[str, str]) -> Path:
        """Return the library of the variant whose sources ``replaced`` differ.

        Raises:
            ToolFailedError: Verilator or the compiler refused it.
        """
        work = self._folder / "variant"
        if work.is_dir():
            for path in work.iterdir():
                path.unlink()
        self._verilate(sources_of(self._rig) | dict(replaced), work)
        own = sorted(path.name for path in work.glob(f"{PREFIX}*.cpp"))
        (work / "all.cpp").write_text("".join(f'#include "{name}"\n' for name in own), "utf-8")
        include = Path(self._verilator.env["VERILATOR_ROOT"]) / "include"
        flags = [OPTIMISE, STANDARD, *COMPILER_FLAGS.split(), *_MACROS, f"-I{work}"]
        flags += [f"-I{include}", f"-I{include / 'vltstd'}"]
        self._run([COMPILER, *flags, "-c", str(work / "all.cpp"), "-o", str(work / "all.o")])
        # A process that has loaded one variant gets it again for a path that it knows.
        self._built += 1
        library = self._folder / f"{self._built}-{LIBRARY}"
        link = [COMPILER, *LINKER_FLAGS.split(), "-o", str(library), str(work / "all.o")]
        self._run([*link, *self._objects, "-lpthread", "-latomic"])
        return library

    def _verilate(self, texts: Mapping[str, str], out: Path) -> None:
        sources = self._folder / "sources"
        sources.mkdir(exist_ok=True)
        for name, text in texts.items():
            (sources / name).write_text(text, encoding="utf-8")
        command = [str(self._verilator.executable), *FLAGS, "-Mdir", str(out)]
        command += ["--prefix", PREFIX, "--top-module", TOP, "-CFLAGS", COMPILER_FLAGS]
        command += ["-LDFLAGS", LINKER_FLAGS, "-o", LIBRARY, str(self._folder / "harness.cpp")]
        self._run([*command, *(str(sources / name) for name in texts)])

    def _run(self, command: Sequence[str]) -> None:
        with self._log.open("w", encoding="utf-8") as stream:
            status = subprocess.run(
                command,
                env=self._verilator.env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if status != 0:
            tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
            raise ToolFailedError(command, returncode=status, log=self._log, tail="\n".join(tail))


# As Verilator's makefiles say.
_MACROS = tuple(
    f"-D{name}" for name in ("VERILATOR=1", "VM_COVERAGE=0", "VM_SC=0", "VM_TIMING=0", "VM_TRACE=0")
)
