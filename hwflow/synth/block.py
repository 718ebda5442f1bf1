"""Modules of an accelerator, synthesised apart from each other or recalled from an earlier run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hwflow.config.synthesis import Resources
from hwflow.synth import kept
from hwflow.synth.script import GROUP, Part, group_module, group_script, part_script
from hwflow.synth.sources import Sources
from hwflow.synth.statistics import Cells, resources_of
from hwflow.synth.yosys import Yosys

STUBS = "stage_stubs.v"
GROUP_FILE = f"{GROUP}.v"


def synthesise(
    part: Part,
    sources: Sources,
    *,
    yosys: Yosys,
    log_dir: Path,
    stubs: Mapping[str, str] | None = None,
) -> Resources:
    """Return the resources of ``part`` of ``sources``.

    ``stubs``: empty modules by name, as Verilog, which stand for those of the sources.

    Raises:
        ToolNotFoundError: yosys is missing.
        ToolFailedError: yosys refused the module.
    """
    stubs = stubs or {}
    needed = sources.needed_by(part.module, without=stubs)
    files = {source: sources.texts[source].encode() for source in needed}
    if stubs:
        files[STUBS] = "".join(stubs.values()).encode()
    verilog = tuple(files)
    files |= sources.memories_of(needed)
    entry = kept.key(
        part.module,
        script=part_script(part, verilog, "report.json"),
        version=yosys.version(),
        files=files,
    )

    def run(folder: Path) -> tuple[Cells, ...]:
        cells = yosys.map_part(part, sources=verilog, folder=folder, log_dir=log_dir)
        return ({cell: count for cell, count in cells.items() if cell not in stubs},)

    return _recall_or_run(entry, files, run)[0]


def synthesise_group(
    parts: Sequence[Part], sources: Sources, *, name: str, yosys: Yosys, log_dir: Path
) -> tuple[Resources, ...]:
    """Return the resources of each of ``parts``, from one run of yosys for all, called ``name``.

    A part may differ by a few LUTs from the same part in another group: yosys' mapper breaks ties
    by names. So a group is kept and recalled as a whole, and figures follow from its sources alone.

    Raises:
        ToolNotFoundError: yosys is missing.
        ToolFailedError: yosys refused a module.
    """
    wanted = {source for part in parts for source in sources.needed_by(part.module)}
    needed = [source for source in sources.texts if source in wanted]
    files = {source: sources.texts[source].encode() for source in needed}
    files[GROUP_FILE] = group_module(parts).encode()
    verilog = tuple(files)
    files |= sources.memories_of(needed)
    script = group_script(parts, verilog, "report.json", "names.il")
    entry = kept.key(GROUP, script=script, version=yosys.version(), files=files)

    def run(folder: Path) -> tuple[Cells, ...]:
        return yosys.map_group(parts, name=name, sources=verilog, folder=folder, log_dir=log_dir)

    return _recall_or_run(entry, files, run)


def _recall_or_run(
    entry: str, files: Mapping[str, bytes], run: Callable[[Path], tuple[Cells, ...]]
) -> tuple[Resources, ...]:
    found = kept.recall(entry)
    if found is None:
        with tempfile.TemporaryDirectory(prefix="hwflow-synth-") as name:
            _write(files, Path(name))
            found = run(Path(name))
        kept.keep(entry, found)
    return tuple(resources_of(cells) for cells in found)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write ``files`` and nothing else, so that the entry's key knows all that yosys reads."""
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
