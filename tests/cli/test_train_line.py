"""The command line of training; what it does is tested in tests/train."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT

from hwflow.cli.train import _read
from hwflow.config.base import load
from hwflow.config.training import Precision
from hwflow.reproduce.metrics import METRICS_FILE, Metrics

DIGITS = ROOT / "models" / "digits_cascade" / "recipe.yaml"


def test_precision_is_that_of_every_stage_and_is_in_the_recipe():
    told = _read(DIGITS, seed=3, precision=Precision.BF16, overrides=("name=other",))
    assert [stage.training.precision for stage in told.stages] == [Precision.BF16] * 2
    assert (told.seed, told.name) == (3, "other")
    dumped = json.loads(told.model_dump_json())
    assert [stage["training"]["precision"] for stage in dumped["stages"]] == ["bf16"] * 2
    plain = _read(DIGITS, seed=None, precision=None, overrides=())
    assert [stage.training.precision for stage in plain.stages] == [Precision.FLOAT32] * 2


def test_a_dry_run_builds_the_networks(hwflow):
    bad = ["--set", "stages.1.net.features=[8,8,8,8,8,8,8,8]"]
    done = hwflow("train", DIGITS, *bad, "--json", "--dry-run")
    assert done.code == 2
    assert "stage 'stage1'" in done.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--device", "tpu"], "tpu"),
        (["--devices", "0"], "devices"),
        (["--precision", "fp8"], "fp8"),
        (["--checkpoint-seconds", "-1"], "checkpoint"),
    ],
)
def test_wrong_option_is_named(hwflow, options, named):
    done = hwflow("train", DIGITS, *options, "--json", "--dry-run")
    assert done.code == 2
    assert named in done.err


def test_what_to_expect_in_hardware_needs_no_training(hwflow, tmp_path):
    line = ("train", DIGITS, "--dry-run", "--target-ii", 4800, "--out", tmp_path / "train")
    done = hwflow(*line, "--json")
    found = json.loads(done.out)["expected"]
    assert (found["target_ii_cycles"], found["provenance"]) == (4800, "estimated")
    assert [stage["name"] for stage in found["stages"]] == ["stage0", "stage1"]
    for stage in found["stages"]:
        assert stage["cycles"] == max(layer["cycles"] for layer in stage["layers"]) <= 4800
        assert min(stage[name] for name in ("params", "macs", "bops", "lut", "ff")) > 0
    binary, wide = found["stages"]
    assert binary["weight_bits"] == binary["params"]
    assert wide["weight_bits"] == 8 * wide["params"]
    assert not (tmp_path / "train").exists()
    assert f"{binary['lut']:,}" in hwflow(*line).out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--target-ii", "4800"], "add --dry-run"),
        (
            ["--target-ii", "20", "--dry-run"],
            "--target-ii 20: stage stage0: layer conv0: no folding",
        ),
    ],
)
def test_what_cannot_be_expected_is_told(hwflow, options, told):
    done = hwflow("train", DIGITS, *options)
    assert done.code == 2
    assert told in " ".join(done.err.split())


def test_what_to_expect_of_a_published_set_needs_no_files(hwflow, tmp_path):
    fashion = ROOT / "models" / "fashion_cascade" / "recipe.yaml"
    line = ("train", fashion, "--dry-run", "--target-ii", 65536, "--data", tmp_path, "--json")
    done = hwflow(*line, "--out", tmp_path / "train")
    assert done.code == 0, done.err
    first, last = json.loads(done.out)["expected"]["stages"]
    metrics = load(Metrics, ROOT / "models" / "fashion_cascade" / METRICS_FILE)
    unpruned = metrics.bundle.variant("joint").stages
    assert [first["macs"], last["macs"]] == [stage.macs for stage in unpruned]
