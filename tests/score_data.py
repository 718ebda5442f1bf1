"""Noisy integer scores of stages that get better one after the other."""

from __future__ import annotations

import numpy as np

from hwflow.cascade.view import ScoredSplit


def scored(
    seed: int,
    *,
    frames: int = 80,
    stages: int = 2,
    split: str = "validation",
    classes: int = 4,
    copies: int = 1,
):
    """Return a split; ``frames`` counts the copies, each of which has noise of its own."""
    draw = np.random.RandomState(seed)
    labels = np.tile(draw.randint(0, classes, frames // copies), copies)
    truth = 12 * np.eye(classes, dtype=np.int64)[labels]
    scores = tuple(
        truth + np.rint(draw.normal(0, 9 / (1 + 2 * stage), truth.shape)).astype(np.int64)
        for stage in range(stages)
    )
    return ScoredSplit(split, labels, scores, copies)
