"""The folding problem in numbers: options of nodes, costs of options and of pairs along edges.

Nothing here knows of FINN, so that a solver can be compared with exhaustion on any instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.cost.resources import Resources

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: The order of resources in every array here.
RESOURCES = ("lut", "lutram", "ff", "dsp", "bram36")


def vector(resources: Resources) -> FloatArray:
    """Return ``resources`` as (len(RESOURCES),) float64."""
    return np.array([getattr(resources, name) for name in RESOURCES], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Node:
    """One layer: ``cycles`` (options,) per frame and ``cost`` (options, resources)."""

    name: str
    stage: int
    cycles: IntArray
    cost: FloatArray


@dataclass(frozen=True, eq=False)
class Edge:
    """One stream between two nodes, by index.

    What it costs depends on the classes of the two options, mostly their lanes:
    ``source_class`` (options of source,), ``target_class`` (options of target,), ``cost`` (source
    classes, target classes, resources); infinite where the two do not fit together.
    """

    source: int
    target: int
    source_class: IntArray
    target_class: IntArray
    cost: FloatArray


@dataclass(frozen=True, eq=False)
class Problem:
    """Choose one option of each node; all sums count, and ``fixed`` (resources,) besides."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    fixed: FloatArray

    def used(self, choice: Sequence[int]) -> FloatArray:
        """Return the resources (resources,) of ``choice``, an option of each node."""
        total = self.fixed.copy()
        for node, option in zip(self.nodes, choice, strict=True):
            total += node.cost[option]
        for edge in self.edges:
            source = edge.source_class[choice[edge.source]]
            total += edge.cost[source, edge.target_class[choice[edge.target]]]
        return total

    def restricted(self, keep: Sequence[IntArray]) -> Problem:
        """Return the problem with only the options ``keep`` of each node, in that order.

        Classes that no option is left of go too.
        """
        nodes = tuple(
            Node(node.name, node.stage, node.cycles[kept], node.cost[kept])
            for node, kept in zip(self.nodes, keep, strict=True)
        )
        edges = []
        for edge in self.edges:
            sources, source_class = np.unique(
                edge.source_class[keep[edge.source]], return_inverse=True
            )
            targets, target_class = np.unique(
                edge.target_class[keep[edge.target]], return_inverse=True
            )
            cost = edge.cost[np.ix_(sources, targets)]
            edges.append(Edge(edge.source, edge.target, source_class, target_class, cost))
        return Problem(nodes, tuple(edges), self.fixed)


def undominated(problem: Problem) -> tuple[IntArray, ...]:
    """Return the options of each node that an optimum may need.

    An option goes if another of the same node takes no more of any resource even with the worst
    change of converters and FIFOs on all its streams, whatever the neighbours choose. So some
    cheapest choice survives under any prices and budget.
    """
    gains = [_differences(node.cost) for node in problem.nodes]
    for edge in problem.edges:
        for node, classes, cost in (
            (edge.source, edge.source_class, edge.cost),
            (edge.target, edge.target_class, edge.cost.transpose(1, 0, 2)),
        ):
            worst = _worst_change(cost)
            # Illegal on one stream, legal on another: not a number, which beats nothing.
            with np.errstate(invalid="ignore"):
                gains[node] = gains[node] + worst[np.ix_(classes, classes)]
    return tuple(_survivors(gain) for gain in gains)


def _differences(cost: FloatArray) -> FloatArray:
    """Return (a, b, resources): what a takes beyond b."""
    return cost[:, None, :] - cost[None, :, :]


def _worst_change(cost: FloatArray) -> FloatArray:
    """Return (a, b, resources): the most that class a adds over b, whatever the other side is."""
    finite = np.asarray(np.isfinite(cost).all(axis=2))
    known = np.where(np.isfinite(cost), cost, 0.0)
    change = known[:, None] - known[None, :]  # a, b, other, resources
    change[np.broadcast_to((~finite[None, :])[..., None], change.shape)] = -np.inf  # b illegal
    lost = finite[None, :] & ~finite[:, None]  # a illegal where b is not
    change[np.broadcast_to(lost[..., None], change.shape)] = np.inf
    return np.asarray(change.max(axis=2))


def _survivors(gain: FloatArray) -> IntArray:
    """Return the options that no other one beats; of equal ones the first."""
    beats = np.asarray((gain <= 0).all(axis=2))  # a beats b
    np.fill_diagonal(beats, False)
    order = np.arange(len(beats))
    beats &= ~beats.T | (order[:, None] < order[None, :])
    return np.flatnonzero(~beats.any(axis=0))
