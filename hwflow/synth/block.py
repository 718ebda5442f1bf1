"""One module of an accelerator, synthesised by itself, or recalled from an earlier run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hwflow.config.synthesis import Resources
from hwflow.synth import kept
from hwflow.synth.sources import Sources
from hwflow.synth.yosys import Yosys, synthesis_script

STUBS = "stage_stubs.v"


def synthesise(
    module: str,
    sources: Sources,
    *,
    yosys: Yosys,
    log_dir: Path,
    parameters: Mapping[str, int] | None = None,
    stubs: Mapping[str, str] | None = None,
) -> Resources:
    """Return the resources of ``module`` of ``sources`` with ``parameters``.

    ``stubs``: empty modules by name, as Verilog, which stand for those of the sources.

    Raises:
        ToolNotFoundError: yosys is missing.
        ToolFailedError: yosys refused the module.
    """
    stubs, parameters = stubs or {}, parameters or {}
    needed = sources.needed_by(module, without=stubs)
    files = {source: sources.texts[source].encode() for source in needed}
    if stubs:
        files[STUBS] = "".join(stubs.values()).encode()
    verilog = tuple(files)
    files |= sources.memories_of(needed)
    script = synthesis_script(module, verilog, "report.json", parameters=parameters)
    entry = kept.key(module, script=script, version=yosys.version(), files=files)
    found = kept.recall(entry)
    if found is None:
        with tempfile.TemporaryDirectory(prefix="hwflow-synth-") as name:
            _write(files, Path(name))
            found = yosys.estimate(
                module,
                sources=verilog,
                folder=Path(name),
                log_dir=log_dir,
                parameters=parameters,
            )
        kept.keep(entry, found)
    return found


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write ``files`` and nothing else, so that the entry's key knows all that yosys reads."""
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
