"""What a run of the RTL is held against: results, their order, counters; shed frames as told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwflow.cascade.controller import Settings, run_controller
from hwflow.cascade.result import FLAG_ORDERED, FLAG_SHED
from hwflow.errors import VerificationError
from hwflow.rtl.registers import cascade_registers
from hwflow.simulate.accelerator import SimResult, control_word
from hwflow.simulate.checks import Golden, check_results

# Frames 0 and 2 are sure at stage 0, the others escalate.
SCORES = (
    np.array([[9, 0], [1, 0], [0, 9], [0, 1]], dtype=np.int64),
    np.array([[5, 0], [0, 5], [5, 0], [5, 0]], dtype=np.int64),
)
THRESHOLDS = (5,)
GOLDEN = Golden(
    frames=np.zeros((4, 1, 1, 1), np.uint8),
    label=None,
    scores=SCORES,
    expected=np.zeros((4, 3), np.int64),
    thresholds=THRESHOLDS,
)


def ran(left, *, order=False, shed_stage=None):
    """Return what the RTL gives: ``left`` is the order in which frames leave."""
    settings = Settings.constant(4, THRESHOLDS, order=order, may_shed=shed_stage is not None)
    shed = None if shed_stage is None else np.array(shed_stage, dtype=np.int64)
    told, counted = run_controller(SCORES, settings, shed_stage=shed)
    out_cycle = np.empty(4, np.int64)
    out_cycle[left] = 10 + np.arange(4)
    counters = {"frames_in": 4, "frames_short": 0, "frames_long": 0}
    counters |= {f"exits_{k}": int(value) for k, value in enumerate(counted.exits)}
    counters["shed_0"] = int(counted.sheds[0])
    return SimResult(
        prediction=told.label,
        exit_stage=told.exit_stage,
        margin=told.margin,
        flags=told.flags,
        in_cycle=np.arange(4),
        out_cycle=out_cycle,
        scores=SCORES,
        score_cycle=(out_cycle, out_cycle),
        counters=counters,
    )


def test_by_completion_only_frames_of_one_stage_keep_their_order():
    assert check_results(GOLDEN, ran([0, 2, 1, 3]), how="").mismatches == 0
    with pytest.raises(VerificationError, match="order of results") as caught:
        check_results(GOLDEN, ran([0, 2, 3, 1]), how="")
    assert caught.value.sample == 1


def test_in_order_every_frame_keeps_it():
    check_results(GOLDEN, ran([0, 1, 2, 3], order=True), how="", order=True)
    with pytest.raises(VerificationError, match="order of results"):
        check_results(GOLDEN, ran([0, 2, 1, 3], order=True), how="", order=True)


def test_results_must_say_that_they_are_in_order():
    with pytest.raises(VerificationError, match=f"flags {FLAG_ORDERED}.*flags 0"):
        check_results(GOLDEN, ran([0, 1, 2, 3]), how="", order=True)


def test_a_shed_frame_is_taken_where_it_may_be_shed():
    got = ran([0, 1, 2, 3], shed_stage=[-1, 0, -1, -1])
    assert check_results(GOLDEN, got, how="", shed=True).mismatches == 0
    with pytest.raises(VerificationError, match=r"frame 1: expected .*exit stage 1"):
        check_results(GOLDEN, got, how="")


def test_a_frame_that_is_sure_is_not_shed():
    got = ran([0, 1, 2, 3], shed_stage=[-1, -1, -1, -1])
    flags = got.flags.copy()
    flags[2] |= FLAG_SHED
    with pytest.raises(VerificationError, match="frame 2: expected"):
        check_results(GOLDEN, replace(got, flags=flags), how="", shed=True)


def test_shed_frames_are_counted():
    got = ran([0, 1, 2, 3], shed_stage=[-1, 0, -1, -1])
    wrong = replace(got, counters=got.counters | {"shed_0": 0})
    with pytest.raises(VerificationError, match=r"shed_0 1.*shed_0 0"):
        check_results(GOLDEN, wrong, how="", shed=True)


def test_the_control_word_has_the_bits_of_the_register():
    control = cascade_registers(
        stages=3,
        classes=2,
        frame_bytes=1,
        frame_beat_bytes=1,
        thresholds=(5, 5),
        reorder_frames=4,
        build_id=0,
    )["control"]
    assert control_word(control) == 0x001
    assert control_word(control, force=2) == 0x025
    assert control_word(control, order=True, shed=True) == 0x301
