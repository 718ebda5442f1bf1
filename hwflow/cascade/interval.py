"""How far a fraction that was counted may be from the true one."""

from __future__ import annotations

import math

Z_95 = 1.959964  # standard normal quantile of 97.5 %


def wilson(value: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a fraction ``value`` of ``n``.

    Wilson, J. Am. Stat. Assoc. 22 (1927).
    """
    z2 = Z_95**2
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(value * (1 - value) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
