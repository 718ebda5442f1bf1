"""The ``simulate`` step: every golden frame through the accelerator's RTL, equal or an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import run_cascade
from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import GOLDEN_FILE, Accuracy, Bundle, Link, load_bundle
from hwflow.config.simulation import (
    RESULTS_FILE,
    SIMULATION_FILE,
    CascadeRun,
    PauseSettings,
    StageTiming,
)
from hwflow.config.simulation import Simulation as SimulationReport
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import AcceleratorModel, SimResult
from hwflow.simulate.compare import compare
from hwflow.simulate.library import Pauses
from hwflow.simulate.stage import run_stage
from hwflow.simulate.toolchain import find_verilator

IntArray = NDArray[np.int64]

RESULT_LABELS = ("label", "exit stage", "margin", "flags")
FORCED_FLAG = 1 << 2
IDLE, STALL, LONGEST = 0.05, 0.2, 40


class Golden:
    """Frames, ground truth and integer scores of a bundle's golden file, the first ``n``."""

    def __init__(self, folder: Path, stages: int, n: int | None) -> None:
        """Read ``golden.npz`` of the bundle in ``folder``."""
        with np.load(folder / GOLDEN_FILE) as stored:
            self.frames: NDArray[np.uint8] = stored["frames"][:n]
            self.label: IntArray = stored["label"][:n].astype(np.int64)
            self.scores: tuple[IntArray, ...] = tuple(
                stored[f"scores_{k}"][:n].astype(np.int64) for k in range(stages)
            )


def simulate(
    folder: Path,
    out_dir: Path,
    *,
    seed: int = 0,
    frames: int | None = None,
    progress: Progress = silent,
) -> SimulationReport:
    """Simulate the accelerator in ``folder`` on its golden frames and write the report.

    ``frames``: only the first so many. ``seed``: of the random pauses, and of every bit that the
    design leaves uninitialised.

    Raises:
        VerificationError: an integer differs; names the link and the first frame.
        ToolNotFoundError: Verilator or a compiler is missing.
    """
    runs = _runs_in_all(folder)
    progress("compile accelerator", 0, runs)
    with AcceleratorModel(folder, random_state=seed) as model:
        design = model.design
        bundle = load_bundle(folder / design.bundle)
        golden = Golden(folder / design.bundle, len(design.stages), frames)
        count = len(design.stages)
        links: list[Link] = []
        timings: list[StageTiming] = []
        lone: list[int] = []
        for k in range(count):
            progress(f"every frame through stages 0..{k}", k, runs)
            forced = model.run(golden.frames, force=k)
            links.extend(_check_forced(design, golden, forced, k))
            alone = model.run(golden.frames[:1], force=k)
            lone.append(int(alone.out_cycle[0]))
            timings.append(_timing(folder, design, k, forced, alone, golden.frames))
        thresholds = design.threshold_int
        progress("cascade", count, runs)
        plain = model.run(golden.frames, thresholds=thresholds)
        links.append(_check_cascade("", golden, plain, thresholds))
        progress("cascade with random pauses", count + 1, runs)
        pauses = Pauses(idle=IDLE, stall=STALL, longest=LONGEST, seed=seed)
        paused = model.run(golden.frames, thresholds=thresholds, pauses=pauses)
        links.append(_check_cascade(" with random idles and stalls", golden, paused, thresholds))
        progress("done", runs, runs)
    report = SimulationReport(
        schema_version=1,
        accelerator=design.name,
        simulator=f"verilator {find_verilator().version}",
        n=len(golden.frames),
        stages=tuple(timings),
        cascade=_cascade_run(design, bundle, golden, plain, lone),
        pauses=PauseSettings(idle=IDLE, stall=STALL, longest=LONGEST, seed=seed),
        exactness=tuple(links),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out_dir / RESULTS_FILE,
        prediction=plain.prediction,
        exit_stage=plain.exit_stage,
        margin=plain.margin,
        in_cycle=plain.in_cycle,
        out_cycle=plain.out_cycle,
        allow_pickle=False,
        **{f"scores_{k}": scores for k, scores in enumerate(forced.scores)},
    )
    text = report.model_dump_json(indent=2) + "\n"
    (out_dir / SIMULATION_FILE).write_text(text, encoding="utf-8")
    return report


def _runs_in_all(folder: Path) -> int:
    from hwflow.simulate.accelerator import load_accelerator

    return len(load_accelerator(folder).stages) + 2


