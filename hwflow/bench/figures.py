"""A figure with a goal: what every ``hwflow bench`` measures and prints."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Literal

from hwflow.config.base import StrictModel

Provenance = Literal["estimated", "simulated", "synthesised", "routed", "measured", "cited"]
Relation = Literal["≤", "≥", "="]

_HOLDS: dict[Relation, Callable[[float, float], bool]] = {
    "≤": operator.le,
    "≥": operator.ge,
    "=": operator.eq,
}


class Figure(StrictModel):
    """One measured value. ``goal``: such as "≤ 1.02", or None; ``holds``: None without a goal.

    ``note``: what it is of: seed, number of samples, versions, what it is compared with.
    """

    name: str
    value: float
    unit: str
    goal: str | None
    holds: bool | None
    provenance: Provenance
    note: str = ""


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    provenance: Provenance,
    goal: tuple[Relation, float] | None = None,
    note: str = "",
) -> Figure:
    """Return a figure; ``goal``: how the value must stand to a number, such as ("≤", 1.02)."""
    told, holds = None, None
    if goal is not None:
        relation, wanted = goal
        told = f"{relation} {wanted:g}"
        holds = _HOLDS[relation](value, wanted)
    return Figure(
        name=name,
        value=value,
        unit=unit,
        goal=told,
        holds=holds,
        provenance=provenance,
        note=note,
    )
