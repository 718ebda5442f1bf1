"""The calibration part of a recipe: one kind each, old recipes unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.cascade.goals import (
    AccuracyGoal,
    BoundedLossGoal,
    CostGoal,
    ExitRateGoal,
    LossGoal,
)
from hwflow.config.base import parse
from hwflow.config.bundle import record, recorded
from hwflow.config.calibration import CalibrationChoice
from hwflow.config.golden import label_dtype
from hwflow.errors import ConfigError

BOPS = [10, 100]


def choice(**told):
    return parse(CalibrationChoice, {"calibration": told}, source="recipe.yaml").calibration


@pytest.mark.parametrize(
    ("told", "goal", "shift"),
    [
        ({}, LossGoal(0.0, "accuracy"), 0),
        ({"eps": 0.01, "criterion": "losses", "max_shift": 1}, LossGoal(0.01, "losses"), 1),
        ({"kind": "eps", "eps": 0.01}, LossGoal(0.01, "accuracy"), 0),
        ({"kind": "eps_bound", "eps": 0.01}, BoundedLossGoal(0.01, 0.95), 0),
        ({"kind": "accuracy", "accuracy": 0.9, "max_shift": 2}, AccuracyGoal(0.9), 2),
        ({"kind": "exit_rate", "exit_rate": 0.8}, ExitRateGoal(0.8), 0),
        ({"kind": "exit_rate", "exit_rate": [0.8, 0.5]}, ExitRateGoal((0.8, 0.5)), 0),
        ({"kind": "cost", "bops": 50}, CostGoal(50.0, (10, 100)), 0),
    ],
)
def test_each_kind_has_its_goal_and_is_recorded(told, goal, shift):
    chosen = choice(**told)
    assert chosen.goal(BOPS) == goal
    assert chosen.shift == shift
    assert choice(**chosen.model_dump(mode="json")) == chosen
    kept = record(chosen, n=300)
    assert (kept.split, kept.n, kept.max_shift) == ("validation", 300, shift)
    assert recorded(kept) == chosen
    assert recorded(type(kept).model_validate_json(kept.model_dump_json())) == chosen


def test_what_there_was_before_the_kinds_dumps_as_it_did():
    chosen = choice(score="margin", eps=0.001, criterion="losses", max_shift=1)
    assert chosen.model_dump(mode="json") == {
        "score": "margin",
        "eps": 0.001,
        "criterion": "losses",
        "max_shift": 1,
    }
    assert list(record(chosen, n=300).model_dump()) == [
        "split",
        "n",
        "max_shift",
        "eps",
        "criterion",
    ]


def test_labels_of_many_classes_do_not_wrap():
    for classes in (2, 256, 257, 1000):
        assert np.iinfo(label_dtype(classes)).max >= classes - 1
    assert label_dtype(10) is np.uint8  # as in bundles made before


@pytest.mark.parametrize(
    ("told", "field", "what"),
    [
        ({"eps": 1.0}, "eps", "less than 1"),
        ({"eps": -0.1}, "eps", "greater than or equal to 0"),
        ({"kind": "eps_bound", "eps": 0.0}, "eps", "greater than 0"),
        ({"kind": "eps_bound", "eps": 0.1, "confidence": 1.0}, "confidence", "less than 1"),
        (
            {"kind": "eps_bound", "eps": 0.1, "max_shift": 1},
            "max_shift",
            "does not go with the kind",
        ),
        ({"kind": "accuracy"}, "accuracy", "required"),
        ({"kind": "accuracy", "accuracy": 99}, "accuracy", "less than or equal to 1"),
        ({"kind": "exit_rate", "exit_rate": []}, "exit_rate", "at least 1 item"),
        ({"kind": "exit_rate", "exit_rate": [0.5, 2]}, "exit_rate", "less than or equal to 1"),
        ({"kind": "cost", "bops": 0}, "bops", "greater than 0"),
        ({"kind": "cost", "bops": 5, "eps": 0.1}, "eps", "does not go with the kind"),
        (
            {"kind": "best"},
            "kind",
            "expected one of eps, eps_bound, accuracy, exit_rate, cost, got 'best'",
        ),
        ({"kind": ["eps"]}, "kind", "expected one of eps, "),
        ({"score": "max_softmax"}, "score", "margin"),
    ],
)
def test_a_mistake_names_its_field(told, field, what):
    with pytest.raises(ConfigError, match=rf"recipe.yaml:\n(.*\n)*  calibration.*{field}.*{what}"):
        choice(**told)
