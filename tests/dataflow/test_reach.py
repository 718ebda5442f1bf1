"""Which part of the frames a stage must keep up with: Wilson's interval, or a margin."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ROOT

from hwflow.cascade.decision import run_cascade
from hwflow.config.bundle import GOLDEN_FILE, load_bundle
from hwflow.dataflow.reach import ESCALATION_MARGIN, reach, wilson_upper

BUNDLE = ROOT / "models" / "digits_cascade" / "bundle"


@pytest.mark.parametrize(
    ("count", "n", "upper"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.3662), (15, 148, 0.1605), (0, 20, 0.1611), (1, 29, 0.1718)],
)
def test_wilson_interval(count, n, upper):
    assert wilson_upper(count, n) == pytest.approx(upper, abs=5e-5)


def test_the_calibration_split_tells_the_rate():
    bundle = load_bundle(BUNDLE)
    with np.load(BUNDLE / GOLDEN_FILE) as golden:
        scores = [golden["validation_scores_0"], golden["validation_scores_1"]]
    rate = float((run_cascade(scores, bundle.policy.threshold_int).exit_stage == 1).mean())
    first, second = reach(bundle, BUNDLE, escalation_rate=0.9)
    assert first == 1.0
    assert rate < second < rate + 0.06
    assert second == wilson_upper(round(300 * rate), 300)


def test_without_a_calibration_the_expected_rate_gets_a_margin():
    bundle = load_bundle(BUNDLE)
    bare = bundle.model_copy(
        update={"policy": bundle.policy.model_copy(update={"calibration": None})}
    )
    assert reach(bare, BUNDLE, escalation_rate=0.2) == (1.0, 0.2 * ESCALATION_MARGIN)
    assert reach(bare, BUNDLE, escalation_rate=0.9) == (1.0, 1.0)
