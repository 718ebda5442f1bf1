"""How far a fraction that was counted may be from the true one."""

from __future__ import annotations

import math

import numpy as np

Z_95 = 1.959964  # standard normal quantile of 97.5 %


def wilson(value: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a fraction ``value`` of ``n``.

    Wilson, J. Am. Stat. Assoc. 22 (1927).
    """
    z2 = Z_95**2
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(value * (1 - value) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def most_losses(n: int, rate: float, *, confidence: float) -> int | None:
    """Return the largest count of ``n`` that shows, with ``confidence``, a true rate <= ``rate``.

    The largest k with P(X <= k) <= 1 − ``confidence`` for X binomial of ``n`` and ``rate``: the
    counts whose one-sided upper bound of Clopper and Pearson (Biometrika 26, 1934) is within
    ``rate``. None where not even 0 shows it.
    """
    if rate <= 0:
        return None
    if rate >= 1:
        return n
    steps = np.arange(1, n + 1, dtype=np.float64)
    # ln of P(X = k), from k = 0 up: P(k) / P(k − 1) = (n − k + 1) / k · rate / (1 − rate)
    ratios = np.log((n - steps + 1) / steps) + math.log(rate) - math.log1p(-rate)
    logs = n * math.log1p(-rate) + np.concatenate([[0.0], np.cumsum(ratios)])
    within = np.flatnonzero(np.cumsum(np.exp(logs)) <= 1 - confidence)
    return int(within[-1]) if within.size else None
