"""The folding problem by trying every choice: the yardstick of the solver on small instances."""

from __future__ import annotations

from math import prod

import numpy as np

from hwflow.dataflow.folding.problem import FloatArray, Problem

_CHUNK = 1 << 17


def choices(problem: Problem) -> int:
    """Return how many choices there are."""
    return prod(len(node.cycles) for node in problem.nodes)


def cheapest(problem: Problem, *, prices: FloatArray, budget: FloatArray) -> float:
    """Return the least Σ prices × used within ``budget``; infinite if nothing fits."""
    sizes = tuple(len(node.cycles) for node in problem.nodes)
    best = np.inf
    for start in range(0, choices(problem), _CHUNK):
        indices = np.arange(start, min(start + _CHUNK, choices(problem)))
        chosen = np.unravel_index(indices, sizes)
        used = np.tile(problem.fixed, (len(indices), 1))
        for node, options in zip(problem.nodes, chosen, strict=True):
            used += node.cost[options]
        for edge in problem.edges:
            sources = edge.source_class[chosen[edge.source]]
            used += edge.cost[sources, edge.target_class[chosen[edge.target]]]
        fits = (used <= budget).all(axis=1)
        if fits.any():
            best = min(best, float((used[fits] @ prices).min()))
    return best
