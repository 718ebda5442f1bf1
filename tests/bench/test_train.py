"""Figures of the training bench, from given measurements."""

from __future__ import annotations

import re

import pytest

from hwflow.bench.train import accuracy_figure, epochs_of, seconds_to, speed_figures
from hwflow.train.speed import Speeds

SPEEDS = Speeds(
    ours=140.0,
    ours_float32=110.0,
    brevitas=100.0,
    float_=200.0,
    over_brevitas=1.404,
    over_brevitas_float32=1.096,
    over_float=0.7,
)


def test_epochs_count_the_float_ones_before(tmp_path):
    (tmp_path / "stage0.csv").write_text(
        "phase,epoch,seconds,validation_accuracy\n"
        "float,1,10.0,0.9\nw8a8,1,20.5,0.7\nw8a8,2,20.0,0.8\n"
    )
    assert epochs_of(tmp_path) == [(30.5, 0.7), (50.5, 0.8)]


def test_seconds_to_an_accuracy():
    epochs = [(10.0, 0.5), (20.0, 0.8), (30.0, 0.7), (40.0, 0.9)]
    assert seconds_to(epochs, 0.5) == 10
    assert seconds_to(epochs, 0.75) == 20
    assert seconds_to(epochs, 0.8) == 20
    assert seconds_to(epochs, 0.91) is None


def test_speed_figures_name_the_precision_and_have_one_goal():
    goal, equal, over_float = speed_figures("CNV", SPEEDS, "bf16", "batch 8")
    assert "in bf16 against a plain Brevitas loop in float32" in goal.name
    assert (goal.value, goal.goal, goal.holds) == (1.4, "≥ 1.3", True)
    assert "both float32" in equal.name
    assert (equal.value, equal.goal) == (1.1, None)
    assert "in bf16 against the float network" in over_float.name
    assert (over_float.value, over_float.goal) == (0.7, None)
    for told in ("batch 8", "140 in bf16", "110 in float32", "100 of a plain Brevitas loop"):
        assert told in goal.note


@pytest.mark.parametrize(
    ("ours", "value", "holds", "told"),
    [
        ([(30.0, 0.7), (45.0, 0.85)], 0.5, True, "45 s by float start"),
        ([(30.0, 0.7), (46.8, 0.85)], 0.52, False, "47 s by float start"),
        ([(30.0, 0.7), (45.0, 0.799)], 1e9, False, "never by float start and bf16, .* 0.7990"),
    ],
)
def test_time_to_the_best_accuracy_of_plain_training(ours, value, holds, told):
    plain = [(50.0, 0.6), (90.0, 0.8), (120.0, 0.75)]  # the best is not the last
    found = accuracy_figure("CNV", plain, ours, "bf16", "1 thread")
    assert (found.value, found.holds) == (value, holds)
    assert "0.8000 of 5,000 frames, the best epoch's: 90 s in 3 epochs" in found.note
    assert re.search(told, found.note)
