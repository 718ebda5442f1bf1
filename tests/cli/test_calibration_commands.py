"""``hwflow evaluate`` and ``hwflow calibrate``: what they print, write and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import recipe, stage_data

from hwflow.cli import app
from hwflow.cli.calibrate import Target
from hwflow.config.bundle import load_bundle
from hwflow.errors import ConfigError

BUNDLE = Path(__file__).parents[2] / "models" / "digits_cascade" / "bundle"


@pytest.fixture
def run(capfd):
    """Run ``hwflow`` in this process; return (exit code, stdout, stderr)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            app.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return caught.value.code, out, err

    return call


def test_evaluate_prints_one_object(run):
    code, out, err = run("evaluate", BUNDLE, "--json", "--resamples", 20)
    assert code == 0, err
    told = json.loads(out)
    assert (told["command"], told["split"], told["n"]) == ("evaluate", "test", 360)
    assert told["cascade"]["accuracy"]["value"] == load_bundle(BUNDLE).cascade.accuracy.value
    assert np.array(told["cascade"]["confusion"]).shape == (10, 10)
    names = [score["score"] for score in told["scores"]]
    assert names == ["margin", "max_softmax", "neg_entropy", "gbvsb_1_2", "gbvsb_1_3"]


def test_evaluate_shows_the_worst_case_beside_the_average(run):
    code, out, err = run("evaluate", BUNDLE, "--split", "validation", "--resamples", 20)
    assert code == 0, err
    assert "300 validation frames of digits, each in 9 translations" in out
    assert "107.5% at worst" in out
    assert "chosen again on bootstrap draws of the 300 validation frames" in out
    assert "idle" not in out


def test_a_stage_that_no_frame_needs_is_told(run, tmp_path):
    code, _, err = run("calibrate", BUNDLE, "--target-exit-rate", 1.0, "--out", tmp_path / "b")
    assert code == 0, err
    _, out, _ = run("evaluate", tmp_path / "b", "--resamples", 20)
    assert "no frame leaves at stage1" in out


def test_nothing_lost_is_no_loss(run, tmp_path):
    code, _, err = run("calibrate", BUNDLE, "--target-exit-rate", 0.0, "--out", tmp_path / "b")
    assert code == 0, err
    _, out, _ = run("evaluate", tmp_path / "b", "--resamples", 20)
    assert "accuracy +0.00 points against the last stage (+0.00 to +0.00)" in " ".join(out.split())


def test_only_the_scores_asked_for(run):
    code, out, _ = run("evaluate", BUNDLE, "--json", "--resamples", 20, "--score", "gbvsb_2_4")
    assert code == 0
    assert [score["score"] for score in json.loads(out)["scores"]] == ["gbvsb_2_4"]


def test_calibrate_writes_a_bundle_once(run, tmp_path):
    arguments = ("calibrate", BUNDLE, "--target-exit-rate", 0.5, "--out", tmp_path / "b", "--json")
    code, out, err = run(*arguments, "--dry-run")
    assert code == 0, err
    assert json.loads(out)["action"] == "run"
    assert not (tmp_path / "b").exists()
    code, out, err = run(*arguments)
    assert code == 0, err
    told = json.loads(out)
    bundle = load_bundle(tmp_path / "b")
    assert told["threshold_int"] == list(bundle.policy.threshold_int)
    assert told["validation"]["cascade"]["exit_rate"][0]["value"] >= 0.5
    assert told["test"]["cascade"]["accuracy"]["value"] == bundle.cascade.accuracy.value
    assert told["validation"]["thresholds"]["interval95"][0]
    code, out, _ = run(*arguments)
    assert json.loads(out)["reused"] is True
    code, out, _ = run("evaluate", tmp_path / "b", "--json", "--resamples", 20)
    assert json.loads(out)["cascade"]["threshold"] == told["threshold_int"]


