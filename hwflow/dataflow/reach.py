"""Which part of the frames each stage of a cascade must keep up with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.interval import wilson
from hwflow.config.bundle import GOLDEN_FILE, Bundle

# Where only an expected rate is known: stages keep up with as many times more frames.
ESCALATION_MARGIN = 1.25


def reach(bundle: Bundle, folder: Path, *, escalation_rate: float) -> tuple[float, ...]:
    """Return the part of the frames that reaches each stage, at its likely most; 1 for the first.

    Where the bundle in ``folder`` holds the scores on its calibration split, what the thresholds
    do there is counted, and the upper end of its 95 % interval taken; the frames that count there
    as independent are the calibration's own, not their translations. Otherwise
    ``escalation_rate``, of each stage, times ``ESCALATION_MARGIN``.
    """
    stages = len(bundle.stages)
    calibration = bundle.policy.calibration
    with np.load(folder / GOLDEN_FILE) as golden:
        names = [f"validation_scores_{stage}" for stage in range(stages)]
        known = calibration is not None and all(name in golden for name in names)
        scores = [golden[name] for name in names] if known else []
    if calibration is None or not scores:
        rate = min(1.0, ESCALATION_MARGIN * escalation_rate)
        return tuple(rate**stage for stage in range(stages))
    exits = run_cascade(scores, bundle.policy.threshold_int).exit_stage
    seen = [float(np.mean(exits >= stage)) for stage in range(stages)]
    n = calibration.n
    return (1.0, *(wilson(round(rate * n) / n, n)[1] for rate in seen[1:]))
