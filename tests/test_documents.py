"""README and model card say what the committed bundle and the demo say, and nothing older."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from hwflow.config.bundle import load_bundle

MODELS = ROOT / "models"
DOCUMENTS = [
    (ROOT / "README.md", "digits_cascade"),
    (MODELS / "digits_cascade" / "card.md", "digits_cascade"),
]


def percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"


def millions(number: float) -> str:
    return f"{number / 1e6:.2f} M"


@pytest.mark.parametrize(("path", "model"), DOCUMENTS, ids=lambda told: str(told)[-25:])
def test_figures_of_the_networks_are_the_committed_bundles(path, model):
    text = path.read_text(encoding="utf-8")
    bundle = load_bundle(MODELS / model / "bundle")
    for stage in bundle.stages:
        assert f"{percent(stage.accuracy.value)} |" in text
        assert f"| {millions(stage.bops)} |" in text
    assert f"| {percent(bundle.cascade.accuracy.value)} |" in text
    assert f"| {millions(bundle.cascade.avg_bops)} (" in text
    assert f"margin ≥ {bundle.policy.threshold_int[0]}" in text
    assert f"{100 * bundle.cascade.exit_rate[0]:.1f} %" in text


# Cycles and counts of integers depend on shapes alone; LUTs depend on the trained weights too,
# which another processor may round differently, so they are not compared here.
@pytest.mark.train
@pytest.mark.finn
@pytest.mark.sim
@pytest.mark.synth
def test_cycles_in_the_readme_are_the_demos(demo_run):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    hardware = demo_run.report["hardware"]
    for stage in hardware["stages"]:
        row = f"{stage['ii_cycles']:,.0f} / {stage['ii_bound_cycles']:,}"
        assert row in text, f"README says nothing of {stage['name']}: II {row}"
    early, late = hardware["latency_by_exit_cycles"]
    assert f"leaves {early:,} cycles after its first byte" in " ".join(text.split())
    assert f"needs stage1 after {late:,}" in " ".join(text.split())


@pytest.mark.train
@pytest.mark.finn
@pytest.mark.sim
@pytest.mark.synth
def test_links_listed_in_the_readme_are_those_compared(demo_run):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in demo_run.report["exactness"]:
        assert f"| {link['link']} | {link['compared']:,} |" in text


def test_no_file_of_a_model_names_a_machine():
    told = [*MODELS.glob("*/*.md"), *MODELS.glob("*/*.json"), *MODELS.glob("*/bundle/*.json")]
    assert len(told) > 6
    for path in told:
        assert str(Path.home()) not in path.read_text(encoding="utf-8"), path


def test_tests_named_in_the_operator_table_exist():
    text = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)::(\w+)`", text))
    assert len(named) > 50
    for file, function in named:
        source = (ROOT / "tests" / "lower" / f"{file}.py").read_text(encoding="utf-8")
        assert f"def {function}(" in source, f"{file}::{function}"
