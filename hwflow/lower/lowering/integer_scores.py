"""Integers whose order is that of real scores: a scale and a bias per class made whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from hwflow.lower.lowering.builder import Bounds
from hwflow.lower.lowering.stretch import Float64s
from hwflow.lower.network import IntArray

SCORE_BITS = 32
# Pairs of integers that are compared at once when an order is proved.
_PAIRS = 2**26
# Multipliers of exact scores are preferred to rounded ones up to here.
_SHORT_BITS = 16
# Ratios of scales with denominators up to here are taken as meant.
_LONGEST = 2**12
# Bits behind the point of rounded scores, so that margins are right to a fraction of a step.
_EXTRA_BITS = 8


@dataclass(frozen=True, eq=False)
class IntegerScores:
    """score_c = ``multiplier``_c · accumulator_c + ``offset``_c; times ``scale`` it is the real.

    Arrays (C,) int64. ``scale`` is ``unit`` of the smallest scale ``base`` of a class. ``proven``:
    every two classes are in the order of the real numbers.
    """

    multiplier: IntArray
    offset: IntArray
    unit: Fraction
    base: float
    proven: bool = False

    @property
    def scale(self) -> float:
        """The real of a score of 1."""
        return float(self.unit) * self.base

    def rounding(self, scale: Float64s, offset: Float64s, bounds: Bounds) -> float:
        """Return how far a score may be from scale · a + offset for a within ``bounds``."""
        reach = np.maximum(-bounds.lows, bounds.highs)
        errors = np.abs(self.multiplier * self.scale - scale) * reach
        return float((errors + np.abs(self.offset * self.scale - offset)).max())


def integer_scores(scale: Float64s, offset: Float64s, bounds: Bounds) -> IntegerScores | None:
    """Return integers in the order of scale · a + offset (C,), for all a within ``bounds``.

    ``scale`` is not negative. If integers of ``SCORE_BITS`` can have it, the order of every two
    classes, equality included, is that of the real numbers. Scales that differ by no simple ratio
    would need the sum of the bits of two accumulators and more; then scores are rounded as finely
    as fits, if that is to less than half a step of any accumulator, so that only reals closer than
    one step may change their order. None where not even that is possible.
    """
    positive = scale[scale > 0]
    if not positive.size:
        return None
    base = float(positive.min())
    scales, offsets = ([_ratio(float(v) / base) for v in values] for values in (scale, offset))
    finest = None
    for unit in _units(scales, offsets):
        multiplier, whole = ([round(v / unit) for v in values] for values in (scales, offsets))
        if _reach(multiplier, whole, bounds) >= 2 ** (SCORE_BITS - 1):
            continue
        candidate = IntegerScores(np.array(multiplier), np.array(whole), unit, base)
        if _same_order(scales, offsets, candidate, bounds):
            return replace(candidate, proven=True)
        if finest is None or unit < finest.unit:
            finest = candidate
    if finest is None:
        return None
    return finest if finest.rounding(scale, offset, bounds) <= base / 2 else None


def _ratio(value: float) -> Fraction:
    """Return ``value``, or the short fraction that it is but for the rounding of float64."""
    short = Fraction(value).limit_denominator(_LONGEST)
    return short if abs(float(short) - value) <= 2.0**-44 * abs(value) else Fraction(value)


def _units(scales: list[Fraction], offsets: list[Fraction]) -> Iterator[Fraction]:
    """Yield units: an exact one where this is short, ever finer ones, then another exact one."""
    exact, largest = _exact_unit(scales, offsets), max(scales)
    short = largest / exact < 2**_SHORT_BITS
    if short:
        yield exact
    # The smallest scale is 1. Fine enough for margins first, where that fits.
    for bits in (*range(_EXTRA_BITS, SCORE_BITS), *reversed(range(_EXTRA_BITS))):
        yield Fraction(1, 2**bits)
    if not short and largest / exact < 2**SCORE_BITS:
        yield exact


def _exact_unit(scales: list[Fraction], offsets: list[Fraction]) -> Fraction:
    """Return the greatest unit that all are multiples of."""
    values = [*scales, *offsets]
    denominator = lcm(*(value.denominator for value in values))
    return Fraction(gcd(*(int(value * denominator) for value in values)), denominator)


def _reach(multiplier: list[int], offset: list[int], bounds: Bounds) -> int:
    return max(
        abs(factor * int(end) + whole)
        for ends in (bounds.lows, bounds.highs)
        for factor, whole, end in zip(multiplier, offset, ends, strict=True)
    )


def _same_order(
    scales: list[Fraction], offsets: list[Fraction], scores: IntegerScores, bounds: Bounds
) -> bool:
    """Whether every two classes compare alike as integers and as reals, over all of ``bounds``."""
    unit = scores.unit
    wholes = [
        (int(multiplier), int(offset))
        for multiplier, offset in zip(scores.multiplier, scores.offset, strict=True)
    ]
    classes = len(scales)
    if all(
        scale == multiplier * unit and real == offset * unit
        for scale, real, (multiplier, offset) in zip(scales, offsets, wholes, strict=True)
    ):
        return True
    if len(set(scales)) == 1:
        return _same_steps(scales[0], offsets, wholes)
    sizes = bounds.highs - bounds.lows + 1
    if int(sizes.sum()) * (classes - 1) > _PAIRS:
        return False
    return all(
        _same_pair(
            (scales[i], offsets[i], *wholes[i]),
            (scales[j], offsets[j], *wholes[j]),
            np.arange(bounds.lows[i], bounds.highs[i] + 1),
            (int(bounds.lows[j]), int(bounds.highs[j])),
        )
        for i in range(classes)
        for j in range(i)
    )


def _same_steps(scale: Fraction, offsets: list[Fraction], wholes: list[tuple[int, int]]) -> bool:
    """The proof for one scale: the difference of two scores is an integer plus that of offsets.

    So the order is the same if offsets agree in what they are between two integers.
    """
    step = wholes[0][0]
    for i, left in enumerate(offsets):
        for j in range(i):
            real = (left - offsets[j]) / scale
            whole = Fraction(wholes[i][1] - wholes[j][1], step)
            if (real // 1, real.denominator == 1) != (whole // 1, whole.denominator == 1):
                return False
    return True


def _same_pair(
    left: tuple[Fraction, Fraction, int, int],
    right: tuple[Fraction, Fraction, int, int],
    integers: IntArray,
    ends: tuple[int, int],
) -> bool:
    """Whether two classes compare alike for all ``integers`` of the left one.

    For each of them the integers of the right one with a smaller and with a greater score begin
    and end at the same place, within ``ends``.
    """
    scale, offset, multiplier, whole = left
    other_scale, other_offset, other_multiplier, other_whole = right
    if other_scale == 0 or other_multiplier == 0:
        return other_scale == other_multiplier == 0 and _same_constant(left, right, integers)
    reals = (integers * float(scale) + float(offset - other_offset)) / float(other_scale)
    nearest = np.rint(reals)
    below = np.floor(reals).astype(np.int64)
    above = np.ceil(reals).astype(np.int64)
    # float64 decides all but what is within its rounding of an integer; fractions decide that.
    size = np.abs(integers).max() * float(scale) + abs(float(offset)) + abs(float(other_offset))
    unsure = np.abs(reals - nearest) <= 2.0**-48 * (size / float(other_scale) + 1)
    for place in np.flatnonzero(unsure):
        exact = (int(integers[place]) * scale + offset - other_offset) / other_scale
        below[place], above[place] = exact // 1, -(-exact // 1)
    sums = integers * multiplier + (whole - other_whole)
    low, high = ends
    same_below = np.clip(below, low - 1, high) == np.clip(sums // other_multiplier, low - 1, high)
    same_above = np.clip(above, low, high + 1) == np.clip(
        -(-sums // other_multiplier), low, high + 1
    )
    return bool(same_below.all() and same_above.all())


def _same_constant(
    left: tuple[Fraction, Fraction, int, int],
    right: tuple[Fraction, Fraction, int, int],
    integers: IntArray,
) -> bool:
    scale, offset, multiplier, whole = left
    return all(
        _sign(int(a) * scale + offset - right[1]) == _sign(int(a) * multiplier + whole - right[3])
        for a in integers
    )


def _sign(value: Fraction | int) -> int:
    return (value > 0) - (value < 0)
