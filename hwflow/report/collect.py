"""Gathers the report from the folders of the steps before it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.cost import expected_bops, worst_bops
from hwflow.cascade.curves import threshold_curve
from hwflow.cascade.decision import top2
from hwflow.cascade.interval import wilson
from hwflow.config import manifest
from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import load
from hwflow.config.bundle import Bundle, Link, load_bundle
from hwflow.config.exactness import EXACTNESS_FILE, Exactness
from hwflow.config.golden import Arrays, read_golden, scored
from hwflow.config.simulation import RESULTS_FILE, SIMULATION_FILE, Simulation
from hwflow.config.synthesis import SYNTHESIS_FILE, Resources, Synthesis
from hwflow.errors import ConfigError
from hwflow.report.evaluate import evaluate
from hwflow.report.evaluation import Evaluation
from hwflow.report.layers import layer_tables
from hwflow.report.schema import (
    CascadeReport,
    CurveReport,
    Escalated,
    HardwareReport,
    Kind,
    Number,
    Provenance,
    Report,
    ResourceReport,
    StageHardwareReport,
    StageReport,
    StepReport,
)
from hwflow.report.scored import from_bundle
from hwflow.report.source import check_source

NS_PER_S = 1e9

_PRIMITIVES = {
    "lut": "LUTs, those used as memory too",
    "lutram": "LUTs used as memory",
    "ff": "flip-flops",
    "dsp": "DSP slices",
    "bram36": "block RAMs of 36 Kbit",
}
_RESOURCES: dict[str, Provenance] = {
    "hardware.stages[].layers[].estimate": "estimated",
    "layers[].rows[].estimated": "estimated",
    "layers[].rows[].synthesised": "synthesised",
}
KINDS: dict[str, tuple[str, Provenance]] = {
    "stages[].params": ("weights", "estimated"),
    "stages[].macs": ("MACs per frame", "estimated"),
    "stages[].bops": ("bit operations per frame", "estimated"),
    "cascade.exit_rate": ("fraction of frames", "simulated"),
    "cascade.exit_rate_per_stage[]": ("fraction of frames", "simulated"),
    "cascade.avg_bops": ("bit operations per frame", "estimated"),
    "cascade.avg_bops_ratio": ("fraction of the last stage's", "estimated"),
    "cascade.worst_bops": ("bit operations of a frame that passes every stage", "estimated"),
    "cascade.accuracy_loss_points": ("percentage points", "simulated"),
    "hardware.ii_cycles": ("clock cycles", "simulated"),
    "hardware.ii_bound_cycles": ("clock cycles", "estimated"),
    "hardware.latency_cycles": ("clock cycles", "simulated"),
    "hardware.latency_by_exit_cycles[]": ("clock cycles", "simulated"),
    "hardware.frames_per_second": ("frames/s at clk_period_ns, not yet routed", "estimated"),
    "hardware.retained_peak_frames[]": ("frames", "simulated"),
    "hardware.stages[].ii_cycles": ("clock cycles", "simulated"),
    "hardware.stages[].ii_bound_cycles": ("clock cycles", "estimated"),
    "hardware.stages[].latency_cycles": ("clock cycles", "simulated"),
    "hardware.stages[].latency_estimate_cycles": ("clock cycles", "estimated"),
    "hardware.stages[].layers[].cycles": ("clock cycles per frame", "estimated"),
    "layers[].rows[].cycles": ("clock cycles per frame", "estimated"),
    "layers[].rows[].share": ("fraction of the stage's II bound", "estimated"),
    "layers[].rows[].memory_bits": ("bits of weights and thresholds", "estimated"),
}
KINDS |= {
    f"{place}.{field}": (unit, provenance)
    for place, provenance in _RESOURCES.items()
    for field, unit in _PRIMITIVES.items()
}


def collect(
    *, accelerator_dir: Path, simulation_dir: Path, synthesis_dir: Path | None
) -> tuple[Report, Arrays]:
    """Return the report and the golden file's arrays.

    Raises:
        ConfigError: a file is missing, damaged, or of another accelerator.
    """
    design = load(Accelerator, accelerator_dir / DESIGN_FILE)
    bundle = load_bundle(accelerator_dir / design.bundle)
    simulation = load(Simulation, simulation_dir / SIMULATION_FILE)
    check_source(simulation_dir, accelerator_dir, "simulate")
    if synthesis_dir is not None:
        check_source(synthesis_dir, accelerator_dir, "synth")
    golden = read_golden(accelerator_dir / design.bundle)
    results = _arrays(simulation_dir / RESULTS_FILE)
    if "label" not in golden or simulation.cascade.accuracy is None:
        raise ConfigError(
            f"{accelerator_dir / design.bundle}: its frames have no labels, and a report is about "
            "accuracy; build with labelled frames (--frames with an array 'label'), or read what "
            f"was compared and how fast it ran in the simulation's {SIMULATION_FILE}"
        )
    labels = golden["label"][: simulation.n].astype(np.int64)
    stages = _stages(bundle, simulation, results, labels)
    report = Report(
        schema_version=1,
        name=design.name,
        dataset=bundle.dataset,
        classes=bundle.classes,
        stages=stages,
        cascade=_cascade(bundle, simulation, stages),
        exactness=(*bundle.exactness, *_graph_links(accelerator_dir), *simulation.exactness),
        hardware=_hardware(design, simulation),
        layers=layer_tables(accelerator_dir, synthesis_dir),
        resources=None if synthesis_dir is None else _resources(synthesis_dir),
        curves=_curves(bundle, golden),
        evaluation=_evaluation(accelerator_dir / design.bundle),
        escalated=_escalated(results, labels),
        kinds={path: Kind(unit=unit, provenance=origin) for path, (unit, origin) in KINDS.items()},
        steps=tuple(
            step
            for folder in (accelerator_dir, simulation_dir, synthesis_dir)
            if folder is not None and (step := _step(folder)) is not None
        ),
        provenance=bundle.provenance,
    )
    return report, golden


def _arrays(path: Path) -> Arrays:
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); run the step before again") from error


def _training_seed(bundle: Bundle) -> int | None:
    seed = bundle.provenance.get("seed")
    return None if seed is None else int(seed)


def _accuracy(value: float, simulation: Simulation, seed: int | None) -> Number:
    return Number(
        value=value,
        unit="fraction of test frames",
        provenance="simulated",
        n=simulation.n,
        seed=seed,
        interval95=wilson(value, simulation.n),
    )


def _stages(
    bundle: Bundle, simulation: Simulation, results: Arrays, labels: NDArray[np.int64]
) -> tuple[StageReport, ...]:
    stages = []
    for k, stage in enumerate(bundle.stages):
        predicted, _ = top2(results[f"scores_{k}"].astype(np.int64))
        stages.append(
            StageReport(
                name=stage.name,
                accuracy=_accuracy(
                    float(np.mean(predicted == labels)), simulation, _training_seed(bundle)
                ),
                weight_bit_width=stage.weight_bit_width,
                act_bit_width=stage.act_bit_width,
                params=stage.params,
                macs=stage.macs,
                bops=stage.bops,
            )
        )
    return tuple(stages)


def _cascade(
    bundle: Bundle, simulation: Simulation, stages: Sequence[StageReport]
) -> CascadeReport:
    run = simulation.cascade
    assert run.accuracy is not None, "checked by collect"
    bops = expected_bops([stage.bops for stage in bundle.stages], run.exit_rate)
    last = stages[-1].accuracy.value
    return CascadeReport(
        accuracy=_accuracy(run.accuracy.value, simulation, _training_seed(bundle)),
        exit_rate=sum(run.exit_rate[:-1]),
        exit_rate_per_stage=run.exit_rate,
        avg_bops=bops,
        avg_bops_ratio=bops / bundle.stages[-1].bops,
        worst_bops=worst_bops([stage.bops for stage in bundle.stages]),
        threshold_int=run.threshold_int,
        n=simulation.n,
        accuracy_loss_points=100 * (last - run.accuracy.value),
    )


def _graph_links(accelerator_dir: Path) -> tuple[Link, ...]:
    path = accelerator_dir / EXACTNESS_FILE
    return load(Exactness, path).links if path.is_file() else ()


def _hardware(design: Accelerator, simulation: Simulation) -> HardwareReport:
    run = simulation.cascade
    ii_cycles = _known_ii(run.ii_cycles, simulation.n)
    return HardwareReport(
        name=design.name,
        part=design.part,
        clk_period_ns=design.clk_period_ns,
        ii_cycles=ii_cycles,
        ii_bound_cycles=run.ii_bound_cycles,
        latency_cycles=run.latency_cycles[-1],
        latency_by_exit_cycles=run.latency_cycles,
        frames_per_second=NS_PER_S / (design.clk_period_ns * ii_cycles),
        retention_frames=run.retention_frames,
        retained_peak_frames=run.retained_peak_frames,
        stages=tuple(
            StageHardwareReport(
                name=timing.name,
                ii_cycles=_known_ii(timing.ii_cycles, simulation.n),
                ii_bound_cycles=timing.ii_bound_cycles,
                latency_cycles=timing.latency_cycles,
                latency_estimate_cycles=stage.latency_estimate_cycles,
                layers=stage.layers,
            )
            for timing, stage in zip(simulation.stages, design.stages, strict=True)
        ),
    )


def _known_ii(ii_cycles: float | None, frames: int) -> float:
    if ii_cycles is None:
        raise ConfigError(
            f"{SIMULATION_FILE}: its {frames} frames are too few to fill the pipeline, so it has "
            "no II; run `hwflow simulate` again on more golden frames"
        )
    return ii_cycles


def _resources(synthesis_dir: Path) -> ResourceReport:
    found = load(Synthesis, synthesis_dir / SYNTHESIS_FILE)
    each = [block.resources for block in found.blocks]
    return ResourceReport(
        provenance="synthesised",
        tool=found.tool,
        command=found.command,
        covers="the cascade controller and each layer of the stages, each by itself",
        total=Resources(
            lut=sum(r.lut for r in each),
            lutram=sum(r.lutram for r in each),
            ff=sum(r.ff for r in each),
            dsp=sum(r.dsp for r in each),
            bram36=sum(r.bram36 for r in each),
        ),
        blocks=found.blocks,
    )


def _evaluation(bundle_dir: Path) -> Evaluation | None:
    cascade = from_bundle(bundle_dir)
    return evaluate(cascade, "test") if len(cascade.stages) > 1 else None


def _curves(bundle: Bundle, golden: Arrays) -> tuple[CurveReport, ...]:
    """Return each decision's curve on test frames, and on validation frames if there are any."""
    curves = []
    for split in ("validation", "test"):
        data = scored(bundle, golden, split)
        if data is None:
            continue
        for decision in range(len(bundle.stages) - 1):
            curve = threshold_curve(data, decision)
            curves.append(
                CurveReport.model_validate(
                    {
                        "decision": decision,
                        "split": split,
                        "n": data.independent,
                        "threshold": tuple(curve.threshold.tolist()),
                        "exit_rate": tuple(curve.exit_rate.tolist()),
                        "accuracy": tuple(curve.accuracy.tolist()),
                        "random_accuracy": tuple(curve.random_accuracy.tolist()),
                        "oracle_accuracy": tuple(curve.oracle_accuracy.tolist()),
                    }
                )
            )
    return tuple(curves)


def _escalated(results: Arrays, labels: NDArray[np.int64]) -> tuple[Escalated, ...]:
    first_label, first_margin = top2(results["scores_0"].astype(np.int64))
    exit_stage = results["exit_stage"].astype(np.int64)
    return tuple(
        Escalated(
            frame=int(frame),
            label=int(labels[frame]),
            first_label=int(first_label[frame]),
            first_margin=int(first_margin[frame]),
            prediction=int(results["prediction"].astype(np.int64)[frame]),
            exit_stage=int(exit_stage[frame]),
        )
        for frame in np.flatnonzero(exit_stage > 0)
    )


def _step(folder: Path) -> StepReport | None:
    run = manifest.read(folder)
    if run is None:
        return None
    return StepReport(
        step=run.step,
        seed=run.seed,
        duration_s=run.duration_s,
        input_hash=run.input_hash,
        commit=run.git.commit if run.git else None,
        dirty=run.git.dirty if run.git else None,
        versions=run.versions,
    )
