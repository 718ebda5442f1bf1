"""``hwflow bench cost``: the cost models fitted anew, and how good they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hwflow.bench.cost_fit import fit_all, save_fits
from hwflow.bench.cost_holdout import (
    CONTROLLER,
    SEEN,
    WORTH_LUTS,
    Holdout,
    Part,
    whole,
    worst,
    worst_node,
)
from hwflow.bench.cost_runs import make_runs
from hwflow.bench.figures import Figure, figure
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
            note=f"root mean square of {fit.runs} runs, {fit.terms} terms; "
            f"worst {fit.lut_error[1]:.3f}; "
            f"flip-flops {fit.ff_error[0]:.3f}, worst {fit.ff_error[1]:.3f}",
        )
        for kind, fit in found.items()
    )


def holdout_figures(holdouts: Sequence[Holdout]) -> tuple[Figure, ...]:
    """Return the errors of designs that are not in the fit.

    Of each whole accelerator, of each controller, and the worst: of all accelerators, of those that
    nobody had seen while models were changed, and of all nodes.
    """
    figures = [found for one in holdouts for found in _design_figures(one)]
    unseen = [one for one in holdouts if one.design not in SEEN]
    figures += _worst_figures("worst accelerator", holdouts)
    figures += _worst_figures("worst accelerator not seen while modelling", unseen)
    off = worst_node(holdouts)
    if off is not None:
        node, error = off
        figures.append(
            figure(
                f"worst node of {WORTH_LUTS} LUT or more, LUT estimated against synthesised",
                round(abs(error), 4),
                "ratio",
                provenance="estimated",
                note=f"{node.name}: {node.estimated.lut:,.0f} to {node.synthesised.lut:,.0f}",
            )
        )
    return tuple(figures)


def _design_figures(one: Holdout) -> Iterator[Figure]:
    accelerator = whole(one)
    for resource in GOALS:
        if resource in accelerator.error:
            yield _error_figure(one.design, resource, one.tool, accelerator)
    for part in one.parts:
        if part.name == CONTROLLER and "lut" in part.error:
            yield _error_figure(f"{one.design} {CONTROLLER}", "lut", one.tool, part)


def _worst_figures(name: str, holdouts: Sequence[Holdout]) -> list[Figure]:
    told = ", ".join(one.design for one in holdouts)
    return [
        figure(
            f"{name}, {NAMES[resource]} estimated against synthesised",
            error,
            "ratio",
            provenance="estimated",
            goal=("≤", GOALS[resource]) if resource in GOALS else None,
            note=f"{len(holdouts)} designs that are not in the fit: {told}",
        )
        for resource, error in worst(whole(one) for one in holdouts).items()
    ]


def _error_figure(name: str, resource: str, tool: str, part: Part) -> Figure:
    estimated, synthesised = (
        getattr(amounts, resource) for amounts in (part.estimated, part.synthesised)
    )
    return figure(
        f"{name}, {NAMES[resource]} estimated against synthesised",
        abs(part.error[resource]),
        "ratio",
        provenance="estimated",
        goal=("≤", GOALS[resource]),
        note=f"{estimated:,.0f} to {synthesised:,.0f}; {tool}, each node by itself",
    )
