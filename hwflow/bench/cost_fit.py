"""Fits the prices of each kind's terms to the runs: least squares of relative errors, none < 0.

A price is what one more of a structure costs, so none is negative. Relative errors, since a small
node matters as much as a large one in a network of many; ``FLOOR`` keeps nodes of a few LUTs from
deciding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hwflow.cost.block import Terms
from hwflow.cost.model import Fit
from hwflow.cost.runs import Run
from hwflow.errors import ConfigError

Floats = NDArray[np.float64]

FLOOR = 50.0
DIGITS = 4
# Fewer runs for each term would be interpolated, not fitted.
RUNS_PER_TERM = 2


def fit_all(runs: Iterable[Run]) -> dict[str, Fit]:
    """Return the fit of every kind in ``runs``."""
    by_kind: dict[str, list[Run]] = {}
    for run in runs:
        by_kind.setdefault(run.kind, []).append(run)
    return {kind: fit(by_kind[kind]) for kind in sorted(by_kind)}


def fit(runs: Sequence[Run]) -> Fit:
    """Return the fit of one kind's ``runs``.

    Raises:
        ConfigError: there are too few for the terms that are priced.
    """
    parts = [run.numbers().parts() for run in runs]
    luts = [run.resources.lut - part.exact.lut for run, part in zip(runs, parts, strict=True)]
    terms = max(len(_names([part.lut for part in parts])), len(_names([part.ff for part in parts])))
    if len(runs) < RUNS_PER_TERM * terms:
        raise ConfigError(
            f"{runs[0].kind}: {len(runs)} runs for {terms} terms; a fit takes "
            f"{RUNS_PER_TERM * terms}: draw more in hwflow.bench.cost_runs, then "
            "`hwflow bench cost --runs`"
        )
    lut = _prices([part.lut for part in parts], luts, [run.resources.lut for run in runs])
    ffs = [run.resources.ff for run in runs]
    ff = _prices([part.ff for part in parts], ffs, ffs)
    lut_error, lut_total = _errors(
        [part.exact.lut + _value(lut, part.lut) for part in parts],
        [run.resources.lut for run in runs],
    )
    ff_error, ff_total = _errors([_value(ff, part.ff) for part in parts], ffs)
    return Fit(len(runs), terms, lut, ff, lut_error, ff_error, lut_total, ff_total)


def save_fits(path: Path, fits: dict[str, Fit], *, tool: str) -> None:
    """Write ``fits`` to ``path``."""
    content = {"tool": tool, "kinds": {kind: asdict(fit) for kind, fit in fits.items()}}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _prices(
    terms: Sequence[Terms], goals: Sequence[float], sizes: Sequence[float]
) -> dict[str, float]:
    names = _names(terms)
    matrix: Floats = np.array([[row.get(name, 0.0) for name in names] for row in terms])
    weights = 1 / np.maximum(np.array(sizes, dtype=float), FLOOR)
    prices, _ = nnls(matrix * weights[:, None], np.array(goals, dtype=float) * weights)
    return {name: round(float(p), DIGITS) for name, p in zip(names, prices, strict=True)}


def _names(terms: Sequence[Terms]) -> list[str]:
    return list(dict.fromkeys(name for row in terms for name in row))


def _value(prices: dict[str, float], terms: Terms) -> float:
    return sum(prices[name] * count for name, count in terms.items())


def _errors(found: Sequence[float], actual: Sequence[float]) -> tuple[tuple[float, float], float]:
    """Return (root mean square, largest) of the relative errors, and that of the sums."""
    a, b = np.array(found, dtype=float), np.array(actual, dtype=float)
    relative = np.abs(a - b) / np.maximum(b, FLOOR)
    pair = (
        round(float(np.sqrt(np.mean(relative**2))), DIGITS),
        round(float(relative.max()), DIGITS),
    )
    total = float(a.sum() / b.sum() - 1) if b.sum() else 0.0
    return pair, round(total, DIGITS)
