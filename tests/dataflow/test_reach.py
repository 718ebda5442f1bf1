"""How many frames are planned for to go on: as the design says, or the calibration."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.interval import wilson
from hwflow.config.bundle import GOLDEN_FILE, load_bundle
from hwflow.config.design import Design
from hwflow.dataflow.reach import MARGIN, UNKNOWN_RATE, Traffic, traffic
from hwflow.dataflow.surroundings import buffers_of, doubts

BUNDLE = ROOT / "models" / "digits_cascade" / "bundle"


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(BUNDLE)


def test_the_calibration_split_tells_the_rate(bundle):
    with np.load(BUNDLE / GOLDEN_FILE) as golden:
        scores = [golden["validation_scores_0"], golden["validation_scores_1"]]
    seen = float((run_cascade(scores, bundle.policy.threshold_int).exit_stage == 1).mean())
    planned = traffic(bundle, BUNDLE, escalation_rate="auto")
    (rate,) = planned.rates
    assert seen < rate < seen + 0.06
    assert rate == wilson(round(300 * seen) / 300, 300)[1]
    assert planned.reach == (1.0, rate * MARGIN)
    assert "calibration, n = 300" in planned.source


def test_what_the_design_says_counts_for_folding_and_retention(bundle):
    """Harder data than the calibration's: raising the rate changes both."""
    planned = traffic(bundle, BUNDLE, escalation_rate=0.4)
    assert planned.rates == (0.4,)
    assert planned.reach == (1.0, 0.4 * MARGIN)
    assert "design" in planned.source
    assert traffic(bundle, BUNDLE, escalation_rate=0.9).reach == (1.0, 1.0)


def test_retention_buffers_are_for_the_same_rate(bundle):
    stages = tuple(
        SimpleNamespace(latency_estimate_cycles=3000, ii_bound_cycles=cycles)
        for cycles in (1000, 2000)
    )
    design = Design(schema_version=1, name="d", board="pynq-z2")
    slots = [
        buffers_of(design, stages, traffic(bundle, BUNDLE, escalation_rate=rate)).retention
        for rate in (0.05, 0.4, 0.49)
    ]
    assert slots[0] < slots[1] < slots[2]


def test_retention_buffers_are_for_the_runs_that_the_design_names(bundle):
    stages = tuple(
        SimpleNamespace(latency_estimate_cycles=3000, ii_bound_cycles=cycles)
        for cycles in (1000, 2000)
    )
    planned = traffic(bundle, BUNDLE, escalation_rate=0.2)
    at_random, in_runs = (
        Design(schema_version=1, name="d", board="pynq-z2", burst_frames=frames)
        for frames in (1.0, 10.0)
    )
    assert (
        buffers_of(at_random, stages, planned).retention
        < buffers_of(in_runs, stages, planned).retention
    )


def test_without_a_calibration_the_default_is_planned_for(bundle):
    bare = bundle.model_copy(
        update={"policy": bundle.policy.model_copy(update={"calibration": None})}
    )
    assert traffic(bare, BUNDLE, escalation_rate="auto").rates == (UNKNOWN_RATE,)
    assert traffic(bare, BUNDLE, escalation_rate=0.1).rates == (0.1,)


def test_later_stages_are_reached_by_what_earlier_ones_send_on():
    assert Traffic((0.5, 0.2), "").reach == pytest.approx((1.0, 0.5 * MARGIN, 0.1 * MARGIN))
    assert Traffic((), "").reach == (1.0,)


def told(*cycles, rates, latency=3000, **given):
    """Return the doubts about stages of so many ``cycles`` per frame."""
    stages = tuple(
        SimpleNamespace(latency_estimate_cycles=latency, ii_bound_cycles=each) for each in cycles
    )
    design, planned = (
        Design(schema_version=1, name="d", board="pynq-z2", **given),
        Traffic(rates, ""),
    )
    return doubts(design, stages, planned, buffers_of(design, stages, planned))


def test_a_stage_that_cannot_keep_up_is_told():
    assert told(1000, 2000, rates=(0.2,)) == ()
    (one,) = told(1000, 2000, rates=(0.5,))
    assert one.startswith("stage1 cannot keep up (load 1.00): 50.0% of the frames reach it")
    # All frames reach a stage that is as fast: they never wait.
    assert told(1000, 1000, rates=(1.0,)) == ()
    # Stage 2 is too slow for all that stage 1 could send, not for what stage 0 lets it.
    assert told(1000, 100, 2000, rates=(0.5, 0.5)) == ()
    (slow,) = told(1000, 100, 5000, rates=(0.5, 0.5))
    assert slow.startswith("stage2 cannot keep up (load 1.25): 25.0%")


def test_stores_that_their_limit_cut_are_told():
    retention, reorder = told(1000, 2000, rates=(0.499,))
    assert retention.startswith("retention_frames: 256 beside stage0, the formula asks for ")
    assert int(retention.split("asks for ")[1].split(";")[0]) > 256
    assert reorder.startswith("reorder_frames: 256, the formula asks for 512; with control.order")
    assert told(1000, 2000, rates=(0.499,), reorder_frames=8, retention_frames=2**15) == ()


def test_a_retention_that_is_named_too_small_is_told():
    assert told(1000, 2000, rates=(0.2,), retention_frames=16) == ()
    (few,) = told(1000, 2000, rates=(0.2,), retention_frames=2)
    assert few.endswith("5 are inside it at full rate, so its interval will grow")
    (bursts,) = told(1000, 2000, rates=(0.4,), retention_frames=8)
    assert bursts.endswith("hard frames in a row will stall the input")
