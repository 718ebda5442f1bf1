"""The cheapest folding for a target, or the fastest one within a budget."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction

from hwflow.dataflow.folding.goal import Budget, Found, Goal
from hwflow.dataflow.folding.prober import Around, Prober
from hwflow.dataflow.folding.space import Space
from hwflow.dataflow.folding.unmet import unmet
from hwflow.errors import ConfigError

# A proven gap below this is rounding.
_OPTIMAL = 1e-6

log = logging.getLogger(__name__)


def search(space: Space, goal: Goal, budget: Budget, *, around: Around | None = None) -> Found:
    """Return the folding that ``goal`` asks for.

    ``around``: what stands around the stages of one folding, where that is more than the budget's
    ``fixed``; each II is judged beside its own.

    Raises:
        ConfigError: there is none; names the limiting layer, the best II that can be had, and the
            resource that binds.
    """
    prober = Prober(space, goal, budget, around)
    found = _cheapest(prober) if _has_target(goal) else _fastest(prober)
    if found.gap > _OPTIMAL:
        log.warning("folding: within %.1f %% of the cheapest one", 100 * found.gap)
    return replace(found, undecided=tuple(sorted(prober.undecided)))


def _has_target(goal: Goal) -> bool:
    return goal.ii_cycles is not None or None not in goal.fixed


def _fastest(prober: Prober) -> Found:
    best = prober.fastest()
    if best is None:
        raise unmet(prober, prober.goal, None)
    try:
        # The budget's edge can look different to the solver from here: what was found stands.
        return prober.cheapest(best.ii_cycles) or best
    except TimeoutError:
        return best


def _cheapest(prober: Prober) -> Found:
    goal = prober.goal
    target = goal.ii_cycles or 1
    try:
        found = prober.cheapest(target)
    except TimeoutError as error:
        raise ConfigError(
            f"the solver found no folding for {target:,} cycles per frame in its time, nor "
            f"that there is none ({error}); ask for fewer frames per second, or allow more of the "
            "part with --fill (fill: in the design)"
        ) from error
    if found is not None:
        return found
    scaled = prober.scaled(_scalable(goal))
    best = scaled.fastest()
    if best is None or best.ii_cycles > (scaled.goal.ii_cycles or 0):
        raise unmet(scaled, goal, best)
    return best  # a faster one fits, with less around it


def _scalable(goal: Goal) -> Goal:
    """Return ``goal`` as one target for the design where each stage has a target of its own."""
    if goal.ii_cycles is not None or None in goal.fixed:
        return goal
    own = [cycles for cycles in goal.fixed if cycles is not None]
    share = tuple(Fraction(own[0], cycles) for cycles in own)
    return replace(goal, share=share, fixed=(None,) * len(own), ii_cycles=own[0])
