"""The committed coefficients are the fit of the committed runs, and the rules are exact."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwflow.bench.cost_fit import fit, fit_all
from hwflow.cost.model import fits, price
from hwflow.cost.runs import load_runs
from hwflow.errors import ConfigError

RUNS = load_runs()
KINDS = sorted({run.kind for run in RUNS})
# Of nodes of 50 LUTs or more: root mean square, and the worst.
MOST_RMS, MOST_WORST = 0.14, 0.30


def test_the_coefficients_are_the_fit():
    found = fit_all(RUNS)
    assert set(found) == set(fits())
    for kind, fitted in found.items():
        committed = fits()[kind]
        assert fitted.runs == committed.runs
        assert fitted.lut == pytest.approx(dict(committed.lut), abs=1e-3), kind
        assert fitted.ff == pytest.approx(dict(committed.ff), abs=1e-3), kind


@pytest.mark.parametrize("kind", KINDS)
def test_runs_are_close_to_their_fit(kind):
    rms, worst = fits()[kind].lut_error
    assert rms <= MOST_RMS
    assert worst <= MOST_WORST
    assert min(fits()[kind].lut.values()) >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_multipliers_are_counted_exactly(kind):
    for run in RUNS:
        if run.kind == kind:
            assert price(run.numbers()).dsp == run.resources.dsp, run


def test_a_wrong_run_moves_the_fit():
    runs = [run for run in RUNS if run.kind == "pad"]
    wrong = [replace(runs[0], resources=runs[0].resources.scaled(3)), *runs[1:]]
    assert fit(wrong).lut != fit(runs).lut


def test_too_few_runs_are_no_fit():
    runs = [run for run in RUNS if run.kind == "pad"]
    with pytest.raises(ConfigError, match=r"pad: 5 runs for 3 terms"):
        fit(runs[:5])