def _check_forced(
    design: Accelerator, golden: Golden, got: SimResult, exit_stage: int
) -> list[Link]:
    """Compare the scores of stage ``exit_stage``, and the results it gives."""
    links = [
        compare(
            f"golden ↔ stage {exit_stage} RTL ({design.stages[exit_stage].name}), scores",
            expected=golden.scores[exit_stage],
            got=got.scores[exit_stage],
        )
    ]
    if exit_stage == len(design.stages) - 1:
        for earlier in range(exit_stage):
            compare(
                f"golden ↔ stage {earlier} RTL while all frames escalate, scores",
                expected=golden.scores[earlier],
                got=got.scores[earlier],
            )
    verdict = run_cascade([golden.scores[exit_stage]], [])
    expected = np.stack(
        [
            verdict.prediction,
            np.full(len(golden.label), exit_stage),
            verdict.margin,
            np.full(len(golden.label), FORCED_FLAG),
        ],
        axis=1,
    )
    links.append(
        compare(
            f"numpy controller ↔ cascade RTL forced to stage {exit_stage}",
            expected=expected,
            got=_results(got),
            labels=RESULT_LABELS,
        )
    )
    return links


def _check_cascade(how: str, golden: Golden, got: SimResult, thresholds: Sequence[int]) -> Link:
    model = run_cascade(golden.scores, thresholds)
    expected = np.stack(
        [model.prediction, model.exit_stage, model.margin, np.zeros_like(model.margin)], axis=1
    )
    link = f"numpy controller ↔ cascade RTL{how}"
    result = compare(link, expected=expected, got=_results(got), labels=RESULT_LABELS)
    exits = np.bincount(model.exit_stage, minlength=len(golden.scores))
    names = ("frames_in", *(f"exits_{k}" for k in range(len(exits))))
    compare(
        f"{link}, counters",
        expected=np.array([[len(golden.frames), *exits]], dtype=np.int64),
        got=np.array([[got.counters[name] for name in names]], dtype=np.int64),
        labels=names,
    )
    return result


def _results(got: SimResult) -> IntArray:
    return np.stack([got.prediction, got.exit_stage, got.margin, got.flags], axis=1)


def _timing(
    folder: Path,
    design: Accelerator,
    stage: int,
    forced: SimResult,
    alone: SimResult,
    frames: NDArray[np.uint8],
) -> StageTiming:
    """Return the stage's II and latency; a stage behind a slower one is measured by itself."""
    hardware = design.stages[stage]
    cycles = forced.score_cycle[stage]
    if any(earlier.ii_bound_cycles > hardware.ii_bound_cycles for earlier in design.stages[:stage]):
        cycles = run_stage(folder, stage, frames[:64]).out_cycle
    arrived = int(alone.score_cycle[stage - 1][0]) if stage else 0
    return StageTiming(
        name=hardware.name,
        ii_cycles=steady_ii(cycles),
        ii_bound_cycles=hardware.ii_bound_cycles,
        latency_cycles=int(alone.score_cycle[stage][0]) - arrived,
    )


def steady_ii(cycles: IntArray) -> float:
    """Return the mean gap of ``cycles`` (N,) without its first quarter, while pipelines fill."""
    steady = cycles[len(cycles) // 4 :]
    if len(steady) < 2:
        raise ValueError(f"an II needs at least two frames, got {len(cycles)}")
    return round(float(steady[-1] - steady[0]) / (len(steady) - 1), 3)


def _cascade_run(
    design: Accelerator, bundle: Bundle, golden: Golden, got: SimResult, lone: Sequence[int]
) -> CascadeRun:
    n = len(golden.frames)
    exits = np.bincount(got.exit_stage, minlength=len(design.stages)) / n
    reach = np.cumsum(exits[::-1])[::-1]
    bound = max(
        float(share) * stage.ii_bound_cycles
        for share, stage in zip(reach, design.stages, strict=True)
    )
    split = bundle.cascade.accuracy.split if bundle.cascade else "test"
    return CascadeRun(
        threshold_int=design.threshold_int,
        accuracy=Accuracy(split=split, n=n, value=float(np.mean(got.prediction == golden.label))),
        exit_rate=tuple(float(rate) for rate in exits),
        ii_cycles=steady_ii(got.in_cycle),
        ii_bound_cycles=bound,
        latency_cycles=tuple(lone),
        cycles=int(got.out_cycle.max()) + 1,
        retention_frames=design.retention_frames,
        retained_peak_frames=tuple(
            got.counters[f"retained_peak_{k}"] for k in range(len(design.stages) - 1)
        ),
        counters=got.counters,
    )
