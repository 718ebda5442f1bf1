"""Requantiser parameters that equal given thresholds on every accumulator, searched exactly.

Thresholds are a staircase over the integers acc_low … acc_high; a requantiser is a clipped line
rounded down, ⌊(a·M + B) / 2^S⌋. The two agree everywhere iff at each switch point t, where the
staircase reaches level c, the line has reached it too and one accumulator earlier had not:

    t·M + B ≥ c·2^S   and   (t − 1)·M + B ≤ c·2^S − 1.

For a given S and M this leaves an interval of B whose length is concave in M, so that bisection
over the integers M decides, channel by channel, without rounding anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# All products and levels of the search stay below 2^60, so that sums of two stay within int64.
SAFE_BITS = 60
FREE = np.int64(1) << 61


@dataclass(frozen=True, eq=False)
class Requant:
    """clip((acc · multiplier + bias) >> shift, low, high), the shift being arithmetic.

    ``multiplier``, ``bias``: (C,) int64. ``shift``: common to all channels.
    """

    multiplier: IntArray
    bias: IntArray
    shift: int
    low: int
    high: int

    @property
    def multiplier_bits(self) -> int:
        """Bits of the widest multiplier in two's complement."""
        return _signed_bits(self.multiplier)

    @property
    def bias_bits(self) -> int:
        """Bits of the widest bias in two's complement."""
        return _signed_bits(self.bias)

    def apply(self, accumulators: IntArray) -> IntArray:
        """Return the output integers of ``accumulators`` (..., C) int64."""
        shifted = (accumulators * self.multiplier + self.bias) >> self.shift
        clipped: IntArray = np.clip(shifted, self.low, self.high)
        return clipped


def find_requant(
    thresholds: IntArray,
    *,
    low: int,
    acc_low: int,
    acc_high: int,
    max_multiplier_bits: int = 24,
    max_bias_bits: int = 48,
) -> Requant | None:
    """Return the narrowest requantiser that equals ``low`` + Σ_t [acc >= thresholds[c, t]].

    ``thresholds``: (C, T) int64, ascending along T; at or below ``acc_low`` they are always, above
    ``acc_high`` never reached. Equality holds for every integer acc_low … acc_high in every
    channel. Multipliers are positive and below 2^max_multiplier_bits, or 0 in a channel whose
    output never changes; biases fit ``max_bias_bits`` in two's complement. None: there are no such
    parameters with one shift for all channels.
    """
    switches = _Switches.of(thresholds, low=low, acc_low=acc_low, acc_high=acc_high)
    largest = (1 << min(max_multiplier_bits, switches.safe_multiplier_bits)) - 1
    shift = _smallest_shift(switches, largest)
    if shift is None:
        return None
    multiplier = np.zeros(len(switches.at), dtype=np.int64)
    bias = switches.first << shift  # what a channel that never changes needs
    varying = np.flatnonzero(switches.varying)
    if len(varying):
        part = switches.take(varying)
        multiplier[varying] = part.smallest_multiplier(shift, largest)
        least, greatest = part.bias_bounds(multiplier[varying], shift)
        if np.any(least > greatest):  # the common shift makes some multiplier too wide
            return None
        bias[varying] = np.clip(0, least, greatest)
    if _signed_bits(bias) > max_bias_bits:
        return None
    return Requant(multiplier, bias, shift, switches.low, switches.high)


def _smallest_shift(switches: _Switches, largest: int) -> int | None:
    """Return the smallest shift at which every channel has parameters.

    What solves a channel solves it at the next shift too, with M and B doubled, so that a solved
    channel needs no second look until then.
    """
    pending = np.flatnonzero(switches.varying)
    if not len(pending):
        return 0
    for shift in range(switches.safe_shift + 1):
        pending = pending[~switches.take(pending).solvable(shift, largest)]
        if not len(pending):
            return shift
    return None


