"""Every committed design of a known network: built, and every integer of its RTL compared."""

import time

import pytest
import yaml
from conftest import ROOT

DESIGNS = sorted(
    path.parent.name
    for path in (ROOT / "builds").glob("*/design.yaml")
    if "model" in yaml.safe_load(path.read_text())
)
# Half a minute or less each on two cores; the others need minutes.
SHORT = {"tfc_w1a1", "tfc_w1a2", "tfc_w2a2", "keyword_w4a8"}

pytestmark = [pytest.mark.train, pytest.mark.finn, pytest.mark.sim]


def marked(name):
    return pytest.param(name, marks=() if name in SHORT else pytest.mark.slow)


@pytest.mark.parametrize("name", map(marked, DESIGNS))
def test_rtl_equals_the_golden_integers(hwflow, tmp_path, name):
    design = ROOT / "builds" / name / "design.yaml"
    begin = time.monotonic()
    # By formula: what simulation finds has tests of its own, and takes minutes for large stages.
    fifos = ("--fifos", "formula")
    done = hwflow("build", design, *fifos, "--json", "--out", tmp_path, timeout=600)
    assert done.code == 0, done.err
    # From the example's export over QONNX to the complete folder of RTL.
    assert time.monotonic() - begin <= 60
    done = hwflow("build", design, *fifos, "--verify", "--json", "--out", tmp_path, timeout=3600)
    assert done.code == 0, done.err
    data = done.data
    assert data["rtl_verified"] is True
    assert data["mismatches"] == 0
    assert data["n"] >= 100
    links = {link["link"]: link for link in data["exactness"]}
    (whole,) = (link for name, link in links.items() if name == "golden ↔ stage0 RTL, scores")
    assert whole["compared"] >= 100 * 10
    # With the controller around it, where frames arrive in the frame stream's beats.
    if name in SHORT:
        around = hwflow("simulate", tmp_path / "accelerator", "--json", timeout=600)
        assert around.code == 0, around.err
        cascade = around.data["cascade"]
        assert cascade["ii_cycles"] <= 1.02 * cascade["ii_bound_cycles"]
    stage = data["stages"][0]
    for told in yaml.safe_load(design.read_text()).get("stages", ()):  # else a folding file
        assert stage["ii_bound_cycles"] <= told["target_ii_cycles"]
    row = next(
        line
        for line in (ROOT / "builds" / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| [{name}]")
    )
    # Cycles depend on shapes alone; thresholds of another processor's batch norms do not matter.
    told = (
        f"| {stage['nodes']} | {data['compared']:,} | "
        f"{stage['ii_cycles']:,.0f} / {stage['ii_bound_cycles']:,} |"
    )
    assert told in row


def test_the_networks_of_the_field_are_there():
    assert len(DESIGNS) == 16


@pytest.mark.slow
def test_rtl_of_the_fashion_cascade_equals_its_golden_integers(hwflow, tmp_path):
    bundle = ROOT / "models" / "fashion_cascade" / "bundle"
    design = ROOT / "builds" / "fashion_cascade" / "design.yaml"
    out = tmp_path / "accelerator"
    built = hwflow("build", design, "--bundle", bundle, "--out", out, "--json", timeout=1800)
    assert built.code == 0, built.err
    assert built.data["compared"] == 2 * 500 * 10
    done = hwflow("simulate", out, "--frames", "200", "--json", timeout=3600)
    assert done.code == 0, done.err
    assert (done.data["n"], done.data["mismatches"]) == (200, 0)
    for timing in (*done.data["stages"], done.data["cascade"]):
        assert timing["ii_cycles"] <= 1.02 * timing["ii_bound_cycles"]
