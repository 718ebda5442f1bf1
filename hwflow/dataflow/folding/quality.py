"""How good the solver's foldings are: against every folding, and against FINN's SetFolding.

All of it must run inside ``hwflow.dataflow.finn.session``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.folding.exhaustion import cheapest, choices
from hwflow.dataflow.folding.instances import little_network
from hwflow.dataflow.folding.milp import Solution, solve
from hwflow.dataflow.folding.plan import PRICES
from hwflow.dataflow.folding.problem import RESOURCES, FloatArray, Problem, vector
from hwflow.dataflow.folding.setfolding import set_folding
from hwflow.dataflow.folding.space import Space, space_of
from hwflow.dataflow.parts import resources_of
from hwflow.lower.network import Network

# More foldings than this are not tried: the next seed is.
MOST_CHOICES = 300_000
_FREE = np.full(len(RESOURCES), np.inf)


@dataclass(frozen=True)
class AgainstAll:
    """One little network and budget; costs are shares of the part, or infinite: nothing fits.

    ``bound``: whether the budget, not the target alone, decided.
    """

    seed: int
    choices: int
    bound: bool
    solver: float
    optimum: float

    @property
    def excess(self) -> float:
        """The solver's cost beyond the optimum, as a fraction; infinite if it missed one."""
        if self.solver == self.optimum:  # both infinite, too
            return 0.0
        return self.solver / self.optimum - 1


@dataclass(frozen=True)
class AgainstSetFolding:
    """One network at the cycles per frame that SetFolding reaches; costs are shares of the part."""

    network: str
    target: int
    ii_cycles: int
    set_folding: float
    solver: float
    gap: float
    seconds: float


def part_prices(part: str) -> FloatArray:
    """Return the price (resources,) of one LUT and so on, in shares of ``part``."""
    return vector(PRICES) / vector(resources_of(part))


def against_all(count: int, *, part: str, first_seed: int = 0) -> tuple[AgainstAll, ...]:
    """Return the comparison with exhaustion on ``count`` little networks of consecutive seeds."""
    rows: list[AgainstAll] = []
    seed = first_seed
    while len(rows) < count:
        row = _against_all(seed, part_prices(part))
        if row is not None:
            rows.append(row)
        seed += 1
    return tuple(rows)


def _against_all(seed: int, prices: FloatArray) -> AgainstAll | None:
    random = np.random.default_rng([seed, 1])
    space = space_of([to_hardware(little_network(seed))])
    problem = _drawn_target(space, random)
    if choices(problem) > MOST_CHOICES:
        return None
    free = solve(problem, prices=prices, budget=_FREE)
    assert free is not None, seed
    budget = _drawn_budget(problem, free, random)
    found = solve(problem, prices=prices, budget=budget)
    cost = np.inf if found is None else float(found.used @ prices)
    bound = bool((free.used > budget).any())
    return AgainstAll(
        seed, choices(problem), bound, cost, cheapest(problem, prices=prices, budget=budget)
    )


def _drawn_target(space: Space, random: np.random.Generator) -> Problem:
    """Return the problem at a target between the fastest and the slowest folding."""
    ends = [
        (min(o.cycles for o in layer.options), max(o.cycles for o in layer.options))
        for layer in space.layers
    ]
    fastest, slowest = (max(end) for end in zip(*ends, strict=True))
    target = int(np.exp(random.uniform(np.log(fastest), np.log(slowest))))
    problem, _ = space.problem([max(target, fastest)])
    return problem


def _drawn_budget(problem: Problem, free: Solution, random: np.random.Generator) -> FloatArray:
    """Return a budget below what the cheapest folding takes of one resource, where one can be."""
    budget = _FREE.copy()
    ends = []
    for name in ("lut", "dsp", "bram36", "lutram"):
        alone = (np.array(RESOURCES) == name).astype(np.float64)
        leanest = solve(problem, prices=alone, budget=_FREE)
        assert leanest is not None
        place = RESOURCES.index(name)
        if free.used[place] > leanest.used[place] + 1e-6:
            ends.append((place, leanest.used[place], free.used[place]))
    if ends:
        place, least, most = ends[random.integers(len(ends))]
        budget[place] = least + random.uniform(0.05, 0.95) * (most - least)
    return budget


def against_set_folding(
    network: Network, targets: Sequence[int], *, name: str, part: str
) -> tuple[AgainstSetFolding, ...]:
    """Return the comparison with SetFolding on ``network``, without a budget, at each target."""
    started = perf_counter()
    space = space_of([to_hardware(network)])
    listed = perf_counter() - started
    prices = part_prices(part)
    rows = []
    for target in targets:
        theirs, reached = set_folding(space, target, prices=prices)
        started = perf_counter()
        problem, kept = space.problem([reached])
        ours = solve(problem, prices=prices, budget=_FREE)
        seconds = perf_counter() - started + listed
        assert ours is not None, (name, reached)
        places = [list(keep).index(option) for keep, option in zip(kept, theirs, strict=True)]
        rows.append(
            AgainstSetFolding(
                network=name,
                target=target,
                ii_cycles=reached,
                set_folding=float(problem.used(places) @ prices),
                solver=float(ours.used @ prices),
                gap=ours.gap,
                seconds=seconds,
            )
        )
    return tuple(rows)
