from __future__ import annotations

import math

import pytest

from hwflow.config.training import CosineSchedule, StepSchedule
from hwflow.train.rates import rate


def rates(schedule, *, steps, span):
    return [rate(schedule, lr=0.1, step=step, steps=steps, span=span) for step in range(steps)]


def test_cosine_falls_from_lr_to_next_to_nothing():
    got = rates(CosineSchedule(), steps=40, span=4)
    assert got[0] == 0.1
    assert got[20] == pytest.approx(0.05)
    assert got == sorted(got, reverse=True)
    assert got[10] == 0.1 * 0.5 * (1 + math.cos(math.pi * 10 / 40))
    assert 0 < got[-1] < 0.001


def test_warmup_rises_in_equal_steps_then_the_cosine_begins():
    got = rates(CosineSchedule(warmup_epochs=1), steps=40, span=4)
    assert got[:10] == pytest.approx([0.1 * (n + 1) / 11 for n in range(10)])
    assert got[10] == 0.1
    assert got[10:] == sorted(got[10:], reverse=True)
    assert got[25] == pytest.approx(0.05)


def test_steps_at_the_begin_of_their_epochs():
    got = rates(StepSchedule(kind="step", milestones=(2, 3), factor=0.5), steps=40, span=4)
    assert got == pytest.approx([0.1] * 20 + [0.05] * 10 + [0.025] * 10)


def test_a_shorter_phase_meets_milestones_at_the_same_fraction():
    schedule = StepSchedule(kind="step", milestones=(2, 3), factor=0.5)
    assert rates(schedule, steps=8, span=4) == pytest.approx([0.1] * 4 + [0.05] * 2 + [0.025] * 2)
