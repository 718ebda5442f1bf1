"""Exchanges single units and memories of folded networks until they keep to a budget.

Prices alone cannot: layers that are alike change from LUTs to DSPs all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import inf

from hwflow.cost.network import Folded, LayerEstimate, NetworkEstimate, foldings, worth
from hwflow.cost.nodes import Node
from hwflow.cost.resources import Resources

_NAMES = tuple(field.name for field in fields(Resources))
# Of an exchange that costs nothing, so that one divides by something.
_LEAST_WORTH = 1e-9
# Less is rounding, and could be taken back and forth for ever.
_LEAST_RELIEF = 1e-9


def overrun(taken: Resources, budget: Resources) -> dict[str, float]:
    """Return the resources that ``taken`` has more of than ``budget``, with their ratio."""
    over = {}
    for name in _NAMES:
        have, limit = getattr(taken, name), getattr(budget, name)
        if have > limit:
            over[name] = have / limit if limit > 0 else inf
    return over


@dataclass(frozen=True)
class _Swap:
    """An exchange: layer ``layer`` of network ``network`` takes the folding ``to``."""

    network: int
    layer: int
    to: Folded
    change: Resources


def eased(
    chains: Sequence[Sequence[Node]],
    networks: Sequence[NetworkEstimate],
    budget: Resources,
    prices: Resources,
) -> tuple[NetworkEstimate, ...] | None:
    """Return ``networks`` within ``budget``, lanes and cycles as they are; None if that fails.

    Each step takes the exchange that brings the most relief for what it costs at ``prices``.
    """
    now = [list(network.layers) for network in networks]
    taken = sum((network.resources for network in networks), Resources())
    while overrun(taken, budget):
        excess = _excess(taken, budget)
        best: tuple[float, _Swap] | None = None
        for swap in _swaps(chains, now):
            relief = excess - _excess(taken + swap.change, budget)
            if relief <= _LEAST_RELIEF:
                continue
            merit = relief / max(_LEAST_WORTH, worth(swap.change, prices))
            if best is None or merit > best[0]:
                best = merit, swap
        if best is None:
            return None
        swap = best[1]
        layers = now[swap.network]
        layers[swap.layer] = replace(layers[swap.layer], folded=swap.to)
        taken += swap.change
    return tuple(NetworkEstimate(tuple(layers)) for layers in now)


def _swaps(
    chains: Sequence[Sequence[Node]], now: Sequence[Sequence[LayerEstimate]]
) -> Iterator[_Swap]:
    """Yield what may stand in the place of each layer with the same streams on either side."""
    for network, (chain, layers) in enumerate(zip(chains, now, strict=True)):
        for place, (node, layer) in enumerate(zip(chain, layers, strict=True)):
            own, streams = layer.folded, _streams(layer.folded)
            for other in foldings(node):
                if _streams(other) == streams and other != own:
                    yield _Swap(network, place, other, other.own - own.own)


def _streams(folded: Folded) -> tuple[int, ...]:
    option = folded.option
    return option.cycles, option.in_lanes, option.out_lanes, option.words, option.refill


def _excess(taken: Resources, budget: Resources) -> float:
    """Return by how much the budget is overrun, summed over resources as shares of it.

    Finite with nothing left of a resource too, so that each exchange shows its relief.
    """
    excess: float = sum(
        (getattr(taken, name) - getattr(budget, name)) / max(1.0, getattr(budget, name))
        for name in overrun(taken, budget)
    )
    return excess
