"""Every committed bundle: whole, small, equal to its QONNX files, and as good as promised."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hwflow.cascade.calibration import ScoredSplit, choose_thresholds
from hwflow.cascade.decision import run_cascade
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.recipe import Recipe
from hwflow.data import load as load_data
from hwflow.data import translated
from hwflow.export.verify import QonnxFile, batches
from hwflow.nets.activations import act_scale

MODELS = Path(__file__).parents[2] / "models"
BUNDLES = sorted(path.parent for path in MODELS.glob("*/bundle/bundle.json"))
MOST_BYTES = 2 * 2**20


@pytest.fixture(params=BUNDLES, ids=lambda folder: folder.parent.name)
def folder(request):
    return request.param


def test_there_is_one():
    assert MODELS / "digits_cascade" / "bundle" in BUNDLES


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
            got = [file.trace(batch).scores for _, batch in batches(golden["frames"])]
            scores.append(np.concatenate(got))
            np.testing.assert_array_equal(scores[-1], golden[f"scores_{index}"])
        result = run_cascade(scores, bundle.policy.threshold_int)
        for name in ("prediction", "exit_stage", "margin"):
            np.testing.assert_array_equal(getattr(result, name), golden[name])
        assert bundle.cascade is not None
        assert np.mean(golden["prediction"] == golden["label"]) == bundle.cascade.accuracy.value


def test_golden_frames_are_the_test_split(folder):
    recipe = load(Recipe, folder.parent / "recipe.yaml")
    splits = load_data(recipe.dataset)
    calibration = translated(splits.validation, recipe.calibration.max_shift)
    with np.load(folder / "golden.npz") as golden:
        np.testing.assert_array_equal(golden["frames"], splits.test.frames)
        np.testing.assert_array_equal(golden["label"], splits.test.labels)
        np.testing.assert_array_equal(golden["validation_label"], calibration.labels)
        stages = len(recipe.stages)
        data = ScoredSplit(
            "validation",
            golden["validation_label"],
            tuple(golden[f"validation_scores_{index}"] for index in range(stages)),
        )
    thresholds = choose_thresholds(
        data, eps=recipe.calibration.eps, criterion=recipe.calibration.criterion
    )
    assert thresholds == load_bundle(folder).policy.threshold_int


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