def test_another_score_is_told_and_not_written(run, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(BUNDLE, folder)
    code, out, err = run(
        "calibrate", folder, "--eps", 0.001, "--criterion", "losses", "--score", "neg_entropy",
        "--json",
    )  # fmt: skip
    assert code == 0, err
    told = json.loads(out)
    assert told["out"] is None
    assert [score["score"] for score in told["scores"]] == ["margin", "neg_entropy"]
    assert told["scores"][0]["thresholds"]["threshold"] == [29.0]
    assert told["scores"][1]["validation"]["accuracy"]["value"] > 0.9
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evaluate", BUNDLE, "--split", "train"], "--split train: expected test or validation"),
        (["evaluate", BUNDLE, "--score", "best"], "score 'best': expected margin"),
        (["evaluate", BUNDLE, "--set", "seed=1"], "a bundle's thresholds stand"),
        (["evaluate", "."], "neither a bundle"),
        (["calibrate", "."], "no target"),
        (["calibrate", ".", "--eps", "0.1"], "not a model bundle"),
        (["calibrate", BUNDLE, "--eps", "2"], "--eps:"),
        (["calibrate", BUNDLE, "--target-bops", "9"], "stage 0 alone, which every frame passes"),
        (["calibrate", BUNDLE, "--target-accuracy", "1"], "the most accurate ones reach 0.98"),
        (["calibrate", BUNDLE, "--target-exit-rate", "0.1,0.2"], "exit_rate has 2 entries"),
        (["calibrate", BUNDLE, "--eps", "0.001", "--confidence", "0.95"], "it takes 2995"),
        (
            ["calibrate", BUNDLE, "--eps", "0.1", "--score", "max_softmax", "--dry-run"],
            "the hardware decides by the margin",
        ),
    ],
)
def test_a_mistake_is_told_and_leaves_nothing(run, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    out = ["--out", tmp_path / "b"] if arguments[0] == "calibrate" else []
    code, text, err = run(*arguments, *(out if "--score" not in arguments else []), "--json")
    assert code == 2
    assert told in json.loads(text)["error"]["message"]
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target(), "no target: give one of --eps, --target-accuracy, --target-exit-rate"),
        (Target(eps=0.1, bops=3.0), "--eps and --target-bops exclude each other"),
        (Target(bops=3.0, confidence=0.9), "--confidence belongs to --eps"),
        (Target(accuracy=0.9, criterion="losses"), "--criterion belongs to --eps"),
        (Target(eps=0.1, criterion="losses", confidence=0.9), "leave --criterion out"),
        (Target(eps=0.1, criterion="nothing"), "criterion: Input should be 'accuracy' or 'losses'"),
        (Target(eps=0.1, confidence=1.5), "confidence: Input should be less than 1"),
        (Target(exit_rate="half"), "--target-exit-rate half: expected a number"),
        (Target(accuracy=98.0), "accuracy: Input should be less than or equal to 1"),
    ],
)
def test_one_target_within_its_range(target, told):
    with pytest.raises(ConfigError, match=told):
        target.chosen()


@pytest.mark.train
def test_a_training_evaluates_as_its_bundle_does(run, tmp_path):
    """Brevitas' integers and the thresholds that they choose, against those of the export."""
    stages = (
        stage_data(training={"epochs": 2, "lr": 0.02}),
        stage_data(name="stage1", weight_bit_width=8, act_bit_width=8),
    )
    told = recipe(*stages, calibration={"eps": 0.02, "criterion": "losses", "max_shift": 1})
    path = tmp_path / "recipe.yaml"
    path.write_text(told.model_dump_json())  # JSON is YAML
    assert run("train", path, "--out", tmp_path / "train", "--json")[0] == 0
    assert run("export", tmp_path / "train", "--json")[0] == 0
    both = [
        run("evaluate", tmp_path / name, "--json", "--resamples", 20)
        for name in ("train", "bundle")
    ]
    assert [code for code, *_ in both] == [0, 0], both
    trained, exported = (json.loads(out) for _, out, _ in both)
    for key in ("n", "copies", "stages", "cascade", "thresholds", "scores", "classes"):
        assert trained[key] == exported[key], key
    code, out, _ = run(
        "evaluate", tmp_path / "train", "--set", "calibration.eps=0.3", "--json", "--resamples", 20
    )
    assert code == 0
    assert json.loads(out)["cascade"]["threshold"] < exported["cascade"]["threshold"]
