"""Makes the runs behind the cost models: generated nodes, synthesised, and what they took.

A run is known by the hash of its RTL, so that it is made again only where the RTL has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hwflow.bench.cost_modules import (
    controller_of,
    draw_controllers,
    draw_fifos,
    stubs_of,
    write_controller,
    write_fifo,
)
from hwflow.bench.cost_samples import Sample, draw
from hwflow.cost.block import Block
from hwflow.cost.fifo import FifoMemory
from hwflow.cost.resources import Resources
from hwflow.cost.runs import Run, load_runs, save_runs
from hwflow.cost.streams import Fifo
from hwflow.dataflow.finn import Finn, session
from hwflow.dataflow.single import single_node, write_single
from hwflow.log import Progress, silent
from hwflow.rtl.accelerator import TOP as CONTROLLER
from hwflow.rtl.accelerator import AcceleratorParameters
from hwflow.synth.block import synthesise
from hwflow.synth.script import SYNTHESIS, Part
from hwflow.synth.sources import Sources
from hwflow.synth.step import MEMORY_SUFFIX
from hwflow.synth.yosys import Yosys

PART, CLK_PERIOD_NS = "xc7z020clg400-1", 10.0
SEED = 10
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
TOP = "node"
FIFO = "fifo_"  # kinds of FIFOs: this and where the words lie
# Samples of each kind: at least twice as many as its fit has terms.
COUNTS = {
    "controller": 24,
    "matrix_lut": 24,
    "matrix_deep": 8,
    "matrix_banks": 4,
    "matrix_dsp": 8,
    "matrix_finn": 18,
    "window": 21,
    "window_parallel": 12,
    "thresholds": 16,
    "thresholds_constant": 4,
    "thresholds_deep": 6,
    "requant": 16,
    "requant_clipped": 8,
    "pad": 10,
    "pool_max": 10,
    "pool_sum": 8,
    "join": 12,
    "join_scaled": 8,
    "fork": 8,
    "converter_narrow": 10,
    "converter_widen": 8,
    "converter_gear": 8,
    "fifo_registers": 6,
    "fifo_distributed": 8,
    "fifo_block": 6,
}


def make_runs(
    path: Path,
    *,
    kinds: Sequence[str] = tuple(COUNTS),
    counts: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> tuple[Run, ...]:
    """Synthesise the samples of ``kinds`` and write their runs to ``path``; return all runs.

    Runs of other kinds in ``path`` stay, unless nothing is drawn as that any more; so do those
    whose RTL is still the same.

    Raises:
        ToolNotFoundError: yosys or finn-plus is missing.
        ToolFailedError: yosys refused a node.
    """
    counts = COUNTS if counts is None else counts
    known = {run.rtl: run for run in load_runs(path)} if path.is_file() else {}
    kept = {r.rtl: r for r in known.values() if r.sample in COUNTS and r.sample not in kinds}
    tool = f"yosys {Yosys.version()}, {SYNTHESIS}"
    total = sum(counts[kind] for kind in kinds)
    with tempfile.TemporaryDirectory(prefix="hwflow-cost-") as name:
        work = Path(name)
        with session(work / "finn") as finn:
            for done, (kind, subject) in enumerate(_subjects(kinds, counts)):
                progress(f"{kind} {done + 1}", done, total)
                folder = work / f"{TOP}{done}"
                folder.mkdir()
                run = _run(kind, _write(subject, folder, finn), folder, known)
                # Two draws may be the same hardware: one run.
                kept.setdefault(run.rtl, run)
                # Those not yet drawn again too: an interrupted series loses none.
                save_runs(path, tuple((known | kept).values()), tool=tool)
    runs = tuple(sorted(kept.values(), key=lambda run: list(COUNTS).index(run.sample)))
    save_runs(path, runs, tool=tool)
    progress("done", total, total)
    return runs


Subject = Sample | Fifo | AcceleratorParameters


def _subjects(kinds: Sequence[str], counts: Mapping[str, int]) -> Iterator[tuple[str, Subject]]:
    """Yield kind and subject of every run."""
    for kind in kinds:
        drawn: Sequence[Subject]
        if kind.startswith(FIFO):
            drawn = draw_fifos(FifoMemory(kind.removeprefix(FIFO)), counts[kind], SEED)
        elif kind == "controller":
            drawn = draw_controllers(counts[kind], SEED)
        else:
            drawn = draw(kind, counts[kind], SEED)
        for subject in drawn:
            yield kind, subject


@dataclass(frozen=True)
class _Written:
    """A subject as RTL: module ``top`` of ``sources``, where ``stubs`` stand for modules."""

    op: str
    top: str
    sources: Sequence[str]
    block: Block
    stubs: Mapping[str, str] = field(default_factory=dict)


def _write(subject: Subject, folder: Path, finn: Finn) -> _Written:
    """Write the RTL of ``subject`` as a build does."""
    if isinstance(subject, Fifo):
        return _Written("hwf_fifo", TOP, write_fifo(subject, TOP, folder), subject)
    if isinstance(subject, AcceleratorParameters):
        stubs = stubs_of(subject)
        sources = write_controller(subject, stubs, folder)
        return _Written("controller", CONTROLLER, sources, controller_of(subject), stubs)
    model = single_node(subject.op, subject.attributes, subject.constants, name=TOP)
    sources, block = write_single(model, folder, finn, part=PART, clock_period_ns=CLK_PERIOD_NS)
    return _Written(subject.op, TOP, sources, block)


def _run(kind: str, written: _Written, folder: Path, known: Mapping[str, Run]) -> Run:
    rtl = _hash(folder, written.sources)
    found = known.get(rtl)
    return Run(
        sample=kind,
        op=written.op,
        block=_numbers(written.block),
        resources=found.resources if found else _synthesise(written, folder),
        rtl=rtl,
    )


def _synthesise(written: _Written, folder: Path) -> Resources:
    sources = Sources(folder, written.sources)
    found = Resources()
    for module in (written.top, written.top + MEMORY_SUFFIX):
        if module in sources:
            used = synthesise(
                Part(module), sources, yosys=Yosys(), log_dir=folder, stubs=written.stubs
            )
            found += Resources(used.lut, used.lutram, used.ff, used.dsp, used.bram36)
    return found


def _hash(folder: Path, sources: Sequence[str]) -> str:
    """Return the hash of everything that synthesis reads; comments do not count."""
    digest = hashlib.sha256()
    memories = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.dat"))
    for name in [*sources, *memories]:
        text = _COMMENT.sub("", (folder / name).read_text(encoding="utf-8"))
        digest.update(f"{name}\n{text}".encode())
    return digest.hexdigest()[:16]


def _numbers(block: Block) -> dict[str, Any]:
    """Return the fields of ``block`` as they are read back: lists, no tuples."""
    fields = asdict(block)  # type: ignore[call-overload] # every block is a dataclass
    numbers: dict[str, Any] = json.loads(json.dumps(fields))
    return numbers
