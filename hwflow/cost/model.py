"""Prices a block: what its rules say, and fitted prices times its terms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hwflow.cost.block import Block, Terms
from hwflow.cost.resources import Resources

COEFFICIENTS_FILE = Path(__file__).with_name("coefficients.json")

Prices = Mapping[str, float]


@dataclass(frozen=True)
class Fit:
    """Prices of a kind's terms, LUTs and flip-flops each, and how far its runs are off.

    ``runs``: how many it rests on; ``terms``: how many are priced, of LUTs or of flip-flops,
    whichever are more. ``lut_error``, ``ff_error``: root mean square and largest error,
    relative to what was synthesised, of nodes of 50 or more; ``lut_total``, ``ff_total``: error of
    the sum over all runs.
    """

    runs: int
    terms: int
    lut: Prices
    ff: Prices
    lut_error: tuple[float, float]
    ff_error: tuple[float, float]
    lut_total: float
    ff_total: float


@cache
def fits(path: Path = COEFFICIENTS_FILE) -> Mapping[str, Fit]:
    """Return the fits by kind, read once."""
    kinds: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["kinds"]
    return {kind: Fit(**fit) for kind, fit in kinds.items()}


def price(block: Block) -> Resources:
    """Return what ``block`` takes."""
    fit, parts = fits()[block.kind], block.parts()
    exact = parts.exact
    return Resources(
        lut=exact.lut + _sum(fit.lut, parts.lut),
        lutram=exact.lutram,
        ff=_sum(fit.ff, parts.ff),
        dsp=exact.dsp,
        bram36=exact.bram36,
    )


def _sum(prices: Prices, terms: Terms) -> float:
    return sum(prices[name] * count for name, count in terms.items())
