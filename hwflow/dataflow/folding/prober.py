"""Whether a design can be folded for so many cycles per frame, and the fewest at which it can."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, inf

import numpy as np

from hwflow.dataflow.folding.goal import Budget, Found, Goal
from hwflow.dataflow.folding.milp import Solution, solve
from hwflow.dataflow.folding.problem import FloatArray, IntArray
from hwflow.dataflow.folding.space import Space

# Any folding within the budget answers whether there is one; proving that there is none takes a
# few seconds at most on the networks tried.
_ANY, _PROBE_S = 1e3, 30.0
_CHEAPEST_S = 120.0
# What stands around the stages follows their folding: how often to fold again beside it.
_ROUNDS = 4

# The option of each layer → what stands around the stages then (resources,).
Around = Callable[[tuple[int, ...]], FloatArray]

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Prober:
    """Answers for ``goal`` within ``budget``, whose ``fixed`` is the least that stands around.

    ``around``: what does beside one folding; None if always the least. ``undecided``: IIs that
    were given up, and count as too few cycles.
    """

    space: Space
    goal: Goal
    budget: Budget
    around: Around | None = None
    undecided: set[int] = field(default_factory=set)
    _probed: dict[int, Found | None] = field(default_factory=dict)
    _stood: dict[int, FloatArray] = field(default_factory=dict)

    def scaled(self, goal: Goal) -> Prober:
        """Return one for ``goal`` instead."""
        return self if goal == self.goal else Prober(self.space, goal, self.budget, self.around)

    @cached_property
    def candidates(self) -> list[int]:
        """IIs of the design at which another option comes within its limit, ascending.

        Below the first, a layer has no option at all; between two, nothing changes but FIFOs by
        formula.
        """
        values = {self.goal.least}
        least = self.goal.least
        for layer in self.space.layers:
            if self.goal.fixed[layer.stage] is not None:
                continue
            share = self.goal.share[layer.stage]
            scaled = {ceil(option.cycles * share) for option in layer.options}
            values |= scaled
            least = max(least, min(scaled))
        return sorted(value for value in values if value >= least)

    def cheapest(self, ii_cycles: int) -> Found | None:
        """Return the cheapest folding for ``ii_cycles``, or None.

        Raises:
            TimeoutError: nothing found, and nothing disproved.
        """
        return self._attempt(ii_cycles, gap=0.0, time_limit_s=_CHEAPEST_S)

    def fastest(self) -> Found | None:
        """Return a folding at the least II that has one, by bisection.

        That is the least if what fits at some II fits at any slower one.
        """
        best: Found | None = None
        low, high = 0, len(self.candidates)
        while low < high:
            middle = (low + high) // 2
            found = self._probe(self.candidates[middle])
            if found is None:
                low = middle + 1
            else:
                high, best = middle, found
        return best

    def stood(self, ii_cycles: float) -> FloatArray:
        """Return what stood around (resources,) when ``ii_cycles`` was tried, if it was.

        With all the time there is, as at the slowest that was tried.
        """
        if ii_cycles == inf:
            ii_cycles = max(self._stood, default=0)
        return self._stood.get(int(ii_cycles), self.budget.fixed)

    def _probe(self, ii_cycles: int) -> Found | None:
        """Return any folding for ``ii_cycles`` that fits, or None."""
        if ii_cycles not in self._probed:
            try:
                found = self._attempt(ii_cycles, gap=_ANY, time_limit_s=_PROBE_S)
            except TimeoutError:
                log.warning(
                    "folding: %s cycles per frame undecided in %g s, taken as too few",
                    ii_cycles,
                    _PROBE_S,
                )
                self.undecided.add(ii_cycles)
                found = None
            self._probed[ii_cycles] = found
        return self._probed[ii_cycles]

    def _attempt(self, ii_cycles: int, *, gap: float, time_limit_s: float) -> Found | None:
        """Fold beside the least that stands around, then beside what did, until both fit.

        Only for these cycles per frame: slower stages may need less around them, or more.
        """
        limits = self.goal.limits(ii_cycles)
        fixed, budget = self.budget.fixed, self.budget
        problem, kept = self.space.problem(limits, fixed=fixed)
        bound: float | None = None
        for _ in range(_ROUNDS):
            solution = solve(
                replace(problem, fixed=fixed),
                prices=budget.prices,
                budget=budget.limit,
                gap=gap,
                time_limit_s=time_limit_s,
            )
            if solution is None:
                return None
            layers = solution.used - fixed
            cost = float(layers @ budget.prices)
            if bound is None:  # no folding is cheaper, whatever stands around it
                bound = cost * max(0.0, 1 - solution.gap)
            choice = unkept(kept, solution)
            actual = fixed if self.around is None else self.around(choice)
            if budget.holds(layers + actual):
                proven = 1 - bound / cost if cost > bound else 0.0
                return Found(choice, ii_cycles, limits, layers + actual, cost, proven)
            fixed = self._stood[ii_cycles] = np.maximum(fixed, actual)
        self.undecided.add(ii_cycles)
        return None


def unkept(kept: Sequence[IntArray], solution: Solution) -> tuple[int, ...]:
    """Return the options of ``solution`` among all of each layer, of which those ``kept``."""
    return tuple(int(keep[option]) for keep, option in zip(kept, solution.choice, strict=True))
