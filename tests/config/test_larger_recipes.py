"""The recipes that are too large to be trained in a test are at least whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwflow.config.base import load
from hwflow.config.recipe import Recipe
from hwflow.errors import ConfigError

MODELS = Path(__file__).parents[2] / "models"
LARGER = ("cifar10", "cifar100", "tiny_imagenet", "imagenet")


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
