"""The cheapest folding for a target, the fastest one within a budget, and why there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, inf

import numpy as np

from hwflow.dataflow.folding.file import stage_name
from hwflow.dataflow.folding.milp import TOLERANCE, Solution, least_overflow, solve
from hwflow.dataflow.folding.problem import RESOURCES, FloatArray, vector
from hwflow.dataflow.folding.space import Layer, Space
from hwflow.errors import ConfigError

# Any folding within the budget answers whether there is one; proving that there is none takes a
# few seconds at most on the networks tried.
_ANY, _PROBE_S = 1e3, 30.0
# A proven gap below this is rounding.
_OPTIMAL = 1e-6
_NAMES = dict(
    zip(RESOURCES, ("LUTs", "LUTs as memory", "flip-flops", "DSPs", "BRAM36"), strict=True)
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Goal:
    """Cycles per frame of each stage, from those of the whole design.

    ``share``: of a stage, the part of the frames that it must keep up with; at n cycles per frame
    of the design it may take n / share. ``fixed``: of a stage, its own target instead.
    ``ii_cycles``: the design's target, or None for the fastest within the budget, which is no
    faster than ``least``, cycles in which a frame arrives. ``asked``: the target in the user's
    words; with ``clk_period_ns``, errors tell frames per second too.
    """

    share: tuple[Fraction, ...]
    fixed: tuple[int | None, ...]
    ii_cycles: int | None
    least: int = 1
    asked: str = ""
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
    """An option of each layer of the space, and what the layers take (resources,) in all.

    ``gap``: proven relative distance from the optimum at most; 0 means optimal.
    """

    choice: tuple[int, ...]
    ii_cycles: int | None
    used: FloatArray
    gap: float


def search(space: Space, goal: Goal, budget: Budget) -> Found:
    """Return the folding that ``goal`` asks for.

    Raises:
        ConfigError: there is none; names the limiting layer, the best II that can be had, and the
            resource that binds.
    """
    if goal.ii_cycles is not None or None not in goal.fixed:
        found = _at(space, goal, budget, goal.ii_cycles or 1)
        if found is None:
            raise _unmet(space, goal, budget)
        return found
    best = _fastest(space, goal, budget)
    if best is None:
        raise _unmet(space, goal, budget)
    found = _at(space, goal, budget, best)
    assert found is not None, best
    return found


def _at(space: Space, goal: Goal, budget: Budget, ii_cycles: float) -> Found | None:
    problem, kept = space.problem(goal.limits(ii_cycles), fixed=budget.fixed)
    try:
        solution = solve(problem, prices=budget.prices, budget=budget.limit)
    except TimeoutError as error:
        raise ConfigError(
            f"the solver found no folding for {ii_cycles:,.0f} cycles per frame in its time, nor "
            f"that there is none ({error}); ask for fewer frames per second, or allow more of the "
            "part with --fill (fill: in the design)"
        ) from error
    if solution is None:
        return None
    if solution.gap > _OPTIMAL:
        log.warning("folding: out of time, within %.1f %% of the cheapest one", 100 * solution.gap)
    target = None if ii_cycles == inf else int(ii_cycles)
    return Found(_unkept(kept, solution), target, solution.used, solution.gap)


def _unkept(kept: Sequence[np.ndarray], solution: Solution) -> tuple[int, ...]:
    return tuple(int(keep[option]) for keep, option in zip(kept, solution.choice, strict=True))


def _candidates(space: Space, goal: Goal) -> list[int]:
    """Return the IIs of the design at which another option comes within its limit, ascending.

    Below the first, a layer has no option at all; between two, nothing changes.
    """
    values = {goal.least}
    least = goal.least
    for layer in space.layers:
        if goal.fixed[layer.stage] is not None:
            continue
        share = goal.share[layer.stage]
        scaled = {-floor(-option.cycles * share) for option in layer.options}
        values |= scaled
        least = max(least, min(scaled))
    return sorted(value for value in values if value >= least)


def _fastest(space: Space, goal: Goal, budget: Budget) -> int | None:
    """Return the least II whose cheapest folding stays within ``budget``, by bisection."""
    candidates = _candidates(space, goal)
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        if _fits(space, goal, budget, candidates[middle]):
            high = middle
        else:
            low = middle + 1
    return candidates[low] if low < len(candidates) else None


def _fits(space: Space, goal: Goal, budget: Budget, ii_cycles: int) -> bool:
    """Whether any folding for ``ii_cycles`` stays within ``budget``."""
    problem, _ = space.problem(goal.limits(ii_cycles), fixed=budget.fixed)
    try:
        found = solve(
            problem, prices=budget.prices, budget=budget.limit, gap=_ANY, time_limit_s=_PROBE_S
        )
    except TimeoutError:
        log.warning(
            "folding: %s cycles per frame undecided in %g s, taken as too few", ii_cycles, _PROBE_S
        )
        return False
    return found is not None


def _unmet(space: Space, goal: Goal, budget: Budget) -> ConfigError:
    """Return the error that says what limits, what can be had instead, and what binds."""
    asked = _asked(goal)
    goal = _scalable(goal)
    wanted = goal.ii_cycles or inf
    best = _fastest(space, goal, budget)
    slow = _slowest_layer(space, goal, wanted)
    if slow is not None:
        layer, cycles = slow
        reason = (
            f"layer {_called(layer)} needs at least {cycles:,} cycles per frame however far it is "
            "unfolded"
        )
        if goal.fixed[layer.stage] is not None:
            return ConfigError(f"{asked}: {reason}; raise the target of its stage to that")
    else:
        reason = _overflow(space, goal, budget, wanted)
    if best is None:
        smallest = _overflow(space, goal, budget, inf)
        told = reason if slow is None else f"{reason}. At no speed does it fit either: {smallest}"
        return ConfigError(
            f"{asked}: {told}. No folding fits {budget.part}: take a larger part or a smaller "
            "network, or allow more than there is, for simulation only, with --fill (fill: in the "
            "design)"
        )
    best_told = f"The best II that can be had within {budget.part} is {best:,} cycles"
    if goal.clk_period_ns is not None:
        best_told += f", {1e9 / (best * goal.clk_period_ns):,.0f} frames per second"
    limits = goal.limits(best)
    if len(limits) > 1:
        each = ", ".join(f"{stage_name(k)} {int(limit):,}" for k, limit in enumerate(limits))
        best_told += f" ({each})"
    if slow is not None and best == _candidates(space, goal)[0]:
        return ConfigError(
            f"{asked}: {reason}. {best_told}, where that layer is fully unfolded and no resource "
            "binds: raise the target to that, or the clock"
        )
    if slow is not None:
        best_told += f"; {_what_binds(space, goal, budget, best)}"
    return ConfigError(
        f"{asked}: {reason}. {best_told}: raise the target to that, or allow more of the part with "
        "--fill (fill: in the design)"
    )


def _asked(goal: Goal) -> str:
    """Return how the target that cannot be met is called."""
    if goal.ii_cycles is not None:
        return f"{goal.asked or f'target of {goal.ii_cycles:,} cycles per frame'} cannot be met"
    told = [
        f"{stage_name(stage)} {own:,}" for stage, own in enumerate(goal.fixed) if own is not None
    ]
    if not told:
        return "the design does not fit"
    return f"target_ii_cycles = {', '.join(told)} cannot be met"


def _scalable(goal: Goal) -> Goal:
    """Return ``goal`` as one target for the design where each stage has a target of its own."""
    if goal.ii_cycles is not None or None in goal.fixed:
        return goal
    own = [cycles for cycles in goal.fixed if cycles is not None]
    share = tuple(Fraction(own[0], cycles) for cycles in own)
    return replace(goal, share=share, fixed=(None,) * len(own), ii_cycles=own[0])


def _called(layer: Layer) -> str:
    return f"{stage_name(layer.stage)}/{layer.name}"


def _slowest_layer(space: Space, goal: Goal, ii_cycles: float) -> tuple[Layer, int] | None:
    """Return the layer that misses its limit by the largest factor in any folding."""
    limits = goal.limits(ii_cycles)
    worst = 1.0
    told: tuple[Layer, int] | None = None
    for layer in space.layers:
        cycles = min(option.cycles for option in layer.options)
        factor = cycles / max(limits[layer.stage], 0.5)
        if factor > worst:
            worst, told = factor, (layer, cycles)
    return told


def _what_binds(space: Space, goal: Goal, budget: Budget, best: int) -> str:
    """Say which resource the next II below ``best`` asks too much of."""
    faster = [value for value in _candidates(space, goal) if value < best][-1]
    return f"at {faster:,}, {_overflow(space, goal, budget, faster)}"


def _overflow(space: Space, goal: Goal, budget: Budget, ii_cycles: float) -> str:
    """Say which resources a target asks too much of, how much, and for which layer most.

    Of the folding whose largest excess is least: where LUTs could stand for DSPs, both bind.
    """
    problem, kept = space.problem(goal.limits(ii_cycles), fixed=budget.fixed)
    solution = least_overflow(problem, budget=budget.limit)
    ratio = solution.used / budget.limit
    binding = [int(r) for r in np.argsort(-ratio) if ratio[r] > 1] or [int(np.argmax(ratio))]
    needs = []
    for resource in binding:
        around = budget.fixed[resource]
        beside = f" ({around:,.0f} of them around the stages)" if around > 0 else ""
        name = _NAMES[RESOURCES[resource]]
        needs.append(
            f"{solution.used[resource]:,.0f} {name}{beside} of {budget.limit[resource]:,.0f}"
        )
    shares = [
        vector(layer.options[option].resources)[binding[0]]
        for layer, option in zip(space.layers, _unkept(kept, solution), strict=True)
    ]
    most = int(np.argmax(shares))
    names = " and ".join(_NAMES[RESOURCES[resource]] for resource in binding)
    return (
        f"{names} bind: the leanest folding needs {' and '.join(needs)}, the most "
        f"{_NAMES[RESOURCES[binding[0]]]} in layer {_called(space.layers[most])} "
        f"({shares[most]:,.0f})"
    )
