"""Compiler launcher that remembers the objects of Verilator's runtime.

Verilator's makefile starts each compilation as ``$(OBJCACHE) c++ ...``. The runtime is the same
in every simulation and takes ten times as long to compile as a small block, so its objects are
kept; what belongs to the design is compiled as ever. Runs as a script with the standard library
alone (``python -I -S objcache.py CACHE ROOT c++ ...``), since make starts it for every file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def key(command: list[str], *, root: Path, source: Path) -> str:
    """Return what the object depends on: compiler, flags, source and the runtime's headers."""
    digest = hashlib.sha256()
    compiler = subprocess.run([command[0], "--version"], capture_output=True, check=True)
    digest.update(compiler.stdout)
    digest.update("\0".join(command).replace(str(root), "ROOT").encode())
    include = root / "include"
    headers = [*include.glob("*.h"), *include.glob("vltstd/*.h")]
    for path in [source, *sorted(headers)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    """Run the compiler unless the object of this very command is there; return its exit status."""
    cache, root, command = Path(arguments[0]), Path(arguments[1]), arguments[2:]
    sources = [Path(word) for word in command if word.endswith(".cpp")]
    runtime = len(sources) == 1 and sources[0].is_relative_to(root) and "-o" in command
    if not runtime:
        return subprocess.run(command, check=False).returncode
    wanted = Path(command[command.index("-o") + 1])
    kept = cache / f"{key(command, root=root, source=sources[0])}.o"
    if not kept.is_file():
        status = subprocess.run(command, check=False).returncode
        if status != 0:
            return status
        handle, name = tempfile.mkstemp(dir=cache)
        os.close(handle)
        shutil.copyfile(wanted, name)
        Path(name).replace(kept)  # at once, so that a build beside us never sees half a file
        return 0
    shutil.copyfile(kept, wanted)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
