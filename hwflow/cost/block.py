"""What every cost model shares: a block's numbers, and the terms that price it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hwflow.cost.resources import Resources

#: How often each structure occurs in a block, by name; each has a fitted price.
Terms = Mapping[str, float]


@dataclass(frozen=True)
class Parts:
    """What a block is made of.

    ``exact``: what the rules of its memories and multipliers say, no fit: lutram, dsp, bram36.
    ``lut``: terms of the LUTs that are no memory. ``ff``: terms of the flip-flops.
    """

    exact: Resources
    lut: Terms
    ff: Terms


class Block(Protocol):
    """A hardware node as numbers; frozen, so that a folding is tried by ``replace``."""

    @property
    def kind(self) -> str:
        """Name of the fit."""

    def parts(self) -> Parts:
        """Return what the block is made of."""


def bits_for(count: int) -> int:
    """Return the bits of a counter through ``count`` values, $clog2, at least 1."""
    return max(1, (count - 1).bit_length())
