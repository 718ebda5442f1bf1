"""What any routing can reach with given exit rates: by chance, and in hindsight."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.view import Bools, Floats, Ints


def random_accuracy(right: Bools, exits: Ints) -> Floats:
    """Return the expected accuracy, (P,), if chance says who leaves where.

    ``right``: (stages, N). ``exits``: (P, stages) frames leaving at each, adding up to N. It is
    the mean of the stages' accuracies, weighted by the share of the frames that each decides.
    """
    expected: Floats = exits @ right.mean(axis=1) / right.shape[1]
    return expected


def oracle_accuracy(right: Bools, exits: Ints) -> Floats:
    """Return the best accuracy, (P,), of any routing with these exits; as ``random_accuracy``.

    A frame counts if a stage that has it right also decides it. Of frames to stages with room for
    so many that is a maximum flow, so its value is the least cut (Ford and Fulkerson, Can. J. Math.
    8, 1956): over all sets T of stages, the room in T plus the frames that a stage outside T has
    right. Sums over 2^stages sets.
    """
    stages, frames = right.shape
    best: NDArray[np.int64] = np.full(len(exits), frames, dtype=np.int64)
    for size in range(stages + 1):
        for inside in combinations(range(stages), size):
            outside = [stage for stage in range(stages) if stage not in inside]
            apart = int(right[outside].any(axis=0).sum())
            best = np.minimum(best, exits[:, list(inside)].sum(axis=1) + apart)
    accuracy: Floats = best / frames
    return accuracy
