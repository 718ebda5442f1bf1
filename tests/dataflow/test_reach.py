"""Which part of the frames a stage must keep up with: Wilson's interval, or a margin."""

from __future__ import annotations

import numpy as np
from conftest import ROOT

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.interval import wilson
from hwflow.config.bundle import GOLDEN_FILE, load_bundle
from hwflow.dataflow.reach import ESCALATION_MARGIN, reach

BUNDLE = ROOT / "models" / "digits_cascade" / "bundle"


def test_the_calibration_split_tells_the_rate():
    bundle = load_bundle(BUNDLE)
    with np.load(BUNDLE / GOLDEN_FILE) as golden:
        scores = [golden["validation_scores_0"], golden["validation_scores_1"]]
    rate = float((run_cascade(scores, bundle.policy.threshold_int).exit_stage == 1).mean())
    first, second = reach(bundle, BUNDLE, escalation_rate=0.9)
    assert first == 1.0
    assert rate < second < rate + 0.06
    assert second == wilson(round(300 * rate) / 300, 300)[1]


def test_without_a_calibration_the_expected_rate_gets_a_margin():
    bundle = load_bundle(BUNDLE)
    bare = bundle.model_copy(
        update={"policy": bundle.policy.model_copy(update={"calibration": None})}
    )
    assert reach(bare, BUNDLE, escalation_rate=0.2) == (1.0, 0.2 * ESCALATION_MARGIN)
    assert reach(bare, BUNDLE, escalation_rate=0.9) == (1.0, 1.0)
