"""Writes the model bundle of a trained recipe."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from hwflow.cascade.calibration import ScoredSplit, measure, thresholds_for
from hwflow.cascade.cost import expected_bops
from hwflow.cascade.decision import run_cascade
from hwflow.config.bundle import (
    BUNDLE_FILE,
    GOLDEN_FILE,
    Accuracy,
    Bundle,
    BundleInput,
    CascadeMetrics,
    Policy,
    load_bundle,
    record,
    sha256,
)
from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.golden import DIGEST, Arrays, digests, label_dtype
from hwflow.config.npz import write_npz
from hwflow.config.recipe import Recipe
from hwflow.data import Splits, Subset, load, translated
from hwflow.errors import ConfigError
from hwflow.export.stage import ExportedStage, export_stage
from hwflow.log import Progress, silent
from hwflow.train import RESULT_FILE, is_trained, read_networks, read_train_result

_TOOLS = ("hwflow", "torch", "brevitas", "qonnx", "onnx", "onnxruntime", "numpy", "scikit-learn")


def export(
    recipe: Recipe,
    train_dir: Path,
    out_dir: Path,
    *,
    data: DataRoot = USUAL,
    progress: Progress = silent,
) -> Bundle:
    """Write the bundle of the stages trained in ``train_dir`` to ``out_dir`` and return it.

    ``bundle.json`` goes first and comes last, so that it never stands beside files of another run;
    other files in ``out_dir`` are left alone. The bytes depend on the recipe, the weights and the
    tools' versions only.

    Raises:
        ConfigError: if ``train_dir`` does not hold this recipe's stages, or the data set in
            ``data`` is missing, damaged, or not the one that they were trained on.
        UnsupportedModelError: if a network cannot be exact in integers.
        VerificationError: if QONNX disagrees with the trained network, naming the first frame.
    """
    check_trained(recipe, train_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out_dir.name}.", dir=out_dir.parent) as scratch:
        fresh = Path(scratch)
        _write(recipe, train_dir, fresh, data, progress)
        out_dir.mkdir(exist_ok=True)
        (out_dir / BUNDLE_FILE).unlink(missing_ok=True)
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == BUNDLE_FILE):
            path.replace(out_dir / path.name)
    return load_bundle(out_dir)


def check_trained(recipe: Recipe, train_dir: Path) -> None:
    """Refuse a folder that does not hold the recipe's trained stages.

    Raises:
        ConfigError: naming the stage that is missing, or was trained for another recipe.
    """
    trained = read_train_result(train_dir)
    found = {stage.name: stage for stage in trained.stages}
    for index, stage in enumerate(recipe.stages):
        if stage.name not in found or not is_trained(recipe, index, found[stage.name]):
            raise ConfigError(
                f"{train_dir / RESULT_FILE}: stage {stage.name!r} was not trained, or for another "
                "recipe; run `hwflow train` with this recipe"
            )


def check_splits(splits: Splits, train_dir: Path) -> None:
    """Refuse another data set than ``train_dir`` was trained on: its test frames may be those.

    Raises:
        ConfigError: the splits are others.
    """
    told = read_train_result(train_dir).splits
    if told is not None and told != splits.digest:
        raise ConfigError(
            f"{train_dir / RESULT_FILE}: expected the splits that it was trained on (sha256 "
            f"{told[:16]}…), got {splits.digest[:16]}…: pictures came, went, changed or changed "
            "their class since; bring them back, or run `hwflow train` in another folder (--out)"
        )


def _write(
    recipe: Recipe, train_dir: Path, folder: Path, data: DataRoot, progress: Progress
) -> None:
    splits = load(recipe.dataset, data, progress=progress)
    check_splits(splits, train_dir)
    calibration = translated(splits.validation, recipe.calibration.shift)
    exported = []
    networks = read_networks(recipe, train_dir, splits.frame_shape, len(splits.classes))
    for index, (stage, network) in enumerate(zip(recipe.stages, networks, strict=True)):
        path = folder / f"stage{index}.onnx"
        exported.append(
            export_stage(stage, network, splits, path, calibration=calibration, progress=progress)
        )
    progress("calibrate", 0, 1)
    bundle = _assemble(recipe, splits, calibration, exported, folder / GOLDEN_FILE)
    (folder / BUNDLE_FILE).write_text(bundle.model_dump_json(indent=2) + "\n", encoding="utf-8")
    progress("calibrate", 1, 1)


def _assemble(
    recipe: Recipe,
    splits: Splits,
    calibration: Subset,
    stages: list[ExportedStage],
    golden: Path,
) -> Bundle:
    """Return the bundle's description after writing its golden file."""
    chooser = ScoredSplit(
        calibration.split,
        calibration.labels,
        tuple(s.calibration_scores for s in stages),
        copies=len(calibration) // len(splits.validation),
    )
    bops = [stage.model.bops for stage in stages]
    thresholds = thresholds_for(chooser, recipe.calibration.goal(bops))
    test = ScoredSplit("test", splits.test.labels, tuple(s.test_scores for s in stages))
    stats = measure(test, thresholds)
    write_npz(golden, _golden(recipe, splits, chooser, test, thresholds))
    return Bundle(
        schema_version=1,
        name=recipe.name,
        dataset=recipe.dataset.name,
        input=BundleInput(shape=splits.frame_shape, dtype="uint8"),
        classes=splits.classes,
        stages=tuple(stage.model for stage in stages),
        policy=Policy(
            score=recipe.calibration.score,
            threshold_int=thresholds,
            calibration=record(recipe.calibration, n=len(splits.validation)),
        ),
        cascade=CascadeMetrics(
            accuracy=Accuracy(split="test", n=len(splits.test), value=stats.accuracy),
            exit_rate=stats.exit_rate,
            avg_bops=expected_bops(bops, stats.exit_rate),
        ),
        exactness=tuple(link for stage in stages for link in stage.links),
        golden_sha256=sha256(golden),
        provenance=_provenance(recipe),
    )


def _golden(
    recipe: Recipe,
    splits: Splits,
    chooser: ScoredSplit,
    test: ScoredSplit,
    thresholds: Sequence[int],
) -> Arrays:
    """Return the arrays of the golden file."""
    label_type = label_dtype(len(splits.classes))
    count = len(splits.test)
    carried = np.arange(count)
    if recipe.golden_frames is not None and recipe.golden_frames < count:
        carried = carried[: recipe.golden_frames] * count // recipe.golden_frames
    scores = [each[carried] for each in test.scores]
    result = run_cascade(scores, thresholds)
    arrays: Arrays = {
        "frames": splits.test.frames[carried],
        "label": splits.test.labels[carried].astype(label_type),
        **{f"scores_{k}": each for k, each in enumerate(scores)},
        "prediction": result.prediction.astype(np.int32),
        "exit_stage": result.exit_stage.astype(np.int32),
        "margin": result.margin.astype(np.int64),
        "validation_label": chooser.labels.astype(label_type),
        **{f"validation_scores_{k}": each for k, each in enumerate(chooser.scores)},
    }
    if len(carried) < count:
        arrays |= {
            "test_label": test.labels.astype(label_type),
            **{f"test_scores_{k}": each for k, each in enumerate(test.scores)},
            DIGEST: digests(splits.test.frames),
        }
    return arrays


def _provenance(recipe: Recipe) -> dict[str, str]:
    canonical = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    return {
        "recipe_sha256": hashlib.sha256(canonical.encode()).hexdigest(),
        "seed": str(recipe.seed),
        **{tool: version(tool) for tool in _TOOLS},
    }
