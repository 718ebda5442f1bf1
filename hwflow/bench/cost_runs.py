"""Makes the runs behind the cost models: generated nodes, synthesised, and what they took.

A run is known by the hash of its RTL, so that it is made again only where the RTL has changed.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwflow.bench.cost_modules import (
    controller_of,
    draw_controllers,
    draw_fifos,
    write_controller,
    write_fifo,
)
from hwflow.bench.cost_samples import Sample, draw, model_of
from hwflow.cost.block import Block
from hwflow.cost.resources import Resources
from hwflow.cost.runs import Run, load_runs, save_runs
from hwflow.cost.streams import Fifo
from hwflow.dataflow.blocks import block_of
from hwflow.dataflow.finn import Finn, session
from hwflow.dataflow.stitch import stitch
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
TOP, STAGE = "node", "stage"
# Samples of each kind: more where there are more terms.
COUNTS = {
    "matrix_lut": 24,
    "matrix_deep": 8,
    "matrix_dsp": 8,
    "matrix_finn": 12,
    "window": 32,
    "thresholds": 16,
    "requant": 16,
    "pad": 10,
    "pool": 16,
    "join": 10,
    "fork": 5,
    "converter": 16,
    "fifo": 12,
    "controller": 24,
}


def make_runs(
    path: Path,
    *,
    kinds: Sequence[str] = tuple(COUNTS),
    counts: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> tuple[Run, ...]:
    """Synthesise the samples of ``kinds`` and write their runs to ``path``; return all runs.

    Runs of other kinds in ``path`` stay; so do those whose RTL is still the same.

    Raises:
        ToolNotFoundError: yosys or finn-plus is missing.
        ToolFailedError: yosys refused a node.
    """
    counts = COUNTS if counts is None else counts
    known = {run.rtl: run for run in load_runs(path)} if path.is_file() else {}
    kept = [run for run in known.values() if run.sample not in kinds]
    tool = f"yosys {Yosys.version()}, {SYNTHESIS}"
    total = sum(counts[kind] for kind in kinds)
    with tempfile.TemporaryDirectory(prefix="hwflow-cost-") as name:
        work = Path(name)
        with session(work / "finn") as finn:
            for done, (kind, subject) in enumerate(_subjects(kinds, counts)):
                progress(f"{kind} {done + 1}", done, total)
                folder = work / f"{TOP}{done}"
                folder.mkdir()
                written = _write(subject, folder, finn)
                kept.append(_run(kind, written, folder, known))
                save_runs(path, [*kept, *_rest(known, kept)], tool=tool)
    save_runs(path, kept, tool=tool)
    progress("done", total, total)
    return tuple(kept)


def _rest(known: Mapping[str, Run], kept: Sequence[Run]) -> list[Run]:
    """Return the runs not yet drawn again, so that an interrupted series loses none."""
    have = {run.rtl for run in kept}
    return [run for rtl, run in known.items() if rtl not in have]


Subject = Sample | Fifo | AcceleratorParameters


def _subjects(kinds: Sequence[str], counts: Mapping[str, int]) -> Iterator[tuple[str, Subject]]:
    """Yield kind and subject of every run."""
    for kind in kinds:
        drawn: Sequence[Subject]
        if kind == "fifo":
            drawn = draw_fifos(counts[kind], SEED)
        elif kind == "controller":
            drawn = draw_controllers(counts[kind], SEED)
        else:
            drawn = draw(kind, counts[kind], SEED)
        for subject in drawn:
            yield kind, subject


@dataclass(frozen=True)
class _Written:
    """A subject as RTL: module ``top``, made of ``sources``."""

    op: str
    top: str
    sources: Sequence[str]
    block: Block


def _write(subject: Subject, folder: Path, finn: Finn) -> _Written:
    """Write the RTL of ``subject`` as a build does."""
    if isinstance(subject, Fifo):
        return _Written("hwf_fifo", TOP, write_fifo(subject, TOP, folder), subject)
    if isinstance(subject, AcceleratorParameters):
        sources = write_controller(subject, folder)
        return _Written("controller", CONTROLLER, sources, controller_of(subject))
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
    from qonnx.custom_op.registry import getCustomOp

    model, _ = PrepareIP(PART, CLK_PERIOD_NS).apply(model_of(subject, TOP))
    sources = [
        source for source in stitch(model, STAGE, folder, finn.rtllib) if Path(source).stem != STAGE
    ]
    return _Written(subject.op, TOP, sources, block_of(getCustomOp(model.graph.node[0])))


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
            used = synthesise(Part(module), sources, yosys=Yosys(), log_dir=folder)
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
    return asdict(block)  # type: ignore[call-overload,no-any-return] # every block is a dataclass
