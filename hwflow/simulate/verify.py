"""The ``verify`` step: each stage's RTL alone, node by node, then as a whole at full speed."""

from __future__ import annotations

from pathlib import Path

from hwflow.config.bundle import Link, load_bundle
from hwflow.config.fifos import FIFOS_FILE
from hwflow.config.verification import VERIFICATION_FILE, StageVerification, Verification
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.checks import load_golden
from hwflow.simulate.compare import compare
from hwflow.simulate.fifo_check import check_fifos
from hwflow.simulate.nodes import verify_nodes
from hwflow.simulate.stage import run_stage
from hwflow.simulate.timing import steady_ii
from hwflow.simulate.toolchain import find_verilator

# Frames compared beat by beat: the first four strain the hardware, see ``lower.frames``.
NODE_FRAMES = 6


def verify(
    folder: Path, out_dir: Path, *, seed: int = 0, progress: Progress = silent
) -> Verification:
    """Compare every stage of the accelerator in ``folder`` with its golden integers.

    Node by node on a few golden frames under random pauses of ``seed``; then the scores of all
    golden frames, back to back; then what simulated FIFO depths promise.
    Writes ``verification.json`` to ``out_dir``.

    Raises:
        VerificationError: naming the first node, frame and beat that differ.
        ToolNotFoundError: Verilator or a compiler is missing.
    """
    design = load_accelerator(folder)
    bundle = load_bundle(folder / design.bundle)
    golden = load_golden(folder / design.bundle, bundle, limit=None)
    links: list[Link] = []
    stages = []
    total = 2 * len(design.stages)
    n_nodes = min(NODE_FRAMES, len(golden.frames))
    for k, stage in enumerate(design.stages):
        progress(f"{stage.name} node by node", 2 * k, total)
        nodes = verify_nodes(folder, golden.frames[:n_nodes], stage=k, seed=seed)
        progress(f"{stage.name} as a whole", 2 * k + 1, total)
        busy = run_stage(folder, k, golden.frames, random_state=seed)
        links += nodes
        links.append(
            compare(
                f"golden ↔ {stage.name} RTL, scores", expected=golden.scores[k], got=busy.scores
            )
        )
        lone = run_stage(folder, k, golden.frames[:1], random_state=seed)
        stages.append(
            StageVerification(
                name=stage.name,
                nodes=len(stage.layers),
                ii_cycles=steady_ii(busy.in_cycle, busy.out_cycle),
                ii_bound_cycles=max(layer.cycles for layer in stage.layers),
                latency_cycles=int(lone.out_cycle[0] - lone.in_cycle[0]),
            )
        )
    if (folder / FIFOS_FILE).is_file():
        links += check_fifos(folder, progress=progress)
    progress("verified", total, total)
    result = Verification(
        schema_version=1,
        accelerator=design.name,
        simulator=f"verilator {find_verilator().version}",
        n=len(golden.frames),
        n_nodes=n_nodes,
        seed=seed,
        stages=tuple(stages),
        exactness=tuple(links),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    text = result.model_dump_json(indent=2) + "\n"
    (out_dir / VERIFICATION_FILE).write_text(text, encoding="utf-8")
    return result
