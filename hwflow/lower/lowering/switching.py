"""Where a function of integers switches: direction per channel, and thresholds by bisection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hwflow.lower.lowering.stretch import Signs
from hwflow.lower.network import IntArray

# A function of integers (C, N), channel by channel.
Function = Callable[[IntArray], NDArray[Any]]

# Values of a function that are computed at once: those of a range of 2^16 in 64 channels.
COMPLETE = 2**22
# Integers per channel at which the direction of a function with a larger range is tried.
SAMPLES = 4096


def grid(channels: int, low: int, high: int) -> tuple[IntArray, bool]:
    """Return integers (C, N) of ``low`` … ``high`` ascending, and whether these are all."""
    complete = channels * (high - low + 1) <= COMPLETE
    if complete:
        points = np.arange(low, high + 1)
    else:
        near = np.arange(-8, 9)
        spread = np.linspace(low, high, SAMPLES).astype(np.int64)
        points = np.unique(np.concatenate([spread, near]))
        points = points[(points >= low) & (points <= high)]
    return np.broadcast_to(points, (channels, len(points))), complete


def directions(values: NDArray[Any]) -> Signs | None:
    """Return per channel 1 rising, −1 falling, 0 constant of ``values`` (C, N); None if neither."""
    rises = (values[:, 1:] > values[:, :-1]).any(axis=1)
    falls = (values[:, 1:] < values[:, :-1]).any(axis=1)
    if (rises & falls).any():
        return None
    return cast(Signs, rises.astype(np.int64) - falls.astype(np.int64))


def switch_points(
    codes: Function, *, channels: int, low: int, high: int, levels: IntArray
) -> IntArray:
    """Return thresholds (C, T): the least integer whose code is at least ``levels[t]``.

    ``codes`` must not fall. A level that no integer of ``low`` … ``high`` reaches gives high + 1.
    """
    first = np.full((channels, len(levels)), low, dtype=np.int64)
    last = np.full_like(first, high + 1)
    while (open_ := first < last).any():
        middle = (first + last) >> 1
        # Where the search is over, ``middle`` may be high + 1: its code is not asked for.
        reached = codes(np.minimum(middle, high)) >= levels
        last = np.where(open_ & reached, middle, last)
        first = np.where(open_ & ~reached, middle + 1, first)
    return first
