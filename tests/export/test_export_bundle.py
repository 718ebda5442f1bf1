"""The bundle of a tiny cascade, from training to ``bundle.json``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import recipe, stage_data

from hwflow.cascade.calibration import ScoredSplit, thresholds_for
from hwflow.cascade.decision import run_cascade, top2
from hwflow.cascade.goals import LossGoal
from hwflow.config.bundle import load_bundle
from hwflow.config.calibration import EpsCalibration
from hwflow.config.golden import digests, known_digests, scored
from hwflow.data import load
from hwflow.errors import ConfigError, VerificationError
from hwflow.export import bundle as bundle_module
from hwflow.export import export
from hwflow.export.verify import BATCH, QonnxFile
from hwflow.lower.calibrate import calibrate
from hwflow.train import train

pytestmark = pytest.mark.train

STAGES = (
    stage_data(training={"epochs": 2, "lr": 0.02}),
    stage_data(
        name="stage1",
        net={"name": "vgg_tiny", "features": [8, "pool"]},
        weight_bit_width=8,
        act_bit_width=8,
        training={"epochs": 2, "lr": 0.01},
    ),
)
RECIPE = recipe(*STAGES, calibration={"eps": 0.02, "criterion": "losses", "max_shift": 1})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    train(RECIPE, folder)
    return folder


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "bundle"
    steps = []
    bundle = export(RECIPE, trained, folder, progress=lambda *step: steps.append(step))
    return folder, bundle, steps


@pytest.fixture
def golden(exported):
    with np.load(exported[0] / "golden.npz") as arrays:
        return dict(arrays)


def test_files(exported):
    folder, bundle, steps = exported
    assert {path.name for path in folder.iterdir()} == {
        "bundle.json",
        "golden.npz",
        "stage0.onnx",
        "stage1.onnx",
    }
    assert {path.name for path in folder.parent.iterdir()} == {"bundle"}  # no scratch left
    assert load_bundle(folder) == bundle
    assert list(dict.fromkeys(step[0] for step in steps)) == [
        "export stage0",
        "export stage1",
        "calibrate",
    ]
    assert [step for step in steps if step[1] == step[2]] == [
        ("export stage0", 360, 360),
        ("export stage1", 360, 360),
        ("calibrate", 1, 1),
    ]


def test_golden_holds_every_test_frame(golden):
    test = load(RECIPE.dataset).test
    assert np.array_equal(golden["frames"], test.frames)
    assert np.array_equal(golden["label"], test.labels)
    types = {name: (array.dtype.name, array.shape) for name, array in golden.items()}
    assert types == {
        "frames": ("uint8", (360, 8, 8, 1)),
        "label": ("uint8", (360,)),
        "scores_0": ("int32", (360, 10)),
        "scores_1": ("int32", (360, 10)),
        "prediction": ("int32", (360,)),
        "exit_stage": ("int32", (360,)),
        "margin": ("int64", (360,)),
        "validation_label": ("uint8", (2700,)),
        "validation_scores_0": ("int32", (2700, 10)),
        "validation_scores_1": ("int32", (2700, 10)),
    }


def test_golden_results_follow_from_scores_and_policy(exported, golden):
    bundle = exported[1]
    scores = [golden["scores_0"], golden["scores_1"]]
    result = run_cascade(scores, bundle.policy.threshold_int)
    for name in ("prediction", "exit_stage", "margin"):
        assert np.array_equal(golden[name], getattr(result, name))
    assert bundle.cascade.accuracy.value == np.mean(golden["prediction"] == golden["label"])
    assert bundle.cascade.exit_rate[0] == np.mean(golden["exit_stage"] == 0)
    costs = [stage.bops for stage in bundle.stages]
    expected = costs[0] + np.mean(golden["exit_stage"] == 1) * costs[1]
    assert bundle.cascade.avg_bops == pytest.approx(expected)
    for stage, each in zip(bundle.stages, scores, strict=True):
        assert stage.accuracy.value == np.mean(top2(each)[0] == golden["label"])
        assert np.abs(each).max() < 2 ** (stage.score_bits - 1)


@pytest.mark.parametrize("count", [50, 360, 1000])
def test_golden_holds_as_many_frames_as_asked_for(trained, exported, golden, tmp_path, count):
    """The rest is scored too: what the bundle says of the cascade is of the whole split."""
    _, bundle, _ = exported
    asked = export(RECIPE.model_copy(update={"golden_frames": count}), trained, tmp_path / "some")
    for part in ("stages", "policy", "cascade", "exactness"):
        assert getattr(asked, part) == getattr(bundle, part)
    with np.load(tmp_path / "some" / "golden.npz") as stored:
        some = dict(stored)
    carried = np.arange(360) if count >= 360 else np.arange(count) * 360 // count
    for name in ("frames", "label", "scores_0", "scores_1", "prediction", "exit_stage", "margin"):
        assert np.array_equal(some[name], golden[name][carried])
    for split, wanted in (("test", ""), ("validation", "validation_")):
        data = scored(asked, some, split)
        assert np.array_equal(data.labels, golden[f"{wanted}label"])
        for stage in range(2):
            assert np.array_equal(data.scores[stage], golden[f"{wanted}scores_{stage}"])
    assert np.array_equal(known_digests(some), digests(golden["frames"]))
    assert len(set(known_digests(some))) == 360
    assert ("test_label" in some) == (count < 360)


def test_a_test_frame_that_is_not_carried_chooses_no_threshold(trained, golden, tmp_path):
    export(RECIPE.model_copy(update={"golden_frames": 5}), trained, tmp_path / "few")
    path = tmp_path / "frames.npz"
    np.savez(path, frames=golden["frames"][100:102], label=golden["label"][100:102])
    with pytest.raises(ConfigError, match=r"2 of its 2 frames, the first at 0, are test frames"):
        calibrate(tmp_path / "few", tmp_path / "no", EpsCalibration(eps=0.1), frames_file=path)


def test_threshold_follows_from_the_golden_validation_scores(exported, golden):
    data = ScoredSplit(
        "validation",
        golden["validation_label"],
        (golden["validation_scores_0"], golden["validation_scores_1"]),
    )
    assert thresholds_for(data, LossGoal(0.02, "losses")) == exported[1].policy.threshold_int


def test_links_cover_every_frame_without_mismatch(exported):
    links = {link.link: link for link in exported[1].exactness}
    assert list(links) == [
        f"{stage} brevitas-qonnx {what}"
        for stage in ("stage0", "stage1")
        for what in ("activations", "scores")
    ]
    assert all(link.mismatches == 0 and link.ties == 0 for link in links.values())
    assert links["stage0 brevitas-qonnx scores"].compared == 3600
    assert links["stage0 brevitas-qonnx activations"].compared == 360 * (36 * 8 + 16 * 16 + 16)


def test_thresholds_come_from_validation_frames(trained, tmp_path, monkeypatch):
    seen = []

    def spy(data, goal):
        seen.append((data, goal))
        return thresholds_for(data, goal)

    monkeypatch.setattr(bundle_module, "thresholds_for", spy)
    bundle = export(RECIPE, trained, tmp_path / "bundle")
    ((data, goal),) = seen
    validation = load(RECIPE.dataset).validation
    assert data.split == "validation"
    assert np.array_equal(data.labels, np.tile(validation.labels, 9))
    assert data.copies == 9
    assert goal == LossGoal(0.02, "losses")
    calibration = bundle.policy.calibration
    assert (calibration.split, calibration.n, calibration.max_shift) == ("validation", 300, 1)
    assert (calibration.eps, calibration.criterion) == (0.02, "losses")


def test_test_labels_do_not_reach_the_threshold(trained, exported, tmp_path, monkeypatch):
    """With all test labels wrong, accuracy falls to nothing and the thresholds stay."""
    splits = load(RECIPE.dataset)
    splits.test.labels[:] = (splits.test.labels + 1) % 10
    monkeypatch.setattr(bundle_module, "load", lambda *_, **__: splits)
    with pytest.raises(ConfigError, match="expected the splits that it was trained on"):
        export(RECIPE, trained, tmp_path / "bundle")
    monkeypatch.setattr(bundle_module, "check_splits", lambda *_: None)
    bundle = export(RECIPE, trained, tmp_path / "bundle")
    assert bundle.policy == exported[1].policy
    assert bundle.cascade.accuracy.value < exported[1].cascade.accuracy.value


def test_same_bytes_again(trained, exported, tmp_path):
    export(RECIPE, trained, tmp_path / "bundle")
    for path in exported[0].iterdir():
        assert (tmp_path / "bundle" / path.name).read_bytes() == path.read_bytes()


def test_no_path_of_this_machine(trained, exported):
    for path in exported[0].iterdir():
        for place in (trained, exported[0], Path(__file__).parents[2], Path.home()):
            assert str(place).encode() not in path.read_bytes()


def test_replaces_a_bundle_and_leaves_other_files(trained, exported, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(exported[0], folder)
    (folder / "stage0.onnx").write_bytes(b"damaged")
    (folder / "run.json").write_text("{}")
    export(RECIPE, trained, folder)
    assert load_bundle(folder) == exported[1]
    assert (folder / "run.json").read_text() == "{}"


def test_failed_check_leaves_the_old_bundle(trained, exported, tmp_path, monkeypatch):
    folder = tmp_path / "bundle"
    shutil.copytree(exported[0], folder)
    genuine = QonnxFile.trace
    batches = []

    def wrong(self, frames):
        trace = genuine(self, frames)
        batches.append(len(frames))
        if len(batches) == 2:
            trace.scores[17, 3] += 2
        return trace

    monkeypatch.setattr(QonnxFile, "trace", wrong)
    frame = BATCH + 17  # in the second batch
    with pytest.raises(VerificationError, match=rf"qonnx scores.*frame {frame}") as caught:
        export(RECIPE, trained, folder)
    assert caught.value.sample == frame
    assert load_bundle(folder) == exported[1]
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


def test_damaged_bundle_is_named(exported, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(exported[0], folder)
    content = bytearray((folder / "golden.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "golden.npz").write_bytes(content)
    with pytest.raises(ConfigError, match=r"golden\.npz: does not match the hash"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "other",
    [
        recipe(*STAGES, seed=2),
        recipe(STAGES[0]),
        recipe(STAGES[1]),
        recipe(*STAGES, dataset={"name": "digits", "upscale": 1, "split_seed": 3}),
    ],
    ids=["seed", "one stage", "wrong stage", "split"],
)
def test_training_of_another_recipe_is_refused(trained, tmp_path, other):
    if len(other.stages) == 1 and other.stages[0] == RECIPE.stages[0]:
        # The first stage alone is a cascade of one, and its weights are those trained here.
        bundle = export(other, trained, tmp_path / "bundle")
        assert bundle.policy.threshold_int == ()
        assert bundle.cascade.exit_rate == (1.0,)
        return
    with pytest.raises(ConfigError, match="was not trained, or for another recipe"):
        export(other, trained, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_provenance_names_recipe_and_tools(exported):
    provenance = json.loads((exported[0] / "bundle.json").read_text())["provenance"]
    assert provenance["brevitas"] == "0.13.0"
    assert provenance["seed"] == "1"
    assert len(provenance["recipe_sha256"]) == 64
