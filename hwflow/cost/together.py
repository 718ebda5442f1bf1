"""Several networks on one part: foldings that keep to targets of their own and share a budget.

What they take together is weighed by prices (Lagrange multipliers). At any prices the cheapest
foldings of all networks are found one network at a time; where even they cost more than the
budget at those prices, no foldings keep to it, which is a proof. Else what ran out gets dearer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from hwflow.cost.network import NetworkEstimate, within, worth
from hwflow.cost.nodes import Node
from hwflow.cost.resources import Resources
from hwflow.cost.swaps import eased

# A DSP counts half its share of the budget, as in hwflow.dataflow.folding.plan; flip-flops and LUTs
# as memory count only once they have run out.
_FIRST_SHARES = Resources(lut=1.0, lutram=1e-3, ff=1e-3, dsp=0.5, bram36=1.0)
# Prices that are tried, and by how much one may change at a time.
_TRIES, _STEEPEST = 16, 4.0
_ROUNDING = 1e-9
_NAMES = tuple(field.name for field in fields(Resources))

#: Foldings of the networks → what stands around them on the part.
Around = Callable[[Sequence[NetworkEstimate]], Resources]


@dataclass(frozen=True)
class Together:
    """Foldings of all networks, ``around`` them what they need, within a budget."""

    networks: tuple[NetworkEstimate, ...]
    around: Resources

    @property
    def resources(self) -> Resources:
        """All of it."""
        return sum((network.resources for network in self.networks), self.around)


def together(
    chains: Sequence[Sequence[Node]],
    targets: Sequence[int],
    budget: Resources,
    *,
    around: Around,
    least: Resources,
) -> Together | None:
    """Return foldings within ``targets`` cycles a frame each, and within ``budget``; or None.

    ``around``: what stands around them; ``least``: it at its smallest. Nearly always None means
    that there are none, as prices prove; where prices neither prove it nor lead to foldings, it
    means that none were found.
    """
    prices = _first_prices(budget)
    for _ in range(_TRIES):
        cheapest = []
        for chain, target in zip(chains, targets, strict=True):
            network = within(chain, target_ii=target, prices=prices)
            if network is None:
                return None
            cheapest.append(network)
        taken = sum((network.resources for network in cheapest), least)
        if worth(taken, prices) > worth(budget, prices) * (1 + _ROUNDING):
            return None
        beside = around(cheapest)
        networks = eased(chains, cheapest, budget - beside, prices)
        if networks is not None:
            return Together(networks, beside)
        prices = _dearer(prices, taken - least + beside, budget)
    return None


def _first_prices(budget: Resources) -> Resources:
    return Resources(*(_price(budget, name) for name in _NAMES))


def _price(budget: Resources, name: str) -> float:
    share: float = getattr(_FIRST_SHARES, name)
    limit: float = getattr(budget, name)
    return share / limit if limit else share


def _dearer(prices: Resources, taken: Resources, budget: Resources) -> Resources:
    """Return prices at which what ran out counts more, and what is left over less."""
    changed = {}
    for name in _NAMES:
        limit = getattr(budget, name)
        ratio = getattr(taken, name) / limit if limit else _STEEPEST
        factor = min(_STEEPEST, max(1 / _STEEPEST, ratio**2))
        changed[name] = getattr(prices, name) * factor
    return replace(prices, **changed)
