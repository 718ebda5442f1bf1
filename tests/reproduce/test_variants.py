"""Each variant differs from the recipe in what its name says, and in nothing else."""

from __future__ import annotations

import pytest
from tiny import recipe, stage_data

from hwflow.config.base import parse
from hwflow.config.study import Study
from hwflow.config.train_options import TrainOptions
from hwflow.errors import ConfigError
from hwflow.reproduce.variants import cascades, headline, single_variant, variants
from hwflow.train.key import hashed, joint_inputs, stage_inputs

WIDE = stage_data(name="stage1", weight_bit_width=8, act_bit_width=8)
JOINT = {"epochs": 3, "lr": 0.001, "pruning_epochs": 1, "distillation": {"weight": 0.5}}
PRUNING = {"kind": "filters", "sparsity": 0.5}


def study(**changes):
    data = {"schema_version": 1, "seeds": [4], "bundle_seed": 4, **changes}
    return parse(Study, data, source="test")


def full():
    stages = (stage_data(pruning=PRUNING), {**WIDE, "pruning": PRUNING})
    return recipe(*stages, joint=JOINT)


def by_name(told, **changes):
    return {each.name: each.recipe for each in variants(told, study(**changes), seed=4)}


def test_the_variants_of_a_full_recipe():
    told = full()
    found = by_name(told)
    assert list(found) == [
        *("separate", "continued", "joint", "pruned", "pruned_alone"),
        *("w4a4", "w3a3", "w2a2"),
    ]
    assert all(each.seed == 4 for each in found.values())
    assert found["pruned"] == told.model_copy(update={"seed": 4})
    pruned = {name for name, r in found.items() if any(s.pruning for s in r.stages)}
    assert pruned == {"pruned", "pruned_alone"}
    weights = {name: r.joint and r.joint.distillation.weight for name, r in found.items()}
    taught = {name for name, weight in weights.items() if weight == 0.5}
    assert taught == {"joint", "pruned"}
    assert weights["separate"] is None
    assert {name for name, weight in weights.items() if weight == 0} == {
        *("continued", "pruned_alone", "w4a4", "w3a3", "w2a2")
    }
    epochs = {r.joint.epochs for name, r in found.items() if name != "separate"}
    assert epochs == {3}, "one budget for all"


def test_single_networks_differ_in_the_bits_of_the_last_stage():
    found = by_name(full())
    for bits in (4, 3, 2):
        first, last = found[f"w{bits}a{bits}"].stages
        assert first == found["continued"].stages[0]
        assert {*last.weight_bits, *last.act_bits} == {bits}
        whole = found["continued"].stages[1]
        assert last.at_bits(8, 8) == whole
    assert single_variant(full(), 8) == "continued"
    assert single_variant(full(), 4) == "w4a4"


def test_a_cascade_with_one_more_stage_shares_what_it_can():
    stages = full().model_dump(mode="json")["stages"]
    told = recipe(*stages, joint=JOINT | {"lr": [0.003, 0.001]})
    found = by_name(told, between_bits=[4])
    through = found["through_w4a4"]
    assert [stage.name for stage in through.stages] == ["stage0", "w4a4", "stage1"]
    assert cascades(told, study(between_bits=[4])) == (
        "separate",
        "joint",
        "pruned",
        "through_w4a4",
    )
    assert through.joint.lr == (0.003, 0.001, 0.001)
    assert through.joint.distillation == told.joint.distillation
    options = TrainOptions(threads=1)

    def keys(name, inputs):
        told = found[name]
        return [hashed(inputs(told, n, options, splits=None)) for n in range(len(told.stages))]

    first, between, last = keys("through_w4a4", stage_inputs)
    assert [first, last] == keys("joint", stage_inputs)
    assert between == keys("w4a4", stage_inputs)[1]
    first, between, last = keys("through_w4a4", joint_inputs)
    assert [first, last] == keys("joint", joint_inputs)
    assert between not in keys("w4a4", joint_inputs), "nobody teaches there"
    alone = by_name(recipe(stage_data(), WIDE), between_bits=[4])["through_w4a4"]
    assert alone.joint is None


def test_a_recipe_without_joint_training_has_no_variants_of_it():
    plain = recipe(stage_data(), WIDE)
    assert list(by_name(plain, single_bits=[8, 2])) == ["separate", "w2a2"]
    mixed = recipe(stage_data(), {**WIDE, "act_bit_width": 4})
    assert list(by_name(mixed, single_bits=[2])) == ["separate", "w2a2"]
    assert (headline(plain), cascades(plain, study())) == ("separate", ("separate",))
    assert single_variant(plain, 8) == "separate"


@pytest.mark.parametrize(
    ("stages", "changes", "named"),
    [
        ((WIDE,), {}, "one stage is no cascade"),
        ((stage_data(), WIDE), {"single_bits": [4]}, r"single_bits: \[4\] leave out 8"),
        ((stage_data(), WIDE), {"between_bits": [4, 8]}, "between_bits: 8 are those of the last"),
        ((stage_data(name="all"), WIDE), {}, r"stages\.0\.name: all is a row of the card"),
        ((stage_data(), {**WIDE, "name": "around"}), {}, r"stages\.1\.name: around is a row"),
    ],
)
def test_what_makes_no_comparison_is_refused(stages, changes, named):
    with pytest.raises(ConfigError, match=named):
        variants(recipe(*stages), study(**changes), seed=4)


def test_without_pruning_the_joint_one_stands_for_the_model():
    told = recipe(stage_data(), WIDE, joint=JOINT | {"pruning_epochs": 0})
    assert list(by_name(told, single_bits=[8])) == ["separate", "continued", "joint"]
    assert (headline(told), cascades(told, study())) == ("joint", ("separate", "joint"))
    assert (headline(full()), cascades(full(), study())) == (
        "pruned",
        ("separate", "joint", "pruned"),
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"bundle_seed": 5}, "bundle_seed = 5"),
        ({"seeds": [4, 4]}, "seeds: each once"),
        ({"single_bits": [2, 2]}, "single_bits: each once"),
        ({"goals": [{"figure": "x"}]}, "one of at_least and at_most"),
        ({"goals": [{"figure": "x", "at_least": 1, "at_most": 2}]}, "one of at_least"),
        ({"losses": [0.1], "goals": [{"figure": "j.at_0.2_x", "at_most": 1}]}, r"0\.2 is not one"),
        (
            {"budgets": [0.1], "goals": [{"figure": "j.within_0.2_x", "at_most": 1}]},
            r"0\.2 is not one of budgets",
        ),
        ({"losses": [1.0]}, "losses"),
        ({"budgets": [0.0]}, "budgets"),
        ({"seeds": []}, "seeds"),
        ({"board": "zcu102"}, "board"),
        ({"single_bits": [9]}, "single_bits"),
    ],
)
def test_a_study_that_says_nonsense_is_refused(changes, named):
    with pytest.raises(ConfigError, match=named):
        study(**changes)
