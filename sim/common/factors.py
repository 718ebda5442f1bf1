"""Combinations of factors that together show every pair of values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Row = tuple[Any, ...]


def _pairs(row: Row) -> set[tuple[int, int, Hashable, Hashable]]:
    return {(i, j, row[i], row[j]) for i, j in combinations(range(len(row)), 2)}


def every_pair(factors: Mapping[str, Sequence[Hashable]]) -> list[Row]:
    """Return rows, one value a factor, such that any two values of two factors meet in one.

    Greedy: each row is the first of those with the most pairs still to be seen.
    """
    rows: list[Row] = list(product(*factors.values()))
    missing = set().union(*map(_pairs, rows))
    chosen = []
    while missing:
        best = max(rows, key=lambda row: len(_pairs(row) & missing))
        chosen.append(best)
        missing -= _pairs(best)
    return chosen
