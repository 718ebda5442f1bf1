"""Expected and worst-case work of a cascade."""

from __future__ import annotations

from collections.abc import Sequence


def expected_bops(bops: Sequence[int], exit_rate: Sequence[float]) -> float:
    """Return the mean BOPs per frame: Σ BOPs of stage k × fraction of frames that reach it.

    ``exit_rate``: fraction of frames leaving at each stage, adding up to 1. For two stages this is
    C0 + (1 - r) · C1.
    """
    if len(bops) != len(exit_rate):
        raise ValueError(f"{len(bops)} stages, but {len(exit_rate)} exit rates")
    reached, total = 1.0, 0.0
    for cost, leaving in zip(bops, exit_rate, strict=True):
        total += cost * reached
        reached -= leaving
    return total


def worst_bops(bops: Sequence[int]) -> int:
    """Return the BOPs of a frame that passes every stage, C0 + C1 + …: what latency is bound by."""
    return sum(bops)
