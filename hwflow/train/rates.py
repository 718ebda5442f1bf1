"""Learning rate of each step."""

from __future__ import annotations

import math

from hwflow.config.training import CosineSchedule, StepSchedule


def rate(
    schedule: CosineSchedule | StepSchedule, *, lr: float, step: int, steps: int, span: int
) -> float:
    """Return the learning rate of ``step`` (from 0) in a phase of ``steps`` steps.

    ``span``: the recipe's epochs. Milestones and warm-up are told in epochs of the last phase; an
    earlier phase meets them at the same fraction of its own length.
    """
    warmup = schedule.warmup_epochs / span * steps
    if step < warmup:
        return lr * (step + 1) / (warmup + 1)
    if isinstance(schedule, CosineSchedule):
        progress = (step - warmup) / (steps - warmup)
        return lr * 0.5 * (1 + math.cos(math.pi * progress))
    passed = sum(step * span >= milestone * steps for milestone in schedule.milestones)
    return float(lr * schedule.factor**passed)
