"""The command line of training; what it does is tested in tests/train."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwflow.cli.train import _read
from hwflow.config.training import Precision

DIGITS = Path(__file__).parents[2] / "models" / "digits_cascade" / "recipe.yaml"


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
