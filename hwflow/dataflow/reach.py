"""Which part of the frames goes on from each stage of a cascade, and must be kept up with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.interval import wilson
from hwflow.config.bundle import GOLDEN_FILE, Bundle

# Stages keep up with as many times more frames than are planned for: a load of 0.8.
MARGIN = 1.25
# Where neither the design nor the bundle says how many frames escalate.
UNKNOWN_RATE = 0.25


@dataclass(frozen=True)
class Traffic:
    """How many frames a cascade is planned for at each stage; one source for all that asks.

    ``rates`` (decisions,): of the frames that reach a decision, the part that goes on. ``source``:
    who says so.
    """

    rates: tuple[float, ...]
    source: str

    @property
    def reach(self) -> tuple[float, ...]:
        """The part of all frames that each stage must keep up with; 1 for the first.

        With ``MARGIN``: at a load of 1 frames would queue without end.
        """
        return (1.0, *(min(1.0, MARGIN * float(part)) for part in np.cumprod(self.rates)))


def traffic(bundle: Bundle, folder: Path, *, escalation_rate: float | Literal["auto"]) -> Traffic:
    """Return what the cascade of the bundle in ``folder`` is planned for.

    ``escalation_rate``, of each decision, where it is a number. Else what the thresholds do to the
    scores on the calibration split, if the bundle holds them, at the upper end of its 95 %
    interval; the frames that count there as independent are the calibration's own, not their
    translations. Else ``UNKNOWN_RATE``.
    """
    decisions = len(bundle.stages) - 1
    if escalation_rate != "auto":
        return Traffic((escalation_rate,) * decisions, "escalation_rate of the design")
    calibration = bundle.policy.calibration
    with np.load(folder / GOLDEN_FILE) as golden:
        names = [f"validation_scores_{stage}" for stage in range(len(bundle.stages))]
        known = calibration is not None and all(name in golden for name in names)
        scores = [golden[name] for name in names] if known else []
    if calibration is None or not scores:
        return Traffic((UNKNOWN_RATE,) * decisions, "no calibration, the default")
    exits = run_cascade(scores, bundle.policy.threshold_int).exit_stage
    n = calibration.n
    part = [
        wilson(round(float(np.mean(exits >= stage)) * n) / n, n)[1]
        for stage in range(1, len(bundle.stages))
    ]
    rates = tuple(min(1.0, after / before) for before, after in pairwise((1.0, *part)))
    return Traffic(rates, f"upper end of the bundle's calibration, n = {n}")
