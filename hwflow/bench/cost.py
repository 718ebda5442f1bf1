"""``hwflow bench cost``: the cost models fitted anew, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwflow.bench.cost_holdout import CONTROLLER, Holdout, Part, worst
from hwflow.bench.cost_runs import make_runs
from hwflow.bench.figures import Figure, figure
from hwflow.cost.fit import fit_all, save_fits
from hwflow.cost.model import COEFFICIENTS_FILE, Fit, fits
from hwflow.cost.runs import RUNS_FILE, load_runs, tool_of
from hwflow.log import Progress, silent

# What an estimate may be off on a design that is not in the fit.
GOALS = {"lut": 0.10, "bram36": 0.05, "dsp": 0.05}
NAMES = {"lut": "LUT", "bram36": "block RAM", "dsp": "DSP", "ff": "flip-flops"}


def remake(
    runs: Path = RUNS_FILE, coefficients: Path = COEFFICIENTS_FILE, *, progress: Progress = silent
) -> Mapping[str, Fit]:
    """Make the runs whose RTL has changed, then ``refit``; an hour if all have.

    Raises:
        ToolNotFoundError: yosys or finn-plus is missing.
        ToolFailedError: yosys refused a node.
    """
    make_runs(runs, progress=progress)
    return refit(runs, coefficients)


def refit(runs: Path = RUNS_FILE, coefficients: Path = COEFFICIENTS_FILE) -> Mapping[str, Fit]:
    """Fit the prices to ``runs`` and write them to ``coefficients``."""
    found = fit_all(load_runs(runs))
    save_fits(coefficients, found, tool=tool_of(runs))
    fits.cache_clear()
    return found


def fit_figures(found: Mapping[str, Fit]) -> tuple[Figure, ...]:
    """Return the residual of each kind, relative, of nodes of 50 LUTs or more."""
    return tuple(
        figure(
            f"{kind}, LUT residual",
            fit.lut_error[0],
            "ratio",
            provenance="synthesised",
            note=f"root mean square of {fit.runs} runs; worst {fit.lut_error[1]:.3f}; "
            f"flip-flops {fit.ff_error[0]:.3f}, worst {fit.ff_error[1]:.3f}",
        )
        for kind, fit in found.items()
    )


def holdout_figures(holdouts: Sequence[Holdout]) -> tuple[Figure, ...]:
    """Return the error of each stage of the designs, which are not in the fit, and the worst."""
    figures = [
        _error_figure(f"{one.design} {part.name}", resource, part.error[resource], one.tool, part)
        for one in holdouts
        for part in one.parts
        if part.name != CONTROLLER
        for resource in GOALS
        if resource in part.error
    ]
    figures += [
        figure(
            f"worst stage, {NAMES[resource]} estimated against synthesised",
            error,
            "ratio",
            provenance="estimated",
            goal=("≤", GOALS[resource]) if resource in GOALS else None,
            note=f"{len(holdouts)} designs that are not in the fit",
        )
        for resource, error in worst(holdouts).items()
    ]
    return tuple(figures)


def _error_figure(name: str, resource: str, error: float, tool: str, part: Part) -> Figure:
    estimated, synthesised = (
        getattr(amounts, resource) for amounts in (part.estimated, part.synthesised)
    )
    return figure(
        f"{name}, {NAMES[resource]} estimated against synthesised",
        abs(error),
        "ratio",
        provenance="estimated",
        goal=("≤", GOALS[resource]),
        note=f"{estimated:,.0f} to {synthesised:,.0f}; {tool}, each node by itself",
    )
