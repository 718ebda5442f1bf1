"""What evaluation tells of the committed cascade, checked against its integers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from score_data import scored

from hwflow.cascade.decision import top2
from hwflow.cascade.interval import wilson
from hwflow.cascade.scores import MARGIN, parse_score
from hwflow.cascade.view import ScoredSplit
from hwflow.config.bundle import load_bundle
from hwflow.config.calibration import AccuracyCalibration, EpsCalibration, ExitRateCalibration
from hwflow.errors import ConfigError
from hwflow.report.evaluate import choice, evaluate
from hwflow.report.evaluation import Evaluation
from hwflow.report.scored import ScoredCascade, ScoredStage, from_bundle

BUNDLE = Path(__file__).parents[2] / "models" / "digits_cascade" / "bundle"


@pytest.fixture(scope="module")
def cascade():
    return from_bundle(BUNDLE)


@pytest.fixture(scope="module")
def told(cascade):
    return evaluate(cascade, "test", resamples=200, seed=3)


@pytest.fixture(scope="module")
def golden():
    with np.load(BUNDLE / "golden.npz") as stored:
        return {name: stored[name] for name in stored.files}


def noisy(*, stages=2, **changes):
    """A cascade of noisy scores on both splits."""
    return dataclasses.replace(
        ScoredCascade(
            name="noisy",
            dataset="noise",
            classes=("a", "b", "c", "d"),
            stages=tuple(ScoredStage(f"s{k}", 10 * 10**k, 0.5) for k in range(stages)),
            splits={
                "validation": scored(1, stages=stages, frames=200),
                "test": scored(2, stages=stages, frames=200, split="test"),
            },
            thresholds=(6,) * (stages - 1),
            calibration=EpsCalibration(eps=0.02),
        ),
        **changes,
    )


def test_the_figures_are_the_bundles(told, golden):
    bundle = load_bundle(BUNDLE)
    assert (told.split, told.n, told.copies) == ("test", 360, 1)
    assert told.cascade.accuracy.value == bundle.cascade.accuracy.value
    assert tuple(rate.value for rate in told.cascade.exit_rate) == bundle.cascade.exit_rate
    assert told.cascade.avg_bops.value == bundle.cascade.avg_bops
    assert told.cascade.worst_bops == sum(stage.bops for stage in bundle.stages)
    assert told.cascade.last_bops == bundle.stages[-1].bops
    assert told.cascade.threshold == tuple(map(float, bundle.policy.threshold_int))
    for stage, written in zip(told.stages, bundle.stages, strict=True):
        assert (stage.name, stage.bops) == (written.name, written.bops)
        assert stage.accuracy.value == written.accuracy.value
        assert stage.accuracy.interval95 == wilson(stage.accuracy.value, 360)


def test_confusion_counts_every_frame_once(told, golden):
    for index, stage in enumerate(told.stages):
        label, _ = top2(golden[f"scores_{index}"])
        for true in range(10):
            for given in range(10):
                count = np.sum((golden["label"] == true) & (label == given))
                assert stage.confusion[true][given] == count
    table = np.array(told.cascade.confusion)
    assert table.sum() == 360
    assert np.trace(table) / 360 == told.cascade.accuracy.value


def test_intervals_hold_the_values(told):
    policy = told.cascade
    for figure in (policy.accuracy, policy.loss, policy.avg_bops, *policy.exit_rate):
        low, high = figure.interval95
        assert low <= figure.value <= high


def test_the_margins_thresholds_are_chosen_anew_as_they_were(told):
    bundle = load_bundle(BUNDLE)
    assert told.thresholds.threshold == tuple(map(float, bundle.policy.threshold_int))
    assert (told.thresholds.n, told.thresholds.copies) == (300, 9)
    (interval,) = told.thresholds.interval95
    assert interval[0] <= bundle.policy.threshold_int[0] <= interval[1]
    margin = next(score for score in told.scores if score.score == "margin")
    assert margin.chosen.accuracy.value == told.cascade.accuracy.value


def test_a_seed_gives_the_same_and_survives_its_json(cascade, told):
    assert evaluate(cascade, "test", resamples=200, seed=3) == told
    other = evaluate(cascade, "test", resamples=200, seed=4)
    assert other.cascade.avg_bops.interval95 != told.cascade.avg_bops.interval95
    text = told.model_dump_json()
    assert Evaluation.model_validate_json(text) == told
    assert "Infinity" not in text
    assert "NaN" not in json.dumps(json.loads(text), allow_nan=False)


def test_test_frames_choose_neither_thresholds_nor_temperatures(cascade):
    """With every test label wrong, all that is chosen stays, and what is measured does not."""
    test = cascade.splits["test"]
    wrong = ScoredSplit("test", (test.labels + 1) % 10, tuple(s[::-1] for s in test.scores))
    changed = dataclasses.replace(cascade, splits={**cascade.splits, "test": wrong})
    before, after = (evaluate(each, "test", resamples=20) for each in (cascade, changed))
    assert after.thresholds == before.thresholds
    for old, new in zip(before.scores, after.scores, strict=True):
        assert new.temperature == old.temperature
        assert new.chosen.threshold == old.chosen.threshold
        assert new.chosen.accuracy.value < old.chosen.accuracy.value


def test_test_frames_are_no_validation_frames_under_that_name(cascade):
    with pytest.raises(ValueError, match="frames of the 'test' split given as 'validation'"):
        dataclasses.replace(cascade, splits={"validation": cascade.splits["test"]})


def test_without_validation_frames_nothing_is_chosen():
    cascade = noisy()
    bare = dataclasses.replace(cascade, splits={"test": cascade.splits["test"]})
    told = evaluate(bare, "test", resamples=20)
    assert told.thresholds is None
    assert all(score.chosen is None for score in told.scores)
    assert all(score.temperature == (1.0, 1.0) for score in told.scores)
    with pytest.raises(
        ConfigError, match="no labelled scores of the validation split; it has test"
    ):
        evaluate(bare, "validation")


def test_without_a_calibration_nothing_is_chosen():
    told = evaluate(noisy(calibration=None), "test", resamples=20)
    assert told.thresholds is None
    assert told.scores[0].chosen is None
    assert told.scores[1].temperature[0] != 1.0


def test_a_score_that_misses_the_goal_keeps_its_curve():
    """The margin tells the frame that stage 0 has right from the other; the entropy does not."""
    early = np.array([[13, 8, 8, 8], [10, 7, -100, -100]])
    late = np.array([[0, 9, 0, 0], [0, 9, 0, 0]])
    splits = {
        split: ScoredSplit(split, np.array([0, 1]), (early, late))
        for split in ("validation", "test")
    }
    goal = AccuracyCalibration(kind="accuracy", accuracy=1.0)
    told = evaluate(noisy(splits=splits, calibration=goal, thresholds=(4,)), "test", resamples=20)
    chosen = {score.score: score.chosen for score in told.scores}
    assert chosen["margin"].accuracy.value == 1.0
    assert chosen["margin"].threshold == (4,)
    assert chosen["neg_entropy"] is None
    curve = next(score.curve for score in told.scores if score.score == "neg_entropy")
    assert max(curve.accuracy) < 1.0 == max(curve.oracle_accuracy)


def test_three_stages():
    cascade = noisy(
        stages=3, calibration=ExitRateCalibration(kind="exit_rate", exit_rate=(0.5, 0.25))
    )
    told = evaluate(cascade, "validation", resamples=20)
    assert told.cascade.worst_bops == 1110
    assert len(told.thresholds.interval95) == 2
    for score in told.scores:
        assert score.chosen.exit_rate[0].value >= 0.5 - 1e-9
        curve = score.curve
        for rates, cost in zip(curve.exit_rate, curve.avg_bops, strict=True):
            expected = 10 + 100 * (1 - rates[0]) + 1000 * rates[2]
            assert cost == pytest.approx(expected)


def test_one_network_has_no_policy():
    told = evaluate(noisy(stages=1), "test", resamples=20)
    assert told.cascade.threshold == ()
    assert told.thresholds is None
    assert told.cascade.accuracy.value == told.stages[0].accuracy.value


def test_what_lets_nothing_leave_is_none_in_json():
    cascade = noisy(calibration=ExitRateCalibration(kind="exit_rate", exit_rate=0.0))
    found = choice(cascade, parse_score("neg_entropy"), resamples=20)
    assert found.threshold == (None,)
    assert found.interval95 == ((None, None),)
    integer = choice(cascade, MARGIN, resamples=20)
    _, margin = top2(cascade.splits["validation"].scores[0])
    assert integer.threshold == (margin.max() + 1,)


def test_few_classes_leave_out_scores_of_more():
    draw = np.random.RandomState(0)
    splits = {}
    for split in ("validation", "test"):
        labels = draw.randint(0, 2, 60)
        scores = tuple(draw.randint(-9, 9, (60, 2)) for _ in range(2))
        splits[split] = ScoredSplit(split, labels, scores)
    told = evaluate(noisy(classes=("a", "b"), splits=splits), "test", resamples=20)
    assert [score.score for score in told.scores][-1] == "gbvsb_1_2"
    with pytest.raises(ConfigError, match="needs 3 classes"):
        evaluate(
            noisy(classes=("a", "b"), splits=splits), "test", scores=(parse_score("gbvsb_1_3"),)
        )
