"""Gives a bundle other thresholds: for another goal, or chosen on other frames."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.calibration import ScoredSplit, measure, thresholds_for
from hwflow.cascade.cost import expected_bops
from hwflow.cascade.decision import run_cascade
from hwflow.config.bundle import (
    BUNDLE_FILE,
    GOLDEN_FILE,
    Accuracy,
    Bundle,
    CascadeMetrics,
    Policy,
    load_bundle,
    record,
    sha256,
)
from hwflow.config.calibration import CalibrationRecipe, EpsBoundCalibration, Translated
from hwflow.config.golden import (
    Arrays,
    digests,
    known_digests,
    label_dtype,
    read_golden,
    scored,
)
from hwflow.config.npz import write_npz
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.lower.evaluate import evaluate
from hwflow.lower.frames import read_frames
from hwflow.lower.lowering import InputSpec, lower
from hwflow.lower.read import read

FRAMES_HINT = (
    "give labelled frames that are no test frames with --frames data.npz (arrays 'frames', uint8 "
    "NHWC, and 'label')"
)


def calibrate(
    bundle_dir: Path,
    out_dir: Path,
    chosen: CalibrationRecipe,
    *,
    frames_file: Path | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Write the bundle in ``bundle_dir`` with thresholds for ``chosen`` to ``out_dir``.

    They are chosen on the bundle's validation scores, or on the labelled frames of ``frames_file``,
    which the integer networks of its stages score; never on golden frames, which are the test
    split. Those are only measured at the new thresholds. ``out_dir`` must be empty or absent.

    Raises:
        ConfigError: one stage, no validation scores, or golden frames among those of
            ``frames_file``; or no threshold reaches the goal.
        UnsupportedModelError: hwflow cannot turn a stage into exact integers.
    """
    bundle, golden = load_bundle(bundle_dir), read_golden(bundle_dir)
    if len(bundle.stages) < 2:
        raise ConfigError(f"{bundle_dir}: has one stage, so there is no threshold to choose")
    if frames_file is not None:
        data = _score_file(bundle, bundle_dir, golden, frames_file, progress)
        _replace_validation(golden, data, len(bundle.classes))
    else:
        found = scored(bundle, golden, "validation")
        if found is None:
            raise ConfigError(
                f"{bundle_dir / GOLDEN_FILE}: holds no validation scores; {FRAMES_HINT}"
            )
        data = found
    chosen = _on_these(chosen, bundle, data)
    if isinstance(chosen, EpsBoundCalibration):
        data = data.untranslated()
    thresholds = thresholds_for(data, chosen.goal([stage.bops for stage in bundle.stages]))
    policy = Policy(
        score=chosen.score,
        threshold_int=thresholds,
        calibration=record(chosen, n=data.independent),
    )
    source = "the bundle's validation scores"
    if frames_file is not None:
        source = f"{frames_file.name}, sha256 {sha256(frames_file)}"
    provenance = bundle.provenance | {
        "calibration_of": sha256(bundle_dir / BUNDLE_FILE),
        "calibration_frames": source,
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    for stage in bundle.stages:
        shutil.copyfile(bundle_dir / stage.qonnx, out_dir / stage.qonnx)
    _write(bundle.model_copy(update={"policy": policy, "provenance": provenance}), golden, out_dir)
    return load_bundle(out_dir)


def _write(bundle: Bundle, golden: Arrays, folder: Path) -> None:
    """Write ``bundle.json`` and ``golden.npz`` with what its thresholds do to the golden frames."""
    thresholds = bundle.policy.threshold_int
    scores = [golden[f"scores_{stage}"] for stage in range(len(bundle.stages))]
    result = run_cascade(scores, thresholds)
    golden |= {
        "prediction": result.prediction.astype(np.int32),
        "exit_stage": result.exit_stage.astype(np.int32),
        "margin": result.margin.astype(np.int64),
    }
    write_npz(folder / GOLDEN_FILE, golden)
    test = scored(bundle, golden, "test")
    metrics = None
    if test is not None:
        metrics = _metrics(test, thresholds, [stage.bops for stage in bundle.stages])
    changed = bundle.model_copy(
        update={"cascade": metrics, "golden_sha256": sha256(folder / GOLDEN_FILE)}
    )
    text = changed.model_dump_json(indent=2) + "\n"
    (folder / BUNDLE_FILE).write_text(text, encoding="utf-8")


def _metrics(test: ScoredSplit, thresholds: tuple[int, ...], bops: list[int]) -> CascadeMetrics:
    stats = measure(test, thresholds)
    return CascadeMetrics(
        accuracy=Accuracy(split="test", n=len(test.labels), value=stats.accuracy),
        exit_rate=stats.exit_rate,
        avg_bops=expected_bops(bops, stats.exit_rate),
    )


def _on_these(chosen: CalibrationRecipe, bundle: Bundle, data: ScoredSplit) -> CalibrationRecipe:
    """Return ``chosen`` with the translations that ``data`` holds."""
    told = bundle.policy.calibration
    shift = told.max_shift if data.copies > 1 and told is not None else 0
    if isinstance(chosen, Translated):
        return chosen.model_copy(update={"max_shift": shift})
    return chosen


def _score_file(
    bundle: Bundle, folder: Path, golden: Arrays, path: Path, progress: Progress
) -> ScoredSplit:
    """Return the scores of the frames in ``path``, none of which may be a golden one."""
    frames, label = read_frames(path, bundle.input.shape)
    if label is None:
        raise ConfigError(f"{path}: holds no labels; add an array 'label'")
    if not 0 <= label.min() <= label.max() < len(bundle.classes):
        raise ConfigError(
            f"{path}: expected labels of 0 … {len(bundle.classes) - 1}, got "
            f"{label.min()} … {label.max()}"
        )
    shared = np.flatnonzero(np.isin(digests(frames), known_digests(golden)))
    if len(shared):
        raise ConfigError(
            f"{path}: {len(shared)} of its {len(frames)} frames, the first at {shared[0]}, are "
            "test frames of the bundle, which test the thresholds and so may not choose them; "
            "leave them out"
        )
    scores = []
    for number, stage in enumerate(bundle.stages):
        progress(f"score {stage.name}", number, len(bundle.stages))
        scores.append(_scores(bundle, folder / stage.qonnx, frames))
    return ScoredSplit("validation", label, tuple(scores))


def _scores(bundle: Bundle, path: Path, frames: NDArray[np.uint8]) -> NDArray[np.int32]:
    told = bundle.input
    network = lower(read(path), InputSpec(told.dtype, told.scale, told.shift))
    return evaluate(network, frames).astype(np.int32)


def _replace_validation(golden: Arrays, data: ScoredSplit, classes: int) -> None:
    """Put the scores that chose the thresholds in the place of those before."""
    for name in [name for name in golden if name.startswith("validation_")]:
        del golden[name]
    golden["validation_label"] = data.labels.astype(label_dtype(classes))
    for stage, scores in enumerate(data.scores):
        golden[f"validation_scores_{stage}"] = scores.astype(np.int32)
