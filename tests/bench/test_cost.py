"""The recorded runs are of today's RTL, and whole designs cost what is estimated."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hwflow.bench.cost import GOALS, fit_figures, holdout_figures, refit
from hwflow.bench.cost_holdout import SEEN, Amounts, Holdout, Node, holdout
from hwflow.bench.cost_holdout import _part as part
from hwflow.bench.cost_runs import COUNTS, make_runs
from hwflow.bench.cost_samples import KINDS, draw
from hwflow.cost.model import COEFFICIENTS_FILE, fits
from hwflow.cost.runs import RUNS_FILE, load_runs, save_runs

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
    """By the hash of their RTL, and by what yosys says: ours, FINN's, a FIFO, a cascade."""
    counts = {"pad": 1, "converter_narrow": 1, "fifo_registers": 1, "controller": 1}
    path = tmp_path / "runs.json"
    made = make_runs(path, kinds=tuple(counts), counts=counts)
    assert len(made) == len(counts)
    for run in made:
        assert RUNS[run.rtl] == run
    # Nothing is synthesised twice; what nothing is drawn as any more falls away.
    save_runs(path, [*made, replace(made[0], sample="forgotten", rtl="0")], tool="yosys")
    assert make_runs(path, kinds=tuple(counts), counts=counts) == made


def test_every_recorded_run_is_drawn_by_the_command():
    assert {run.sample for run in RUNS.values()} == set(COUNTS)
    assert len(RUNS) == len(load_runs())


def test_refit_writes_the_committed_coefficients(tmp_path):
    refit(RUNS_FILE, tmp_path / "coefficients.json")
    assert json.loads((tmp_path / "coefficients.json").read_text()) == json.loads(
        COEFFICIENTS_FILE.read_text()
    )


def test_figures_tell_every_kind():
    assert len(fit_figures(fits())) == len(fits())


def node(name, estimated, synthesised):
    return Node(name=name, op="X", estimated=estimated, synthesised=synthesised)


def test_errors_are_relative_to_what_was_synthesised():
    nodes = [
        node("a", amounts(110, 10), amounts(100, 10)),
        node("b", amounts(90), amounts(100)),
        node("c", amounts(220), amounts(200)),
    ]
    around = part("controller", [node("top", amounts(400), amounts(500))])
    one = Holdout(design="d", tool="yosys", parts=(around, part("stage0", nodes)))
    assert one.parts[1].error == {"lut": 0.05, "ff": 0.05, "dsp": 0.0}  # no block RAM to compare
    figures = {figure.name: figure for figure in holdout_figures([one])}
    # The whole accelerator with its controller: 820 to 900.
    assert figures["d, LUT estimated against synthesised"].value == 0.0889
    assert figures["worst accelerator, LUT estimated against synthesised"].value == 0.0889
    assert not figures["d controller, LUT estimated against synthesised"].holds
    worst = figures["worst node of 100 LUT or more, LUT estimated against synthesised"]
    assert worst.value == 0.2
    assert worst.note == "top: 400 to 500"


def test_what_is_estimated_and_not_there_is_a_miss():
    one = Holdout(
        design="d",
        tool="yosys",
        parts=(part("stage0", [node("a", amounts(100, 40), amounts(100))]),),
    )
    figures = {figure.name: figure for figure in holdout_figures([one])}
    assert not figures["d, DSP estimated against synthesised"].holds


def test_designs_not_seen_while_modelling_are_told_apart():
    def of(design, lut):
        return Holdout(
            design=design,
            tool="y",
            parts=(part("stage0", [node("a", amounts(lut), amounts(200))]),),
        )

    found = {f.name: f for f in holdout_figures([of(sorted(SEEN)[0], 300), of("new", 210)])}
    told = "{}, LUT estimated against synthesised"
    assert found[told.format("worst accelerator")].value == 0.5
    assert found[told.format("worst accelerator not seen while modelling")].value == 0.05


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
