"""Latency of a chain of folded nodes, from what each has to read before it can answer."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from hwflow.cost.nodes import Node, Pooling, Products, Windows

# Registers from a layer's input to its output, rounded up over all kinds of layers used.
PIPELINE_CYCLES = 16


def chain_latency_cycles(nodes: Sequence[Node], cycles: Sequence[int]) -> int:
    """Return the estimated clocks from a frame's first input beat to its last score.

    ``cycles``: of each node per frame. As ``hwflow.dataflow.estimate.latency_cycles`` has it for a
    built stage, with a FIFO and a converter in front of every node, and the branches of a residual
    block one after the other: rather too much than too little.
    """
    begin, end = 0.0, float(max(cycles))
    for node, own in zip(nodes, cycles, strict=True):
        fraction = _first_fraction(node)
        begin += fraction * (end - begin) + 3 * PIPELINE_CYCLES
        end = max(end + fraction * own, begin + own) + 3 * PIPELINE_CYCLES
    return ceil(end)


def _first_fraction(node: Node) -> float:
    """Return the part of its input frame that ``node`` reads before its first output."""
    match node:
        case Windows():
            return node.refill / node.at.pixels
        case Pooling(kernel=(rows, columns)):
            return ((rows - 1) * node.at.width + columns) / node.at.pixels
        case Products():
            return 1 / node.cost.pixels
        case _:
            return 0.0
