"""Other thresholds for a bundle: whole, exact, and never chosen on golden frames."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hwflow.cascade.calibration import ScoredSplit, measure
from hwflow.cascade.decision import run_cascade
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.calibration import (
    AccuracyCalibration,
    CostCalibration,
    EpsBoundCalibration,
    EpsCalibration,
    ExitRateCalibration,
)
from hwflow.config.npz import write_npz
from hwflow.config.recipe import Recipe
from hwflow.data import load as load_data
from hwflow.errors import ConfigError
from hwflow.lower.calibrate import calibrate

MODEL = Path(__file__).parents[2] / "models" / "digits_cascade"
BUNDLE = MODEL / "bundle"
EPS = EpsCalibration(eps=0.001, criterion="losses")


def arrays(folder):
    with np.load(folder / "golden.npz") as golden:
        return {name: golden[name] for name in golden.files}


def edited(folder, edit):
    """Return a copy of the bundle with its golden arrays edited, whole in itself."""
    from hwflow.config.bundle import sha256

    shutil.copytree(BUNDLE, folder)
    golden = arrays(BUNDLE)
    edit(golden)
    write_npz(folder / "golden.npz", golden)
    told = json.loads((folder / "bundle.json").read_text())
    told["golden_sha256"] = sha256(folder / "golden.npz")
    (folder / "bundle.json").write_text(json.dumps(told))
    return folder


def test_the_same_goal_gives_the_same_thresholds(tmp_path):
    before = load_bundle(BUNDLE)
    got = calibrate(BUNDLE, tmp_path / "bundle", EPS)
    assert got.policy == before.policy  # translations and all
    assert got.cascade == before.cascade
    assert (tmp_path / "bundle" / "golden.npz").read_bytes() == (BUNDLE / "golden.npz").read_bytes()


@pytest.mark.parametrize(
    "chosen",
    [
        EpsCalibration(eps=0.02),
        EpsBoundCalibration(kind="eps_bound", eps=0.02),
        AccuracyCalibration(kind="accuracy", accuracy=0.98),
        ExitRateCalibration(kind="exit_rate", exit_rate=0.5),
        CostCalibration(kind="cost", bops=9e6),
    ],
    ids=lambda chosen: chosen.kind,
)
def test_what_it_writes_is_whole_and_follows_from_the_policy(tmp_path, chosen):
    bundle = calibrate(BUNDLE, tmp_path / "bundle", chosen)
    assert load_bundle(tmp_path / "bundle") == bundle
    before, golden = load_bundle(BUNDLE), arrays(tmp_path / "bundle")
    assert bundle.stages == before.stages
    assert bundle.policy.threshold_int != before.policy.threshold_int
    result = run_cascade([golden["scores_0"], golden["scores_1"]], bundle.policy.threshold_int)
    for name in ("prediction", "exit_stage", "margin"):
        np.testing.assert_array_equal(golden[name], getattr(result, name))
        assert golden[name].dtype == arrays(BUNDLE)[name].dtype
    assert bundle.cascade.accuracy.value == np.mean(golden["prediction"] == golden["label"])
    assert bundle.cascade.exit_rate[0] == np.mean(golden["exit_stage"] == 0)
    assert bundle.policy.calibration.n == 300
    # A bundle made from it keeps the path: the validation scores are still there.
    calibrate(tmp_path / "bundle", tmp_path / "again", chosen)
    assert load_bundle(tmp_path / "again").policy == bundle.policy


def test_golden_labels_do_not_reach_the_threshold(tmp_path):
    def wrong(golden):
        golden["label"] = (golden["label"] + 1) % 10

    folder = edited(tmp_path / "wrong", wrong)
    got = calibrate(folder, tmp_path / "bundle", EPS)
    assert got.policy.threshold_int == load_bundle(BUNDLE).policy.threshold_int
    assert got.cascade.accuracy.value < 0.05


def test_golden_scores_do_not_reach_the_threshold(tmp_path):
    def shuffled(golden):
        golden["scores_0"] = golden["scores_0"][::-1]

    folder = edited(tmp_path / "shuffled", shuffled)
    got = calibrate(folder, tmp_path / "bundle", EPS)
    assert got.policy.threshold_int == load_bundle(BUNDLE).policy.threshold_int


def test_a_bound_counts_frames_and_not_their_translations(tmp_path):
    """2,700 translations of 300 frames are not the 2,995 frames that it takes."""
    with pytest.raises(ConfigError, match=r"300 validation frames cannot show it.* takes 2995"):
        calibrate(BUNDLE, tmp_path / "bundle", EpsBoundCalibration(kind="eps_bound", eps=0.001))


@pytest.fixture(scope="module")
def splits():
    return load_data(load(Recipe, MODEL / "recipe.yaml").dataset)


def test_frames_of_a_file_are_scored_as_export_scored_them(tmp_path, splits):
    """The integer networks of the files against Brevitas' scores in the bundle."""
    path = tmp_path / "validation.npz"
    np.savez(path, frames=splits.validation.frames, label=splits.validation.labels)

    def without(golden):
        for name in [name for name in golden if name.startswith("validation")]:
            del golden[name]

    bare = edited(tmp_path / "bare", without)
    with pytest.raises(ConfigError, match=r"no validation scores; give labelled frames.* --frames"):
        calibrate(bare, tmp_path / "none", EPS)
    bundle = calibrate(bare, tmp_path / "bundle", EPS, frames_file=path)
    golden, before = arrays(tmp_path / "bundle"), arrays(BUNDLE)
    for stage in range(2):
        np.testing.assert_array_equal(
            golden[f"validation_scores_{stage}"], before[f"validation_scores_{stage}"][1200:1500]
        )
    assert bundle.policy.calibration.max_shift == 0
    data = ScoredSplit(
        "validation",
        golden["validation_label"],
        (golden["validation_scores_0"], golden["validation_scores_1"]),
    )
    stats = measure(data, bundle.policy.threshold_int)
    assert stats.exit_rate[0] > 0.5
    assert "validation.npz, sha256 " in bundle.provenance["calibration_frames"]


def test_golden_frames_may_not_choose(tmp_path, splits):
    frames = np.concatenate([splits.validation.frames[:20], splits.test.frames[7:9]])
    labels = np.concatenate([splits.validation.labels[:20], splits.test.labels[7:9]])
    path = tmp_path / "mixed.npz"
    np.savez(path, frames=frames, label=labels)
    with pytest.raises(ConfigError, match="2 of its 22 frames, the first at 20, are test frames"):
        calibrate(BUNDLE, tmp_path / "bundle", EPS, frames_file=path)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({}, "holds no labels; add an array 'label'"),
        ({"label": np.full(20, 10)}, "expected labels of 0 … 9, got 10 … 10"),
    ],
)
def test_labels_are_wanted(tmp_path, splits, told, what):
    path = tmp_path / "frames.npz"
    np.savez(path, frames=splits.validation.frames[:20], **told)
    with pytest.raises(ConfigError, match=what):
        calibrate(BUNDLE, tmp_path / "bundle", EPS, frames_file=path)


def test_a_calibration_of_other_frames_is_refused(tmp_path):
    def fewer(golden):
        for name in ("validation_label", "validation_scores_0", "validation_scores_1"):
            golden[name] = golden[name][:2699]

    folder = edited(tmp_path / "fewer", fewer)
    with pytest.raises(ConfigError, match="2699 validation frames, but the calibration tells"):
        calibrate(folder, tmp_path / "bundle", EPS)
