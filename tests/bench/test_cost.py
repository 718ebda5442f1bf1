"""The recorded runs are of today's RTL, and whole designs cost what is estimated."""

from __future__ import annotations

import json

import pytest

from hwflow.bench.cost import GOALS, fit_figures, holdout_figures, refit
from hwflow.bench.cost_holdout import Amounts, Holdout, Node, holdout, read_holdouts, write_holdouts
from hwflow.bench.cost_holdout import _part as part
from hwflow.bench.cost_runs import make_runs
from hwflow.bench.cost_samples import KINDS, draw
from hwflow.cost.model import COEFFICIENTS_FILE, fits
from hwflow.cost.runs import RUNS_FILE, load_runs

RUNS = {run.rtl: run for run in load_runs()}


def amounts(lut, dsp=0.0, bram36=0.0):
    return Amounts(lut=lut, lutram=0, ff=lut, dsp=dsp, bram36=bram36)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_different_and_the_same_each_time(kind):
    one, again = draw(kind, 6, 3), draw(kind, 4, 3)
    assert [str(sample.attributes) for sample in one[:4]] == [str(s.attributes) for s in again]
    assert len({f"{sample.op} {sample.attributes}" for sample in one}) == 6
    other = draw(kind, 6, 4)
    assert [str(s.attributes) for s in one] != [str(s.attributes) for s in other]


@pytest.mark.synth
@pytest.mark.finn
def test_runs_made_anew_are_the_recorded_ones(tmp_path):
    """By the hash of their RTL, and by what yosys says: one of ours, one of FINN's, a FIFO."""
    counts = {"pad": 1, "converter": 1, "fifo": 1}
    made = make_runs(tmp_path / "runs.json", kinds=tuple(counts), counts=counts)
    assert len(made) == 3
    for run in made:
        assert RUNS[run.rtl] == run
    # Nothing is synthesised twice.
    assert make_runs(tmp_path / "runs.json", kinds=tuple(counts), counts=counts) == made


def test_refit_writes_the_committed_coefficients(tmp_path):
    refit(RUNS_FILE, tmp_path / "coefficients.json")
    assert json.loads((tmp_path / "coefficients.json").read_text()) == json.loads(
        COEFFICIENTS_FILE.read_text()
    )


def test_figures_tell_every_kind():
    assert len(fit_figures(fits())) == len(fits())


def test_errors_are_relative_to_what_was_synthesised(tmp_path):
    nodes = [
        Node(name="a", op="X", estimated=amounts(110, 10), synthesised=amounts(100, 10)),
        Node(name="b", op="X", estimated=amounts(90), synthesised=amounts(100)),
        Node(name="c", op="X", estimated=amounts(220), synthesised=amounts(200)),
    ]
    one = Holdout(design="d", tool="yosys", parts=(part("stage0", nodes),))
    assert one.parts[0].error == {"lut": 0.05, "ff": 0.05, "dsp": 0.0}  # no block RAM to compare
    figures = {figure.name: figure for figure in holdout_figures([one])}
    assert figures["worst stage, LUT estimated against synthesised"].holds
    write_holdouts(tmp_path / "h.json", [one])
    assert read_holdouts(tmp_path / "h.json") == (one,)


@pytest.mark.slow
@pytest.mark.synth
@pytest.mark.finn
def test_a_small_design_costs_what_is_estimated(tiny_accelerator, tmp_path):
    """Two stages that no run knows: within twice the goals, as small stages are mostly overhead."""
    found = holdout(tiny_accelerator, tmp_path)
    for one in found.parts[1:]:
        assert abs(one.error["lut"]) <= 2 * GOALS["lut"], one.nodes
        for resource in ("dsp", "bram36"):
            assert abs(one.error.get(resource, 0.0)) <= GOALS[resource], one.nodes