@dataclass(frozen=True, eq=False)
class _Switches:
    """Where each channel of a staircase reaches each level that matters.

    ``at``: (C, K) int64, the accumulator from which level ``levels[k]`` (K,) is reached; ``lower``
    and ``upper`` (C, K): whether it must be reached there, must not be reached one earlier. Levels
    outside ``low`` … ``high`` are left to the clip. ``first``: (C,) the output at acc_low.
    """

    at: IntArray
    levels: IntArray
    lower: BoolArray
    upper: BoolArray
    first: IntArray
    low: int
    high: int

    @staticmethod
    def of(thresholds: IntArray, *, low: int, acc_low: int, acc_high: int) -> _Switches:
        """Return the switches of ``find_requant``'s arguments."""
        at = np.clip(thresholds.astype(np.int64), acc_low, acc_high + 1)
        always = (at <= acc_low).sum(axis=1)
        reached = (at <= acc_high).sum(axis=1)
        # Below what every channel always reaches and above what any can, the clip answers.
        begin, end = int(always.min()), int(reached.max())
        at = at[:, begin:end]
        return _Switches(
            at=at,
            levels=np.arange(low + begin + 1, low + end + 1, dtype=np.int64),
            lower=at <= acc_high,
            upper=at > acc_low,
            first=low + always,
            low=low + begin,
            high=low + end,
        )

    def take(self, channels: NDArray[np.intp]) -> _Switches:
        """Return the switches of some channels."""
        return _Switches(
            self.at[channels],
            self.levels,
            self.lower[channels],
            self.upper[channels],
            self.first[channels],
            self.low,
            self.high,
        )

    @property
    def varying(self) -> BoolArray:
        """Which channels have a switch point inside the accumulator's range, (C,)."""
        inside: BoolArray = np.any(self.lower & self.upper, axis=1)
        return inside

    @property
    def safe_multiplier_bits(self) -> int:
        """Multiplier bits up to which products stay exact in int64."""
        return SAFE_BITS - int(np.abs(self.at).max(initial=0) + 1).bit_length()

    @property
    def safe_shift(self) -> int:
        """Shift up to which levels stay exact in int64."""
        return SAFE_BITS - max(abs(self.low), abs(self.high)).bit_length() - 1

    def bias_bounds(self, multiplier: IntArray, shift: int) -> tuple[IntArray, IntArray]:
        """Return the least and the greatest bias (C,) that fit ``multiplier`` (C,)."""
        product = self.at * multiplier[:, None]
        level = self.levels << shift
        least = np.where(self.lower, level - product, -FREE).max(axis=1)
        greatest = np.where(self.upper, level - 1 - product + multiplier[:, None], FREE)
        return least, greatest.min(axis=1)

    def room(self, multiplier: IntArray, shift: int) -> IntArray:
        """Return the number of biases that fit, less one: negative if none does, (C,).

        Concave in the multiplier: a minimum of straight lines less a maximum of straight lines.
        """
        least, greatest = self.bias_bounds(multiplier, shift)
        return greatest - least

    def multiplier_bounds(self, shift: int, largest: int) -> tuple[IntArray, IntArray]:
        """Return bounds (C,) on the multiplier that the outermost switch points alone set.

        They are narrow, so that the bisections behind them are short. Where nothing fits they may
        be empty (low > high); low is cut to ``largest``, which keeps products exact and does not
        fit either.
        """
        inner = self.lower & self.upper
        rows = np.arange(len(self.at))
        first = inner.argmax(axis=1)
        last = inner.shape[1] - 1 - inner[:, ::-1].argmax(axis=1)
        run = self.at[rows, last] - self.at[rows, first]
        rise = (self.levels[last] - self.levels[first]) << shift
        low = np.maximum(-(-(rise + 1) // (run + 1)), 1)
        high = np.where(run > 1, (rise - 1) // np.maximum(run - 1, 1), largest)
        return np.minimum(low, largest), np.minimum(high, largest)

    def solvable(self, shift: int, largest: int) -> BoolArray:
        """Return which channels have parameters at ``shift``, (C,)."""
        return self.room(self._roomiest_multiplier(shift, largest), shift) >= 0

    def smallest_multiplier(self, shift: int, largest: int) -> IntArray:
        """Return the smallest multiplier (C,) that leaves a bias, or one that leaves none."""
        low, _ = self.multiplier_bounds(shift, largest)
        high = self._roomiest_multiplier(shift, largest)
        while np.any(low < high):
            middle = (low + high) >> 1
            fits = self.room(middle, shift) >= 0
            low, high = np.where(fits, low, middle + 1), np.where(fits, middle, high)
        return high

    def _roomiest_multiplier(self, shift: int, largest: int) -> IntArray:
        """Return the multiplier (C,) that leaves the most room; bisection on the slope."""
        low, high = self.multiplier_bounds(shift, largest)
        high = np.maximum(high, low)
        while np.any(low < high):
            middle = (low + high) >> 1
            rising = self.room(middle + 1, shift) > self.room(middle, shift)
            rising &= low < high
            low, high = np.where(rising, middle + 1, low), np.where(rising, high, middle)
        return low


def _signed_bits(values: IntArray) -> int:
    """Return the bits that hold all of ``values`` in two's complement."""
    return max(int(values.max()).bit_length(), int(~values.min()).bit_length()) + 1
