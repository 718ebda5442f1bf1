"""A scored split as the decisions see it: how sure each stage is of a frame, and if rightly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import top2
from hwflow.cascade.scores import MARGIN, Score, confidence

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Cuts = tuple[int, ...]


@dataclass(frozen=True)
class ScoredSplit:
    """Integer scores of every stage on one split.

    ``labels``: (N,) integers; ``scores``: per stage (N, classes) integers. ``copies``: the split
    holds each of N / ``copies`` independent frames so often (translated), in blocks of all frames.
    """

    split: str
    labels: NDArray[np.integer]
    scores: tuple[NDArray[np.integer], ...]
    copies: int = 1

    def __post_init__(self) -> None:
        if self.copies < 1 or len(self.labels) % self.copies:
            raise ValueError(f"{len(self.labels)} frames are not {self.copies} copies of some")

    @property
    def independent(self) -> int:
        """Frames that differ by more than a translation."""
        return len(self.labels) // self.copies

    def untranslated(self) -> ScoredSplit:
        """Return the middle one of the copies, which is not moved."""
        n, middle = self.independent, self.copies // 2
        here = slice(middle * n, (middle + 1) * n)
        return ScoredSplit(self.split, self.labels[here], tuple(s[here] for s in self.scores))


@dataclass(frozen=True)
class Decision:
    """What one decision can do. It cuts between two confidences that occur; all cuts route apart.

    ``levels``: (U,) distinct confidences, ascending. ``rank``: (N,) place of each frame's in them.
    At cut j of 0 … U the frames of rank >= j leave.
    """

    levels: Ints | Floats
    rank: Ints

    @property
    def cuts(self) -> int:
        """Number of different cuts; the last one lets nothing leave."""
        return len(self.levels) + 1

    def threshold(self, cut: int) -> int | float:
        """Return the threshold of ``cut``: leave iff confidence >= threshold.

        Integers: the smallest one, counted from 0. Floats: the least confidence that leaves, and
        infinity where none does.
        """
        if np.issubdtype(self.levels.dtype, np.integer):
            return 0 if cut == 0 else int(self.levels[cut - 1]) + 1
        return float(self.levels[cut]) if cut < len(self.levels) else float("inf")

    def cut(self, threshold: float) -> int:
        """Return the cut that ``threshold`` makes."""
        return int(np.searchsorted(self.levels, threshold))

    def sums(self, leaving: Floats, staying: Floats) -> Floats:
        """Return per cut, (U + 1,), the sum over frames of what each adds if it leaves or stays."""
        size = len(self.levels)
        leave = np.bincount(self.rank, weights=leaving, minlength=size)
        stay = np.bincount(self.rank, weights=staying, minlength=size)
        total: Floats = np.concatenate([np.cumsum(leave[::-1])[::-1], [0.0]])
        total += np.concatenate([[0.0], np.cumsum(stay)])
        return total


@dataclass(frozen=True)
class View:
    """One split through one score.

    ``decisions``: one per stage but the last. ``right``: (stages, N) whether the stage's answer is.
    """

    split: str
    score: Score
    decisions: tuple[Decision, ...]
    right: Bools
    copies: int = 1
    ones: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ones", np.ones(self.right.shape[1]))

    @property
    def frames(self) -> int:
        """Frames, translations counted."""
        return int(self.right.shape[1])

    @property
    def independent(self) -> int:
        """Frames that differ by more than a translation."""
        return self.frames // self.copies

    def thresholds(self, cuts: Cuts) -> tuple[int | float, ...]:
        """Return the thresholds of ``cuts``."""
        return tuple(d.threshold(cut) for d, cut in zip(self.decisions, cuts, strict=True))

    def cuts(self, thresholds: Sequence[float]) -> Cuts:
        """Return the cuts that ``thresholds`` make."""
        return tuple(d.cut(value) for d, value in zip(self.decisions, thresholds, strict=True))

    def exit_stage(self, cuts: Cuts) -> Ints:
        """Return the stage at which each frame leaves, (N,)."""
        stage = np.full(self.frames, len(self.decisions), dtype=np.int64)
        for index in range(len(cuts) - 1, -1, -1):
            stage[self.decisions[index].rank >= cuts[index]] = index
        return stage

    def outcome(self, exit_stage: Ints) -> Bools:
        """Return whether the cascade is right about each frame that leaves at ``exit_stage``."""
        chosen: Bools = np.take_along_axis(self.right, exit_stage[None, :], axis=0)[0]
        return chosen


def view(
    data: ScoredSplit, score: Score = MARGIN, *, scales: Sequence[float] | None = None
) -> View:
    """Return ``data`` as the decisions by ``score`` see it.

    ``scales``: per stage, real score per integer step over temperature; the margin needs none.
    """
    count = len(data.scores)
    steps = (1.0,) * count if scales is None else tuple(scales)
    if len(steps) != count:
        raise ValueError(f"{count} stages, but {len(steps)} scales")
    decisions = []
    for scores, scale in zip(data.scores[:-1], steps, strict=False):
        values: NDArray[Any] = confidence(scores, score, scale=scale)
        levels, rank = np.unique(values, return_inverse=True)
        decisions.append(Decision(levels, rank.reshape(-1).astype(np.int64)))
    right = np.stack([top2(scores)[0] == data.labels for scores in data.scores])
    return View(data.split, score, tuple(decisions), right, data.copies)
