"""docs/training.md: its recipe is one, its tables are those of the code."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import yaml
from conftest import ROOT

from hwflow.config.base import parse
from hwflow.config.joint import Joint
from hwflow.config.network import ActQuantiser, WeightQuantiser
from hwflow.config.pruning import FilterPruning, WeightPruning
from hwflow.config.recipe import Recipe, StageRecipe
from hwflow.config.training import Training
from hwflow.cost import total
from hwflow.nets import build

PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"\| `(\w+)`(?:, `stem: (\w+)`)? \| (\d+)×(\d+)×(\d+) \| ([\d,]+) \| ([\d.]+) M \|"
)


def test_the_recipe_is_one_and_its_networks_fit_its_frames():
    told = re.search(r"```yaml\n(schema_version.*?)```", PAGE, flags=re.DOTALL)
    assert told is not None
    recipe = parse(Recipe, yaml.safe_load(told[1]), source="docs/training.md")
    for stage in recipe.stages:
        build(stage, (32, 32, 1), 10)


@pytest.mark.parametrize("row", ROW.findall(PAGE), ids=lambda row: row[0])
def test_weights_and_macs_of_a_network_are_those_in_the_table(row):
    name, stem, height, width, channels, weights, macs = row
    stage = {
        "name": "stage0",
        "net": {"name": name, **({"stem": stem} if stem else {})},
        "weight_bit_width": 1,
        "act_bit_width": 1,
        "training": {"epochs": 1, "lr": 0.1},
    }
    recipe = parse(StageRecipe, stage, source="test")
    cost = total(build(recipe, (int(height), int(width), int(channels)), 10).costs())
    assert (f"{cost.params:,}", f"{cost.macs / 1e6:.2f}") == (weights, macs)


def test_the_table_of_networks_was_found():
    assert len(ROW.findall(PAGE)) == 9


def test_the_joint_part_is_one():
    block = re.search(r"```yaml\n(stages:.*?joint:.*?)```", PAGE, re.DOTALL)
    assert block is not None
    told = yaml.safe_load(block[1])
    joint = parse(Joint, told["joint"], source="page")
    assert len(joint.rates(2)) == len(told["stages"]) == 2
    for stage in told["stages"]:
        parse(FilterPruning, stage["pruning"], source="page")


def test_every_field_and_quantiser_is_named():
    names = {*Training.model_fields}
    for kinds in (WeightQuantiser, ActQuantiser):
        for kind in get_args(kinds):
            names |= {kind} if isinstance(kind, str) else set(get_args(kind))
    for name in names:
        assert f"`{name}`" in PAGE, name
    for name in {*Joint.model_fields, *FilterPruning.model_fields, *WeightPruning.model_fields}:
        assert f"`{name}" in PAGE or f"{name}:" in PAGE, name
