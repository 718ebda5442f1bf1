from __future__ import annotations

import copy
from pathlib import Path

import pytest

from hwflow.config.base import load, parse
from hwflow.config.recipe import Recipe
from hwflow.config.training import FloatStart, RandomStart
from hwflow.errors import ConfigError

VALID = {
    "schema_version": 1,
    "name": "tiny",
    "seed": 3,
    "dataset": {"name": "digits"},
    "stages": [
        {
            "name": "stage0",
            "net": {"name": "vgg_tiny", "features": [8, "pool", 16], "hidden": [32]},
            "weight_bit_width": [1, 1, 2, 8],
            "act_bit_width": 1,
            "training": {"epochs": 1, "lr": 0.01},
        }
    ],
}


def changed(path: str, value: object) -> dict:
    data = copy.deepcopy(VALID)
    *parents, last = path.split(".")
    node = data
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node[key]
    node[last] = value
    return data


def test_defaults_and_per_layer_widths():
    recipe = parse(Recipe, VALID, source="recipe.yaml")
    stage = recipe.stages[0]
    assert stage.weight_bits == (1, 1, 2, 8)
    assert stage.act_bits == (1, 1, 1)
    assert stage.training.start == RandomStart()
    assert recipe.calibration.eps == 0.0


def test_survives_json():
    recipe = parse(Recipe, VALID, source="recipe.yaml")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_start_is_a_tagged_union():
    start = {"kind": "float", "epochs": 2, "lr": 0.1}
    recipe = parse(Recipe, changed("stages.0.training.start", start), source="recipe.yaml")
    assert recipe.stages[0].training.start == FloatStart(kind="float", epochs=2, lr=0.1)
    with pytest.raises(ConfigError, match=r"training\.start\.epochs: does not go with the kind"):
        parse(
            Recipe,
            changed("stages.0.training.start", {"kind": "random", "epochs": 2}),
            source="recipe.yaml",
        )


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("seed", "1", "seed"),
        ("seed", -1, "seed"),
        ("surprise", 1, "surprise"),
        ("name", "Tiny cascade", "name"),
        (
            "dataset.name",
            "imagenette",
            r"dataset\.name: .*expected one of digits, mnist, .*got 'imagenette'",
        ),
        ("dataset.validation", 1500, "validation \\+ test = 1860"),
        ("stages", [], "stages"),
        ("stages.0.training.lr", 0, r"stages\.0\.training\.lr"),
        ("stages.0.training.epochs", 2.5, r"stages\.0\.training\.epochs"),
        ("stages.0.training.epochs", 10**12, r"epochs: .*less than or equal to 10000"),
        ("stages.0.training.batch_size", 10**9, r"batch_size: .*less than or equal to 65536"),
        (
            "stages.0.training.lowering",
            [{"weight_bit_width": 4, "act_bit_width": 4, "epochs": 1, "lr": 0.1}],
            r"lowering\[0\]\.weight_bit_width: 4 bits on the way down to \[1, 1, 2, 8\]; a layer",
        ),
        ("stages.0.net.features", [8, "pol"], r"stages\.0\.net\.features\.1"),
        ("stages.0.weight_bit_width", 9, r"stages\.0\.weight_bit_width"),
        ("stages.0.weight_bit_width", [1, 1], "weight_bit_width has 2 entries.*or a list of 4"),
        ("stages.0.act_bit_width", [1, 1], "act_bit_width has 2 entries.*or a list of 3"),
    ],
)
def test_error_names_file_and_field(path, value, named):
    with pytest.raises(ConfigError, match=named) as caught:
        parse(Recipe, changed(path, value), source="somewhere/recipe.yaml")
    assert "somewhere/recipe.yaml" in str(caught.value)


def test_missing_key_is_named():
    data = copy.deepcopy(VALID)
    del data["stages"][0]["training"]
    with pytest.raises(ConfigError, match=r"stages\.0\.training: Field required"):
        parse(Recipe, data, source="recipe.yaml")


def test_stage_names_must_differ():
    data = copy.deepcopy(VALID)
    data["stages"] = data["stages"] * 2
    with pytest.raises(ConfigError, match="names must differ"):
        parse(Recipe, data, source="recipe.yaml")


def test_committed_recipes_load():
    recipes = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.yaml"))
    assert recipes
    for path in recipes:
        assert load(Recipe, path).name == path.parent.name
