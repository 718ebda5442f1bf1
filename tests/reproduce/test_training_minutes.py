"""Minutes behind a variant, from the logs of its training."""

from __future__ import annotations

import pytest
from tiny import recipe, stage_data

from hwflow.errors import ConfigError
from hwflow.reproduce.measure import training_minutes

JOINT = {"epochs": 2, "lr": 0.003}
UNTAUGHT = {**JOINT, "distillation": {"weight": 0.0}}


def log(path, *seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["epoch,seconds", *(f"{k},{s}" for k, s in enumerate(seconds))]))


def logs(folder, first, last):
    log(folder / "stage0.csv", 60)
    log(folder / "stage1.csv", 120, 120)
    log(folder / "stage1.start.csv", 120)  # the first row of the other, for others to take
    log(folder / "joint" / "stage0.csv", *first)
    log(folder / "joint" / "stage1.csv", *last)


@pytest.mark.parametrize(
    ("joint", "last", "minutes"),
    [
        pytest.param(JOINT, (600, 600), 5 + 20, id="trained together"),
        pytest.param(JOINT, (300, 300), 5 + 20, id="the teacher taken, and trained again"),
        pytest.param(UNTAUGHT, (600, 600), 5 + 20, id="beside each other"),
        pytest.param(UNTAUGHT, (300, 300), 5 + 20 + 10, id="in two trainings"),
    ],
)
def test_what_was_trained_in_one_run_counts_once(tmp_path, joint, last, minutes):
    logs(tmp_path, (600, 600), last)
    told = recipe(stage_data(), stage_data(name="stage1"), joint=joint)
    assert training_minutes(told, tmp_path) == pytest.approx(minutes)


def test_without_a_log_there_is_no_figure(tmp_path):
    with pytest.raises(ConfigError, match="no log of a training"):
        training_minutes(recipe(stage_data()), tmp_path)
