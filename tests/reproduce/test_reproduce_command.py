"""``hwflow reproduce`` from recipe to card on digits, all as small as can be."""

from __future__ import annotations

import json

import pytest
import yaml
from tiny import stage_data

from hwflow.cli.reproduce import find_model
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle, sha256
from hwflow.errors import ConfigError
from hwflow.reproduce.card import card
from hwflow.reproduce.metrics import METRICS_FILE, Metrics

pytestmark = pytest.mark.train

PRUNING = {"kind": "filters", "sparsity": 0.5, "granule": 4}
RECIPE = {
    "schema_version": 1,
    "name": "tiny",
    "seed": 9,
    "dataset": {"name": "digits", "upscale": 1, "validation": 100, "test": 100},
    "stages": [
        stage_data(training={"epochs": 1, "lr": 0.01}, pruning=PRUNING),
        stage_data(
            name="stage1",
            net={"name": "vgg_tiny", "features": [8, "pool"]},
            weight_bit_width=8,
            act_bit_width=8,
            training={"epochs": 2, "lr": 0.01},
        ),
    ],
    "joint": {"epochs": 2, "pruning_epochs": 1, "lr": 0.003},
    "calibration": {"eps": 0.01},
    "golden_frames": 20,
}
STUDY = {
    "schema_version": 1,
    "seeds": [1, 2],
    "bundle_seed": 2,
    "single_bits": [8, 2],
    "losses": [0.5],
    "budgets": [0.6],
    "goals": [
        {"figure": "mismatches", "at_most": 0},
        {"figure": "pruned.stage0_accuracy", "at_least": 1.1},
        {"figure": "joint.within_0.6_bops_of_unpruned", "at_most": 0.8},
        {"figure": "joint.at_0.5_bops_of_unpruned", "at_most": 2.0},
    ],
}
EXPORTED = ["separate", "joint", "pruned"]
VARIANTS = ["separate", "continued", "joint", "pruned", "pruned_alone", "w2a2"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.fixture(scope="module")
def done(hwflow, model):
    """The command for one seed, then for all of them."""
    out = model.parent / "out"
    line = ("reproduce", model, "--out", out, "--json")
    first = hwflow(*line, "--seeds", "1")
    assert first.code == 0, first.err
    assert not (model / "card.md").exists(), "one of two seeds is not the study"
    assert "**Unfinished:**" in (out / "card.md").read_text()
    second = hwflow(*line)
    assert second.code == 0, second.err
    return second


@pytest.mark.slow
def test_the_model_gets_card_metrics_chart_and_networks(done, model):
    told = load(Metrics, model / METRICS_FILE)
    assert [one.seed for one in told.seeds] == [1, 2]
    assert [each.name for each in told.seeds[0].variants] == VARIANTS
    assert card(told) == (model / "card.md").read_text()
    assert (model / "curve.svg").is_file()
    assert (model / "notes.txt").read_text() == "mine"
    bundle = load_bundle(model / "bundle")
    head = told.bundle.variant("pruned")
    assert (told.bundle.seed, bundle.provenance["seed"]) == (2, "2")
    assert head.threshold == bundle.policy.threshold_int
    assert head.policy["test"].accuracy.value == bundle.cascade.accuracy.value
    assert head.policy["test"].avg_bops.value == bundle.cascade.avg_bops
    assert sorted(path.name for path in model.parent.iterdir()) == ["out", "tiny"]
    assert done.data["seeds"] == [1, 2]
    assert [goal["met"] for goal in done.data["goals"]] == [True, False, True, True]


@pytest.mark.slow
def test_what_was_pruned_is_smaller_and_what_was_not_is_not(done, model):
    one = load(Metrics, model / METRICS_FILE).bundle
    assert one.variant("joint").stages[0].channels == (8, 16, 16, 10)
    assert one.variant("pruned").stages[0].channels == (4, 8, 8, 10)
    assert one.variant("pruned").stages[0].bops < one.variant("joint").stages[0].bops
    assert one.variant("pruned").stages[1].channels == one.variant("joint").stages[1].channels


@pytest.mark.slow
def test_every_network_is_exact_and_has_its_hardware(done, model):
    for one in load(Metrics, model / METRICS_FILE).seeds:
        compared = {v.name: sum(link.compared for link in v.exactness) for v in one.variants}
        assert {name for name, count in compared.items() if count} == {*EXPORTED}
        for variant in one.variants:
            assert sum(link.mismatches for link in variant.exactness) == 0
        assert [each.name for each in one.singles] == ["stage0 alone", "w8a8", "w2a2"]
        fits = [x.hardware for x in (*one.singles, *one.comparisons)]
        assert all(fit.frames_per_s.provenance == "estimated" for fit in fits)
        assert [each.cascade for each in one.comparisons] == ["separate", "joint", "pruned"]


@pytest.mark.slow
def test_a_second_run_does_nothing_again(done, hwflow, model):
    line = ("reproduce", model, "--out", model.parent / "out", "--json")
    plan = json.loads(hwflow(*line, "--dry-run").out)
    assert len(plan["steps"]) == 2 * (2 * len(VARIANTS) + len(EXPORTED) + 1)
    assert all(step["done"] for step in plan["steps"])
    assert plan["told"] == [1, 2]
    before = (model / METRICS_FILE).read_bytes()
    again = hwflow(*line, "--only", "metrics")
    assert again.code == 0, again.err
    assert "done in" not in again.err
    assert (model / METRICS_FILE).read_bytes() == before


@pytest.mark.slow
def test_the_card_alone_is_written_from_the_metrics(done, hwflow, model):
    text = (model / "card.md").read_text()
    (model / "card.md").write_text("edited")
    told = hwflow("reproduce", model, "--only", "card", "--json")
    assert told.code == 0, told.err
    assert (model / "card.md").read_text() == text


def logs(out, seed="seed*"):
    """The logs with their wall times, which no second training has."""
    found = out.glob(f"{seed}/*/train/**/*.csv")
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


def hashes(model):
    return {path.name: sha256(path) for path in (model / "bundle").iterdir()}


@pytest.mark.slow
def test_what_another_machine_trained_is_handed_on(done, hwflow, model, tmp_path):
    """One has trained seed 2, and seed 1 for another to go on from; the card is the same."""
    there, whole = model.parent / "out", load(Metrics, model / METRICS_FILE)
    other = tmp_path / "tiny"
    other.mkdir()
    for name in ("recipe.yaml", "study.yaml"):
        (other / name).write_text((model / name).read_text())
    line = ("reproduce", other, "--json")

    second = hwflow(*line, "--seeds", "2", "--out", tmp_path / "out", "--known", there)
    assert second.code == 0, second.err
    assert "**Unfinished:**" in (other / "card.md").read_text()
    assert logs(tmp_path / "out") == logs(there, "seed2"), "all is known"
    assert hashes(other) == hashes(model)

    kept = hwflow(*line, "--only", "trained", "--out", there, "--seeds", "1")
    assert kept.code == 0, kept.err
    files = [path for path in (other / "trained").rglob("*") if path.is_file()]
    assert kept.data["bytes"] == sum(path.stat().st_size for path in files)
    refused = hwflow(*line, "--only", "trained", "--out", there, "--dry-run")
    assert "--dry-run: --only trained trains nothing" in refused.err
    again = hwflow(*line, "--only", "trained", "--out", tmp_path / "none")
    assert again.data["bytes"] == kept.data["bytes"], "what was there stays"

    first = hwflow(*line, "--seeds", "1", "--out", tmp_path / "first")
    assert first.code == 0, first.err
    assert logs(tmp_path / "first") == logs(there, "seed1"), "all was handed on"
    assert hashes(other) == hashes(model), "seed 1 has joined; the networks are those of seed 2"
    for ours, theirs in zip(load(Metrics, other / METRICS_FILE).seeds, whole.seeds, strict=True):
        for one, two in zip(ours.variants, theirs.variants, strict=True):
            assert one == two
        assert ours == theirs
    assert (other / "card.md").read_text() == (model / "card.md").read_text()
    assert not (other / "trained").exists(), "the study is done"


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_a_goal_of_no_figure_is_refused_before_anything_is_trained(hwflow, tmp_path, dry_run):
    goals = [{"figure": "joint.stage0_acuracy", "at_least": 0.5}]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY | {"goals": goals}))
    told = hwflow("reproduce", tmp_path, "--out", tmp_path / "out", "--json", *dry_run)
    assert told.code == 2
    assert "study.yaml: goals.0: no figure 'joint.stage0_acuracy'" in told.err
    assert "joint.stage0_accuracy" in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("way", ["../{name}", "link", "."])
