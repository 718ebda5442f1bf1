"""Thresholds of all decisions together, within a budget of BOPs.

A frame that leaves at stage k is worth 1 if that stage is right, less the price of the BOPs behind
it. At a price each decision in turn takes the threshold of the most worth, given the others, until
none changes: the worth never falls, so that this ends. Prices are halved between one at which the
budget holds and one at which it does not (Everett 1963, generalised Lagrange multipliers), which
finds what lies on the hull of what thresholds can do. From there each decision in turn takes the
most accurate threshold that the budget allows. No search over all thresholds: the best found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwflow.cascade.view import Cuts, Floats, View

# Of worth per BOPs of the last stage: from next to nothing to more than any answer can be worth.
_LOW, _HIGH = 1e-4, 1e2
_HALVINGS = 24
_ROUNDING = 1e-9
_ROUNDS = 50  # never seen to take ten; a bound against ties that turn in a circle


def most_accurate(view: View, weights: Floats, bops: Sequence[int], budget: float) -> Cuts | None:
    """Return cuts that take at most ``budget`` BOPs per frame, the most accurate found.

    ``weights`` (N,): how often each frame counts. ``bops``: per stage. None where stage 0 alone
    takes more.
    """
    if bops[0] > budget:
        return None
    spent = budget * (1 + _ROUNDING) * weights.sum()
    found = [
        _within(view, weights, bops, spent, start)
        for start in (_priced(view, weights, bops, spent), (0,) * len(view.decisions))
    ]
    return max(found, key=lambda cuts: _right(view, weights, cuts))


def _priced(view: View, weights: Floats, bops: Sequence[int], spent: float) -> Cuts:
    """Return the cuts at the lowest price found at which all frames take no more than ``spent``."""
    best: Cuts = (0,) * len(view.decisions)
    low, high = np.log(_LOW / bops[-1]), np.log(_HIGH / bops[-1])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        cuts = _at_price(view, weights, bops, float(np.exp(middle)))
        if _cost(view, weights, bops, cuts) > spent:
            low = middle
        else:
            best, high = cuts, middle
    return best


def _within(view: View, weights: Floats, bops: Sequence[int], spent: float, start: Cuts) -> Cuts:
    """Return cuts of which none can be replaced by a more accurate one within ``spent``."""
    cuts = list(start)
    for _ in range(_ROUNDS):
        before = list(cuts)
        for index in range(len(cuts)):
            right = _sums(view, weights, bops, cuts, index, price=0.0)
            cost = -_sums(view, weights, bops, cuts, index, worth=0.0, price=1.0)
            cuts[index] = int(np.argmax(np.where(cost <= spent, right, -1.0)))
        if cuts == before:
            break
    return tuple(cuts)


def _at_price(view: View, weights: Floats, bops: Sequence[int], price: float) -> Cuts:
    """Return cuts of which none is worth more with another in its place."""
    cuts = [decision.cuts - 1 for decision in view.decisions]  # everything is sent on
    for _ in range(_ROUNDS):
        before = list(cuts)
        for index in range(len(cuts) - 1, -1, -1):
            worth = _sums(view, weights, bops, cuts, index, price=price)
            cuts[index] = int(np.argmax(worth))  # the cheapest of equal ones
        if cuts == before:
            break
    return tuple(cuts)


def _sums(
    view: View,
    weights: Floats,
    bops: Sequence[int],
    cuts: list[int],
    index: int,
    *,
    worth: float = 1.0,
    price: float,
) -> Floats:
    """Return what all frames come to at each cut of decision ``index``, given the others.

    ``worth``: of a right answer; ``price``: of each BOP, of this stage and those around it.
    """
    behind = worth * view.right[-1] - price * bops[-1]
    for later in range(len(cuts) - 1, index, -1):
        leaves = view.decisions[later].rank >= cuts[later]
        behind = np.where(leaves, worth * view.right[later], behind) - price * bops[later]
    here = worth * view.right[index]
    before, arrives = 0.0, weights
    for earlier in range(index):
        before -= price * bops[earlier] * float(arrives.sum())
        leaves = view.decisions[earlier].rank >= cuts[earlier]
        before += worth * float(arrives @ (leaves & view.right[earlier]))
        arrives = np.where(leaves, 0.0, arrives)
    before -= price * bops[index] * float(arrives.sum())
    return before + view.decisions[index].sums(arrives * here, arrives * behind)


def _right(view: View, weights: Floats, cuts: Cuts) -> float:
    return float(weights @ view.outcome(view.exit_stage(cuts)))


def _cost(view: View, weights: Floats, bops: Sequence[int], cuts: Cuts) -> float:
    passed = np.cumsum(np.asarray(bops, dtype=np.float64))
    return float(weights @ passed[view.exit_stage(cuts)])
