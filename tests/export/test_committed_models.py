"""Every committed bundle: whole, small, equal to its QONNX files, and as good as promised."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hwflow.cascade.calibration import thresholds_for
from hwflow.cascade.decision import run_cascade, top2
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.golden import digests, known_digests, read_golden, scored
from hwflow.config.recipe import Recipe
from hwflow.data import load as load_data
from hwflow.data import translated
from hwflow.errors import ConfigError
from hwflow.export.verify import QonnxFile
from hwflow.nets.activations import act_scale
from hwflow.reproduce.metrics import METRICS_FILE, Metrics

MODELS = Path(__file__).parents[2] / "models"
BUNDLES = sorted(path.parent for path in MODELS.glob("*/bundle/bundle.json"))
MOST_BYTES = 8 * 2**20


@pytest.fixture(params=BUNDLES, ids=lambda folder: folder.parent.name)
def folder(request):
    return request.param


def test_none_is_missing():
    assert {folder.parent.name for folder in BUNDLES} >= {"digits_cascade", "fashion_cascade"}


def test_made_by_the_recipe_beside_it(folder):
    bundle = load_bundle(folder)
    recipe = load(Recipe, folder.parent / "recipe.yaml")
    canonical = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    assert bundle.provenance["recipe_sha256"] == digest, "train and export again, commit the bundle"
    assert [stage.name for stage in bundle.stages] == [stage.name for stage in recipe.stages]


def test_small_enough_to_commit(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES


def test_golden_is_what_the_files_compute(folder):
    bundle = load_bundle(folder)
    with np.load(folder / "golden.npz") as golden:
        scores = []
        for index, stage in enumerate(bundle.stages):
            file = QonnxFile(
                folder / stage.qonnx,
                act_scales=[act_scale(bits) for bits in stage.act_bit_width[1:]],
                score_scale=stage.score_scale,
            )
            scores.append(file.trace(golden["frames"]).scores)
            np.testing.assert_array_equal(scores[-1], golden[f"scores_{index}"])
        result = run_cascade(scores, bundle.policy.threshold_int)
        for name in ("prediction", "exit_stage", "margin"):
            np.testing.assert_array_equal(getattr(result, name), golden[name])


def test_thresholds_follow_from_the_validation_scores(folder):
    recipe = load(Recipe, folder.parent / "recipe.yaml")
    bundle, golden = load_bundle(folder), read_golden(folder)
    data = scored(bundle, golden, "validation")
    goal = recipe.calibration.goal([stage.bops for stage in bundle.stages])
    thresholds = thresholds_for(data, goal)
    assert thresholds == bundle.policy.threshold_int


def test_scores_are_of_the_whole_test_split(folder):
    bundle = load_bundle(folder)
    test = scored(bundle, read_golden(folder), "test")
    for stage, scores in zip(bundle.stages, test.scores, strict=True):
        assert stage.accuracy.n == len(scores)
        assert stage.accuracy.value == np.mean(top2(scores)[0] == test.labels)
    result = run_cascade(test.scores, bundle.policy.threshold_int)
    assert bundle.cascade.accuracy.n == len(test.labels)
    assert bundle.cascade.accuracy.value == np.mean(result.prediction == test.labels)
    assert bundle.cascade.exit_rate[0] == np.mean(result.exit_stage == 0)


def test_golden_frames_are_of_the_test_split(folder):
    recipe = load(Recipe, folder.parent / "recipe.yaml")
    try:
        splits = load_data(recipe.dataset)
    except ConfigError as error:
        if recipe.dataset.name == "digits":
            raise
        pytest.skip(f"needs the data set's files: {error}")
    golden = read_golden(folder)
    test, count = splits.test, len(golden["frames"])
    carried = np.arange(count) * len(test) // count
    np.testing.assert_array_equal(golden["frames"], test.frames[carried])
    np.testing.assert_array_equal(golden["label"], test.labels[carried])
    np.testing.assert_array_equal(known_digests(golden), digests(test.frames))
    calibration = translated(splits.validation, recipe.calibration.max_shift)
    np.testing.assert_array_equal(golden["validation_label"], calibration.labels)


def test_digits_cascade_keeps_its_promise():
    bundle = load_bundle(MODELS / "digits_cascade" / "bundle")
    first, last = bundle.stages
    assert first.weight_bit_width == (1,) * 5
    assert first.act_bit_width == (8, 1, 1, 1, 1)
    assert set(last.weight_bit_width + last.act_bit_width) == {8}
    assert first.accuracy.value >= 0.94
    assert last.accuracy.value >= 0.985
    assert bundle.cascade.accuracy.value >= last.accuracy.value - 0.003
    assert bundle.cascade.exit_rate[0] >= 0.75
    assert bundle.cascade.avg_bops <= 0.30 * last.bops
    assert bundle.cascade.accuracy.n == 360
    assert all(link.mismatches == 0 for link in bundle.exactness)


def test_fashion_cascade_keeps_its_promise():
    bundle = load_bundle(MODELS / "fashion_cascade" / "bundle")
    first, last = bundle.stages
    assert (set(first.weight_bit_width), set(first.act_bit_width[1:])) == ({1}, {1})
    assert set(last.weight_bit_width + last.act_bit_width) == {8}
    assert min(first.pruned, last.pruned) > 0.1
    assert first.accuracy.value >= 0.900
    unpruned = load(Metrics, MODELS / "fashion_cascade" / METRICS_FILE).bundle.variant("joint")
    whole = unpruned.stages[-1]
    assert whole.accuracy["test"].value >= 0.935
    assert bundle.cascade.accuracy.value >= whole.accuracy["test"].value - 0.003
    assert bundle.cascade.avg_bops <= 0.25 * whole.bops
    assert bundle.cascade.accuracy.n == 10_000
    assert sum(link.compared for link in bundle.exactness) > 10**9
    assert all(link.mismatches == link.ties == 0 for link in bundle.exactness)