def test_a_model_is_found_whatever_leads_to_it(model, monkeypatch, way):
    """Its folder is replaced as a whole: what is replaced must be the folder itself."""
    monkeypatch.chdir(model)
    if way == "link":
        (model.parent / "link").symlink_to(model)
        way = str(model.parent / "link")
    try:
        assert find_model(way.format(name=model.name)) == model.resolve()
    finally:
        (model.parent / "link").unlink(missing_ok=True)
    with pytest.raises(ConfigError, match="expected a folder with recipe"):
        find_model("/")


def test_nothing_trained_is_nothing_to_hand_on(hwflow, model, tmp_path):
    told = hwflow("reproduce", model, "--only", "trained", "--out", tmp_path, "--json")
    assert told.code == 2
    assert "nothing of it is trained yet" in told.err
    assert not (model / "trained").exists()


def test_what_is_not_trained_is_not_measured(hwflow, model, tmp_path):
    told = hwflow("reproduce", model, "--only", "metrics", "--out", tmp_path, "--json")
    assert told.code == 2
    assert "seed 1, separate: `train` is not done" in told.err


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["nowhere"], "nowhere: expected a folder with recipe.yaml and study.yaml"),
        (["{model}", "--seeds", "7"], "--seeds: 7 is not one of the study's, [1, 2]"),
        (["{model}", "--known", "{model}"], "no trained stages below it"),
        (["{model}", "--seeds", "a"], "--seeds a: expected numbers"),
        (["{model}", "--only", "card", "--dry-run"], "--dry-run: --only card trains nothing"),
        (["{model}", "--only", "plots"], "--only plots: expected metrics, card or trained"),
    ],
)
def test_what_is_wrong_is_named(hwflow, model, line, named):
    told = hwflow("reproduce", *[each.format(model=model) for each in line], "--json")
    assert told.code == 2
    assert named in " ".join(told.err.split())
