"""Makes the runs behind the cost models: generated nodes, synthesised, and what they took.

A run is known by the hash of its RTL, so that it is made again only where the RTL has changed.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwflow.bench.cost_samples import KINDS, Sample, draw, model_of
from hwflow.cost.block import Block
from hwflow.cost.resources import Resources
from hwflow.cost.runs import Run, load_runs, save_runs
from hwflow.dataflow.blocks import block_of
from hwflow.dataflow.finn import Finn, session
from hwflow.dataflow.stitch import stitch
from hwflow.log import Progress, silent
from hwflow.synth.yosys import LUTS, SYNTHESIS, Yosys

PART, CLK_PERIOD_NS = "xc7z020clg400-1", 10.0
SEED = 10
# Samples of each kind: more where there are more terms.
COUNTS = {
    "matrix_lut": 48,
    "matrix_dsp": 16,
    "matrix_finn": 24,
    "window": 36,
    "thresholds": 24,
    "requant": 16,
    "pad": 10,
    "pool": 16,
    "join": 10,
    "fork": 5,
    "converter": 24,
}


def make_runs(
    path: Path,
    *,
    kinds: Sequence[str] = tuple(KINDS),
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
            done = 0
            for kind in kinds:
                for sample in draw(kind, counts[kind], SEED):
                    progress(f"{kind} {done + 1}", done, total)
                    folder = work / f"node{done}"
                    folder.mkdir()
                    kept.append(_run(kind, sample, folder, finn, known))
                    save_runs(path, [*kept, *_rest(known, kept)], tool=tool)
                    done += 1
    save_runs(path, kept, tool=tool)
    progress("done", total, total)
    return tuple(kept)


def _rest(known: Mapping[str, Run], kept: Sequence[Run]) -> list[Run]:
    """Return the runs not yet drawn again, so that an interrupted series loses none."""
    have = {run.rtl for run in kept}
    return [run for rtl, run in known.items() if rtl not in have]


def _run(kind: str, sample: Sample, folder: Path, finn: Finn, known: Mapping[str, Run]) -> Run:
    from qonnx.custom_op.registry import getCustomOp

    model = model_of(sample, "node")
    sources = _generate(model, folder, finn)
    block = block_of(getCustomOp(model.graph.node[0]))
    rtl = _hash(folder, sources)
    found = known.get(rtl)
    resources = found.resources if found else _synthesise(folder, sources)
    return Run(
        sample=kind,
        op=sample.op,
        kind=block.kind,
        block=_numbers(block),
        resources=resources,
        rtl=rtl,
    )


def _generate(model: Any, folder: Path, finn: Finn) -> list[str]:
    """Write the RTL of the one-node ``model`` as a build does; return its sources."""
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP

    model, _ = PrepareIP(PART, CLK_PERIOD_NS).apply(model)
    sources = stitch(model, "stage", folder, finn.rtllib)
    return [source for source in sources if Path(source).name != "stage.v"]


def _synthesise(folder: Path, sources: Sequence[str]) -> Resources:
    used = Yosys().estimate("node", sources=sources, folder=folder, log_dir=folder)
    cells = json.loads((folder / "node.stat.json").read_text())["design"]["num_cells_by_type"]
    lutram = sum(LUTS.get(c, 0) * n for c, n in cells.items() if c.startswith(("RAM", "SRL")))
    return Resources(used.lut, lutram, used.ff, used.dsp, used.bram36)


def _hash(folder: Path, sources: Sequence[str]) -> str:
    """Return the hash of everything that synthesis reads."""
    digest = hashlib.sha256()
    memories = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.dat"))
    for name in [*sources, *memories]:
        digest.update(f"{name}\n".encode() + (folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _numbers(block: Block) -> dict[str, Any]:
    return asdict(block)  # type: ignore[call-overload,no-any-return] # every block is a dataclass
