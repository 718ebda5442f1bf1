"""Cards, charts and README say what the committed metrics say, and these what networks say."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

from hwflow.bench.document import replaced
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.reproduce.assemble import to_json
from hwflow.reproduce.card import card
from hwflow.reproduce.curve import draw
from hwflow.reproduce.figure_names import check_goals, figure_names
from hwflow.reproduce.headline import PLACE, read_models, table
from hwflow.reproduce.metrics import METRICS_FILE, Metrics
from hwflow.reproduce.summary import reached, summarise

MODELS = ROOT / "models"
REPRODUCED = sorted(path.parent.name for path in MODELS.glob(f"*/{METRICS_FILE}"))
STUDIED = sorted(path.parent.name for path in MODELS.glob("*/study.yaml"))


@pytest.fixture(params=REPRODUCED)
def model(request):
    folder = MODELS / request.param
    return folder, load(Metrics, folder / METRICS_FILE)


def test_the_readmes_table_is_of_the_metrics():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert replaced(text, PLACE, table(read_models(MODELS)), "README.md") == text


def parts(chart):
    """Return a chart's text without its numbers, and these."""
    number = re.compile(r"-?\d+(?:\.\d+)?")
    chart = re.sub(r"\b[a-z][0-9a-f]{10}\b", "id", chart)  # hashes of coordinates
    return number.sub("", chart), [float(found) for found in number.findall(chart)]


def test_card_and_chart_are_written_from_the_metrics(model):
    folder, metrics = model
    assert (folder / "card.md").read_text(encoding="utf-8") == card(metrics)
    words, places = parts((folder / "curve.svg").read_text(encoding="utf-8"))
    drawn, at = parts(draw(metrics))
    assert words == drawn
    assert places == pytest.approx(at, abs=0.01), "of a pixel: last digits are the processor's"
    assert (folder / METRICS_FILE).read_text(encoding="utf-8") == to_json(metrics)


def test_summary_and_goals_follow_from_the_seeds(model):
    _, metrics = model
    assert metrics.summary == summarise(metrics.seeds)
    goals = reached(metrics.study.goals, metrics.summary, seeds=len(metrics.seeds))
    assert metrics.goals == goals


def test_every_figure_is_one_that_goals_may_name_before_anything_is_trained(model):
    _, metrics = model
    names = figure_names(metrics.recipe, metrics.study)
    assert set(metrics.summary) <= names
    lacking = {name.partition(".")[2] for name in names - set(metrics.summary)}
    assert all("_loss_" in n or "_bops_" in n or "_equal_" in n for n in lacking), "limits not kept"


def test_the_metrics_are_of_recipe_study_and_networks_beside_them(model):
    folder, metrics = model
    assert metrics.recipe == load(Recipe, folder / "recipe.yaml")
    assert metrics.study == load(Study, folder / "study.yaml")
    bundle, head = load_bundle(folder / "bundle"), metrics.bundle.variant(metrics.headline)
    assert str(metrics.study.bundle_seed) == bundle.provenance["seed"]
    assert head.threshold == bundle.policy.threshold_int
    assert head.exactness == bundle.exactness
    assert sum(link.mismatches for link in head.exactness) == 0
    assert bundle.cascade is not None
    assert head.policy["test"].accuracy.value == bundle.cascade.accuracy.value
    for told, stage in zip(head.stages, bundle.stages, strict=True):
        assert (told.bops, told.params) == (stage.bops, stage.params)
        assert told.accuracy["test"].value == stage.accuracy.value


def test_a_study_that_lacks_seeds_says_so_wherever_it_is_told(model):
    folder, metrics = model
    planned, done = metrics.study.seeds, {one.seed for one in metrics.seeds}
    assert done <= set(planned)
    text = (folder / "card.md").read_text(encoding="utf-8")
    assert ("**Unfinished:**" in text) is (done != set(planned))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if f"({PLACE}/{folder.name}/card.md), " in line]
    shown = str(len(done)) if done == set(planned) else f"{len(done)} of {len(planned)}"
    assert len(rows) == len(metrics.bundle.comparisons)
    assert all(row.split(" | ")[1] == shown for row in rows)


@pytest.mark.parametrize("name", STUDIED)
def test_every_study_can_be_read_and_its_goals_are_of_figures(name):
    study = load(Study, MODELS / name / "study.yaml")
    check_goals(load(Recipe, MODELS / name / "recipe.yaml"), study)
