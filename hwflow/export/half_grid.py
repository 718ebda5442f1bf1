"""Half-grid batch-norm: a batch-norm after which no rounding tie can be represented.

QONNX rounds half to even, FINN's thresholds round half up; on a value exactly between two steps
they differ. Here each channel's gain A is a dyadic number of few bits and its bias an odd multiple
of half the grid of A × accumulator, so that such a value never occurs, for any input. The float32
arithmetic of Brevitas and QONNX then is exact over the whole active range of the quantiser.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import UnsupportedModelError

FloatArray = NDArray[np.float64]

FLOAT32_INTEGERS = 2**24
"""Float32 holds every integer up to here (24-bit significand, IEEE 754)."""
FLOAT32_MOST = float(np.finfo(np.float32).max)
MOST_GAIN_BITS = 8
NORM_EPS = 2.0**-16
NORM_VAR = 1.0 - NORM_EPS
"""Variance and eps that add up to exactly 1 in float32; var = 1 with any eps > 0 would not."""


@dataclass(frozen=True)
class Quantiser:
    """The activation behind a batch-norm: ``bits`` bits of ``scale`` each; 1 bit is ±``scale``.

    ``signed``: the branch of a residual add, which reaches as far below 0 as above.
    """

    bits: int
    scale: float
    signed: bool = False

    @property
    def span(self) -> float:
        """Distance from 0 to the largest value."""
        return float((2**self.bits - 1) * self.scale)

    @property
    def lowest(self) -> float:
        """The smallest value."""
        return -self.span if self.signed or self.bits == 1 else 0.0

    def on_tie(self, values: FloatArray) -> NDArray[np.bool_]:
        """Return where ``values`` (float64, exact) lie exactly between two steps."""
        steps = values / self.scale
        if self.bits == 1 and not self.signed:
            return np.equal(steps, 0.0)
        highest = 2**self.bits - 1
        active = np.logical_and(steps > (-highest if self.signed else 0), steps < highest)
        tie: NDArray[np.bool_] = np.logical_and(active, steps - np.floor(steps) == 0.5)
        return tie


@dataclass(frozen=True)
class HalfGrid:
    """Batch-norm as ``gain`` × accumulator + ``bias``, per channel, (C,) float64.

    ``gain_bits``: (C,) int64, significant bits of the gain; 0 marks a channel whose output no
    accumulator can change.
    """

    gain: FloatArray
    bias: FloatArray
    gain_bits: NDArray[np.int64]


def half_grid(
    gain: FloatArray,
    bias: FloatArray,
    *,
    step: float,
    accumulator_bound: NDArray[np.int64],
    quantiser: Quantiser,
    layer: str,
) -> HalfGrid:
    """Return the half-grid form of y = ``gain`` · x + ``bias``, per channel.

    ``gain``, ``bias``: (C,) float64. ``step``: value of one accumulator unit, weight scale × input
    scale, a power of two. ``accumulator_bound``: (C,) largest magnitude of the accumulator.

    Raises:
        UnsupportedModelError: naming layer and channel that float32 cannot carry exactly.
    """
    for name, value in (("accumulator step", step), ("activation scale", quantiser.scale)):
        if not _is_power_of_two(value):
            raise UnsupportedModelError(
                f"{name} is {value!r}, expected a power of two; use quantisers of hwflow.nets",
                node=layer,
            )
    channels = [
        _channel(
            float(gain[c]), float(bias[c]), step, int(accumulator_bound[c]), quantiser, layer, c
        )
        for c in range(len(gain))
    ]
    gains, biases, bits = zip(*channels, strict=True)
    return HalfGrid(np.array(gains), np.array(biases), np.array(bits, dtype=np.int64))


def _channel(
    gain: float,
    bias: float,
    step: float,
    bound: int,
    quantiser: Quantiser,
    layer: str,
    channel: int,
) -> tuple[float, float, int]:
    node = f"{layer}, channel {channel}"
    if not (np.isfinite(gain) and np.isfinite(bias)):
        raise UnsupportedModelError(f"gain {gain}, bias {bias} are not finite", node=node)
    if bound >= FLOAT32_INTEGERS:
        raise UnsupportedModelError(
            f"the accumulator reaches {bound}, float32 is exact below {FLOAT32_INTEGERS}; "
            "use fewer inputs or bits",
            node=node,
        )
    if abs(gain) > FLOAT32_MOST:
        raise UnsupportedModelError(
            f"gain {gain:.3e} is beyond float32's {FLOAT32_MOST:.3e}; train with a smaller "
            "batch-norm weight, or prune the channel",
            node=node,
        )
    found = _exact(gain, bias, step, quantiser)
    if found is not None:
        return found
    reach = abs(gain) * step * bound
    saturated = bias - reach >= quantiser.span or bias + reach <= quantiser.lowest
    if saturated or reach < quantiser.scale / 8:
        return *_constant(bias, step, bound, quantiser), 0
    raise UnsupportedModelError(_too_fine(gain, bias, step, quantiser), node=node)


def _exact(
    gain: float, bias: float, step: float, quantiser: Quantiser
) -> tuple[float, float, int] | None:
    """Return (gain, bias, bits of the gain), as many as float32 leaves room for; None if none."""
    if gain == 0.0:
        return None
    for bits in range(MOST_GAIN_BITS, 0, -1):
        exponent = int(np.floor(np.log2(abs(gain)))) - (bits - 1)
        rounded = float(np.rint(gain / 2.0**exponent) * 2.0**exponent)
        grid = min(2.0**exponent * step, quantiser.scale / 2)
        shifted = float((np.floor(bias / grid) + 0.5) * grid)
        reach = quantiser.span + abs(shifted) + grid
        if reach * 2 / grid <= FLOAT32_INTEGERS:
            return rounded, shifted, bits
    return None


def _too_fine(gain: float, bias: float, step: float, quantiser: Quantiser) -> str:
    """Return why float32 has too few steps for a channel, and what to do."""
    if _exact(gain, 0.0, step, quantiser) is not None:
        return (
            f"bias {bias:.3e} is too large beside gain {gain:.3e}: their sum needs more "
            f"than float32's {FLOAT32_INTEGERS} steps, and the accumulator does reach the switch "
            "points; train with a smaller batch-norm weight and bias (weight decay, a lower rate), "
            "or prune the channel"
        )
    return (
        f"gain {gain:.3e} is too small: {quantiser.span:g} of active range over its grid need more "
        f"than float32's {FLOAT32_INTEGERS} steps; train with a larger batch-norm weight, or prune "
        "the channel"
    )


def _constant(bias: float, step: float, bound: int, quantiser: Quantiser) -> tuple[float, float]:
    """Return (gain, bias) of a channel whose output never changes.

    Its batch-norm weight is about 0, or its bias keeps it beyond the codes for every accumulator.

    A gain of zero would ask for infinite thresholds. A power of two this small moves the output by
    less than the distance from bias to the nearest switch point, so it does the same. A bias that
    is more than a step beyond the last code moves to there, which changes no code, as float32 may
    not hold it where it was.
    """
    bias = min(max(bias, quantiser.lowest - quantiser.scale), quantiser.span + quantiser.scale)
    grid = quantiser.scale / 4  # switch points lie on even multiples, the bias on odd halves
    shifted = float((np.floor(bias / grid) + 0.5) * grid)
    room = grid / 4
    gain = 2.0 ** np.floor(np.log2(room / (step * max(bound, 1))))
    return float(gain), shifted


def _is_power_of_two(value: float) -> bool:
    return value > 0 and float(np.frexp(value)[0]) == 0.5
