"""The ``simulate`` step: every golden frame through the accelerator's RTL, equal or an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import Accuracy, Bundle, Link, load_bundle
from hwflow.config.simulation import (
    RESULTS_FILE,
    SIMULATION_FILE,
    CascadeRun,
    PauseSettings,
    Simulation,
    StageTiming,
)
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import AcceleratorModel, SimResult, load_accelerator
from hwflow.simulate.checks import Golden, check_model, check_results, check_stage, load_golden
from hwflow.simulate.library import Pauses
from hwflow.simulate.timing import ii_bound, stage_timing, steady_ii
from hwflow.simulate.toolchain import find_verilator

IDLE, STALL, LONGEST = 0.05, 0.2, 40


def simulate(
    folder: Path,
    out_dir: Path,
    *,
    seed: int = 0,
    frames: int | None = None,
    order: bool = False,
    shed: bool = False,
    progress: Progress = silent,
) -> Simulation:
    """Simulate the accelerator in ``folder`` on its golden frames and write ``simulation.json``.

    For each stage one run in which every frame passes it, compared with the golden scores; then
    the thresholds the accelerator was built with, compared with the bundle's results; then the
    same, thresholds written through the registers, under random pauses. ``frames``: only the first
    so many. ``seed``: of the pauses, and of every bit that the design leaves uninitialised.
    ``order``, ``shed``: these bits of ``control`` are set while frames exit by their thresholds.

    Raises:
        VerificationError: an integer differs; names the link and the first frame.
        ToolNotFoundError: Verilator or a compiler is missing.
    """
    design = load_accelerator(folder)
    bundle = load_bundle(folder / design.bundle)
    golden = load_golden(folder / design.bundle, bundle, limit=frames)
    if frames is not None and frames > len(golden.frames):
        raise ConfigError(
            f"--frames {frames}: the bundle holds {len(golden.frames)} golden frames; ask for "
            "fewer, or leave --frames out"
        )
    if order and not design.reorder_frames:
        raise ConfigError(
            f"--order: {design.name!r} has no reorder store; build it with reorder_frames in the "
            "design, or leave --order out"
        )
    settings = {"order": order, "shed": shed}
    told = "".join(f", {name} set" for name, value in settings.items() if value)
    links: list[Link] = [check_model(golden)]
    timings: list[StageTiming] = []
    latencies: list[int] = []
    count = len(golden.frames)
    total = (len(design.stages) + 2) * count
    progress("compile the accelerator", 0, total)
    with AcceleratorModel(folder, random_state=seed) as model:

        def run(what: str, number: int, **options: Any) -> SimResult:
            def step(done: int) -> None:
                progress(what, number * count + done, total)

            return model.run(golden.frames, progress=step, **options)

        for k in range(len(design.stages)):
            busy = run(f"all frames through stage {k}", k, force=k)
            for earlier in range(k):
                check_stage(golden, busy, earlier)
            links.append(check_stage(golden, busy, k))
            links.append(check_results(golden, busy, how=f", exit forced at {k}", force_stage=k))
            lone = model.run(golden.frames[:1], force=k)
            latencies.append(int(lone.out_cycle[0]))
            timings.append(
                stage_timing(folder, design, k, busy=busy, lone=lone, frames=golden.frames)
            )
        plain = run("cascade", len(design.stages), **settings)
        links.append(check_results(golden, plain, how=told, **settings))
        pauses = Pauses(idle=IDLE, stall=STALL, longest=LONGEST, seed=seed)
        paused = run(
            "cascade with random pauses",
            len(design.stages) + 1,
            thresholds=golden.thresholds,
            pauses=pauses,
            **settings,
        )
        how = f"{told}, random idles and stalls"
        links.append(check_results(golden, paused, how=how, **settings))
    report = Simulation(
        schema_version=1,
        accelerator=design.name,
        simulator=f"verilator {find_verilator().version}",
        n=len(golden.frames),
        stages=tuple(timings),
        cascade=_cascade_run(design, bundle, golden, plain, latencies),
        pauses=PauseSettings(idle=IDLE, stall=STALL, longest=LONGEST, seed=seed),
        exactness=tuple(links),
    )
    _write(report, out_dir, plain=plain, busy=busy)
    return report


def _cascade_run(
    design: Accelerator, bundle: Bundle, golden: Golden, got: SimResult, latencies: Sequence[int]
) -> CascadeRun:
    n = len(golden.frames)
    exits = np.bincount(got.exit_stage, minlength=len(design.stages)) / n
    exit_rate = tuple(float(rate) for rate in exits)
    split = bundle.cascade.accuracy.split if bundle.cascade else "test"
    accuracy = None
    if golden.label is not None:
        right = float(np.mean(got.prediction == golden.label))
        accuracy = Accuracy(split=split, n=n, value=right)
    return CascadeRun(
        threshold_int=golden.thresholds,
        accuracy=accuracy,
        exit_rate=exit_rate,
        ii_cycles=steady_ii(got.in_cycle, got.out_cycle),
        ii_bound_cycles=ii_bound(design, exit_rate),
        latency_cycles=tuple(latencies),
        cycles=int(got.out_cycle.max()) + 1,
        retention_frames=design.retention_frames,
        retained_peak_frames=tuple(
            got.counters[f"retained_peak_{k}"] for k in range(len(design.stages) - 1)
        ),
        counters=got.counters,
    )


def _write(report: Simulation, out_dir: Path, *, plain: SimResult, busy: SimResult) -> None:
    """Write ``simulation.json`` and the arrays of the cascade run and of the last stage's run."""
    out_dir.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out_dir / RESULTS_FILE,
        allow_pickle=False,
        prediction=plain.prediction,
        exit_stage=plain.exit_stage,
        margin=plain.margin,
        in_cycle=plain.in_cycle,
        out_cycle=plain.out_cycle,
        **{f"scores_{k}": scores for k, scores in enumerate(busy.scores)},
    )
    text = report.model_dump_json(indent=2) + "\n"
    (out_dir / SIMULATION_FILE).write_text(text, encoding="utf-8")
