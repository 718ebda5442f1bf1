"""Why there is no folding: what limits, what can be had instead, and which resource binds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, inf

import numpy as np

from hwflow.dataflow.folding.file import stage_name
from hwflow.dataflow.folding.goal import Found, Goal
from hwflow.dataflow.folding.milp import least_overflow
from hwflow.dataflow.folding.prober import Prober, unkept
from hwflow.dataflow.folding.problem import RESOURCES, vector
from hwflow.dataflow.folding.space import Layer, Space, fits
from hwflow.errors import ConfigError

_NAMES = dict(
    zip(RESOURCES, ("LUTs", "LUTs as memory", "flip-flops", "DSPs", "BRAM36"), strict=True)
)
_MORE = "allow more of the part with --fill (fill: in the design)"


@dataclass(frozen=True, eq=False)
class _Slow:
    """Layers, one or a pair, that take ``cycles`` per frame in their fastest folding."""

    layers: tuple[Layer, ...]
    cycles: int

    @property
    def stage(self) -> int:
        return self.layers[0].stage

    @property
    def told(self) -> str:
        names = " and ".join(_called(layer) for layer in self.layers)
        if len(self.layers) == 1:
            return (
                f"layer {names} needs at least {self.cycles:,} cycles per frame however far it is "
                "unfolded"
            )
        return (
            f"layers {names} need at least {self.cycles:,} cycles per frame in any foldings that "
            "fit together"
        )


def unmet(prober: Prober, asked: Goal, best: Found | None) -> ConfigError:
    """Return the error for ``asked``, of which the best that fits is ``best`` of ``prober``.

    The prober's goal is ``asked`` with one target for all stages.
    """
    told, wanted = _asked(asked), prober.goal.ii_cycles or inf
    slow = _slowest(prober.space, prober.goal, wanted)
    if slow is not None and prober.goal.fixed[slow.stage] is not None:
        return ConfigError(f"{told}: {slow.told}; raise the target of its stage to that")
    reason = _overflow(prober, wanted) if slow is None else slow.told
    if best is None:
        return _nothing_fits(prober, f"{told}: {reason}", slow)
    return _instead(prober, f"{told}: {reason}. {_best_told(prober, best)}", slow, best, asked)


def _nothing_fits(prober: Prober, told: str, slow: _Slow | None) -> ConfigError:
    if slow is not None:
        told += f". At no speed does it fit either: {_overflow(prober, inf)}"
    return ConfigError(
        f"{told}. No folding {_known(prober, 'fits', 'was found that fits')} what may be filled of "
        f"{prober.budget.part}: {_MORE}, more than there is for simulation only, or take a larger "
        "part or a smaller network"
    )


def _instead(
    prober: Prober, told: str, slow: _Slow | None, best: Found, asked: Goal
) -> ConfigError:
    """Return the error that goes on from ``told`` with why ``best`` is the best."""
    if slow is None:
        return ConfigError(f"{told}: {asked.advice}, or {_MORE}")
    below = _slowest(prober.space, prober.goal, best.ii_cycles - 1)
    if below is not None:
        they = "that layer is" if len(below.layers) == 1 else "those layers are"
        return ConfigError(
            f"{told}, where {they} fully unfolded and no resource binds: {asked.advice}, or raise "
            "the clock"
        )
    faster = [value for value in prober.candidates if value < best.ii_cycles]
    if not faster:
        return ConfigError(f"{told}, in which a frame arrives: {asked.advice}")
    why = _overflow(prober, faster[-1])
    return ConfigError(f"{told}; at {faster[-1]:,}, {why}: {asked.advice}, or {_MORE}")


def _best_told(prober: Prober, best: Found) -> str:
    kind = _known(prober, "that can be had", "found")
    told = f"The best II {kind} within {prober.budget.part} is {best.ii_cycles:,} cycles"
    if prober.goal.clk_period_ns is not None:
        # Rounded down, so that asking for it is asking for no more.
        period = Fraction(str(prober.goal.clk_period_ns))
        told += f", {floor(10**9 / (best.ii_cycles * period)):,} frames per second"
    if len(best.limits) > 1:
        each = ", ".join(f"{stage_name(k)} {int(limit):,}" for k, limit in enumerate(best.limits))
        told += f" ({each})"
    if prober.undecided:
        listed = ", ".join(f"{ii:,}" for ii in sorted(prober.undecided))
        told += f", with {listed} cycles undecided in the solver's time"
    return told


def _known(prober: Prober, proven: str, found: str) -> str:
    return found if prober.undecided else proven


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


def _called(layer: Layer) -> str:
    return f"{stage_name(layer.stage)}/{layer.name}"


def _slowest(space: Space, goal: Goal, ii_cycles: float) -> _Slow | None:
    """Return what misses its limit by the largest factor in any folding, if anything does."""
    limits = goal.limits(ii_cycles)

    def factor(slow: _Slow) -> float:
        return slow.cycles / max(limits[slow.stage], 0.5)

    worst = max(_fastest_foldings(space), key=factor)
    return worst if factor(worst) > 1 else None


def _fastest_foldings(space: Space) -> Iterator[_Slow]:
    """Yield every layer, then the pairs of layers that cannot be folded one by one."""
    for layer in space.layers:
        yield _Slow((layer,), min(option.cycles for option in layer.options))
    for stream in space.streams:
        source, target = space.layers[stream.source], space.layers[stream.target]
        pairs = [(a, b) for a in source.options for b in target.options]
        legal = [max(a.cycles, b.cycles) for a, b in pairs if fits(source, a, target, b)]
        if legal and len(legal) < len(pairs):
            yield _Slow((source, target), min(legal))


def _overflow(prober: Prober, ii_cycles: float) -> str:
    """Say which resources a target asks too much of, how much, and for which layer most.

    Of the folding whose largest excess is least: where LUTs could stand for DSPs, both bind.
    """
    space, limit, fixed = prober.space, prober.budget.limit, prober.stood(ii_cycles)
    problem, kept = space.problem(prober.goal.limits(ii_cycles), fixed=fixed)
    solution = least_overflow(problem, budget=limit)
    if solution is None:
        slowest = max(
            (slow for slow in _fastest_foldings(space) if len(slow.layers) == 1),
            key=lambda slow: slow.cycles / max(prober.goal.limits(1e6)[slow.stage], 0.5),
        )
        return (
            "which resource binds stayed undecided in the solver's time; of all layers "
            f"{_called(slowest.layers[0])} is the slowest, with at least {slowest.cycles:,} cycles "
            "per frame"
        )
    ratio = solution.used / limit
    binding = [int(r) for r in np.argsort(-ratio) if ratio[r] > 1] or [int(np.argmax(ratio))]
    needs = []
    for resource in binding:
        around = fixed[resource]
        beside = f" ({around:,.0f} of them around the stages)" if around > 0 else ""
        name = _NAMES[RESOURCES[resource]]
        needs.append(f"{solution.used[resource]:,.0f} {name}{beside} of {limit[resource]:,.0f}")
    shares = [
        vector(layer.options[option].resources)[binding[0]]
        for layer, option in zip(space.layers, unkept(kept, solution), strict=True)
    ]
    most = int(np.argmax(shares))
    names = " and ".join(_NAMES[RESOURCES[resource]] for resource in binding)
    return (
        f"{names} bind: the leanest folding needs {' and '.join(needs)}, the most "
        f"{_NAMES[RESOURCES[binding[0]]]} in layer {_called(space.layers[most])} "
        f"({shares[most]:,.0f})"
    )
