"""What a design is folded for, what it may take, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor, inf

from hwflow.dataflow.folding.milp import TOLERANCE
from hwflow.dataflow.folding.problem import FloatArray


@dataclass(frozen=True)
class Goal:
    """Cycles per frame of each stage, from those of the whole design.

    ``share``: of a stage, the part of the frames that it must keep up with; at n cycles per frame
    of the design it may take n / share. ``fixed``: of a stage, its own target instead.
    ``ii_cycles``: the design's target, or None for the fastest within the budget, which is no
    faster than ``least``, cycles in which a frame arrives. ``asked``: the target in the user's
    words, ``advice``: what to do if it cannot be met; with ``clk_period_ns``, errors tell frames
    per second too.
    """

    share: tuple[Fraction, ...]
    fixed: tuple[int | None, ...]
    ii_cycles: int | None
    least: int = 1
    asked: str = ""
    advice: str = "raise the target to that"
    clk_period_ns: float | None = None

    def limits(self, ii_cycles: float) -> tuple[float, ...]:
        """Return the cycles that each stage may take where the design takes ``ii_cycles``."""
        return tuple(
            own if own is not None else ii_cycles if ii_cycles == inf else floor(ii_cycles / share)
            for share, own in zip(self.share, self.fixed, strict=True)
        )


@dataclass(frozen=True, eq=False)
class Budget:
    """What all stages may take of a part, ``limit``, beside ``fixed``; (resources,) each.

    ``prices``: what one LUT, DSP … costs.
    """

    part: str
    limit: FloatArray
    prices: FloatArray
    fixed: FloatArray

    def holds(self, used: FloatArray) -> bool:
        """Whether ``used`` (resources,) stays within, up to the solver's tolerance."""
        return bool((used <= self.limit * (1 + TOLERANCE)).all())


@dataclass(frozen=True, eq=False)
class Found:
    """An option of each layer of the space, for ``limits``, cycles per frame of each stage.

    ``ii_cycles``: of the design. ``used`` (resources,): by the stages and what stands around them.
    ``cost``: of the stages alone, at the budget's prices. ``gap``: its proven relative distance
    from the optimum at most; 0 means optimal. ``undecided``: IIs that the solver had no answer for
    in its time.
    """

    choice: tuple[int, ...]
    ii_cycles: int
    limits: tuple[float, ...]
    used: FloatArray
    cost: float
    gap: float
    undecided: tuple[int, ...] = ()
