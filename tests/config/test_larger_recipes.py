"""The recipes of larger sets are whole; tests/train/test_larger_recipes_run.py runs them, small."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwflow.config.base import load
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.errors import ConfigError

MODELS = Path(__file__).parents[2] / "models"
LARGER = ("cifar10", "cifar100", "tiny_imagenet", "imagenet")

# Seconds of an epoch of 45,000 CIFAR-10 frames on two cores, of each stage.
CIFAR10_EPOCH_S = (80, 70)
CIFAR10_PLAN_MIN = 130


@pytest.mark.parametrize("name", LARGER)
def test_names_itself_and_trains_jointly(name):
    recipe = load(Recipe, MODELS / f"{name}_cascade" / "recipe.yaml")
    assert recipe.name == f"{name}_cascade"
    assert recipe.dataset.name == name
    assert recipe.joint is not None
    assert [stage.weight_bits[1] for stage in recipe.stages] == [1, 8]


@pytest.mark.parametrize("name", LARGER)
def test_asked_for_the_impossible_names_the_field(name):
    overrides = ("stages.0.training.max_shift=9",)
    with pytest.raises(ConfigError, match=r"stages\.0\.training\.max_shift"):
        load(Recipe, MODELS / f"{name}_cascade" / "recipe.yaml", overrides=overrides)


def test_cifar10_is_planned_to_end_in_time():
    recipe = load(Recipe, MODELS / "cifar10_cascade" / "recipe.yaml")
    seconds = recipe.joint.epochs * sum(CIFAR10_EPOCH_S)
    for stage, each in zip(recipe.stages, CIFAR10_EPOCH_S, strict=True):
        seconds += (stage.training.start.epochs + stage.training.epochs) * each
    text = (MODELS / "cifar10_cascade" / "recipe.yaml").read_text(encoding="utf-8")
    assert f"= {seconds:,} s, {seconds / 60:.0f} minutes" in text
    assert seconds / 60 <= CIFAR10_PLAN_MIN


def test_cifar10_is_held_against_what_was_to_be_reached():
    study = load(Study, MODELS / "cifar10_cascade" / "study.yaml")
    goals = {goal.figure: (goal.at_least, goal.at_most) for goal in study.goals}
    assert goals == {
        "joint.stage0_accuracy": (0.74, None),
        "joint.last_accuracy": (0.885, None),
        "joint.within_0.5_loss_of_unpruned": (None, 0.002),
        "joint.within_0.5_bops_of_unpruned": (None, 0.5),
        "pruned.minutes": (None, 150),
        "mismatches": (None, 0),
    }
    assert study.single_bits == (8, 4, 3, 2)
