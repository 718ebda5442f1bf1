"""The stretch of float operators between integers and the next quantiser, per channel.

A stretch reads integers as floats (decodes them) and applies the file's own operators, one after
the other, in float32 as QONNX does. Each operator works on one value at a time, so that a stretch
is one function of one integer per channel. It is never executed in hardware: it is asked at which
integers a quantiser behind it switches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import erf
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hwflow.lower.network import IntArray

Floats = NDArray[np.floating[Any]]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Signs = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Step:
    """One float operator of one value. ``parameters``: float32, each () or per channel (C,).

    ``kind``: the ONNX operator, but ``RSub``/``RDiv`` for c − x and c / x, and ``Affine`` for
    x · parameters₀ + parameters₁ (batch norm). ``node``: the ONNX node's name.
    """

    kind: str
    node: str
    parameters: tuple[Float32s, ...] = ()

    def evaluate(self, x: Floats) -> Floats:
        """Return the operator's values of ``x`` (C, N), in the precision of ``x``."""
        columns = (
            values.astype(x.dtype)[:, np.newaxis] if values.ndim else values.astype(x.dtype)
            for values in self.parameters
        )
        return cast(Floats, _EVALUATE[self.kind](x, *columns).astype(x.dtype, copy=False))

    def affine(self) -> tuple[Float64s, Float64s] | None:
        """Return (a, b) of a · x + b, each () or (C,); None for other functions."""
        if self.kind not in _AFFINE:
            return None
        with np.errstate(all="ignore"):
            a, b = _AFFINE[self.kind](*(values.astype(np.float64) for values in self.parameters))
        return a, b

    def directions(self) -> Signs | None:
        """Return per channel or () whether it rises (1), falls (−1) or is constant (0).

        None: it does neither, or cannot be told from the operator alone.
        """
        affine = self.affine()
        if affine is not None:
            return np.sign(affine[0]).astype(np.int64)
        if self.kind in _SLOPED and np.any(self.parameters[0] < 0):
            return None
        return None if self.kind in _UNKNOWN else np.array(1)

    @property
    def strict(self) -> bool:
        """Whether it is one strictly rising or falling function of the real numbers."""
        if any(np.unique(values).size > 1 for values in self.parameters):
            return False
        affine = self.affine()
        if affine is not None:
            return bool(np.all(affine[0] != 0))
        if self.kind in ("LeakyRelu", "PRelu", "Elu", "Selu"):
            return bool(np.all(self.parameters[0] > 0))
        return self.kind in _STRICT

    def take(self, channels: IntArray) -> Step:
        """Return the operator for a tensor whose channel k was channel ``channels[k]``."""
        return replace(
            self,
            parameters=tuple(
                values[channels] if values.ndim else values for values in self.parameters
            ),
        )


@dataclass(frozen=True, eq=False)
class Stretch:
    """Per channel: float32(scale · integer + offset), then ``steps``; scale and offset (C,)."""

    scale: Float64s
    offset: Float64s
    steps: tuple[Step, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.scale)

    def then(self, step: Step) -> Stretch:
        """Return the stretch with ``step`` behind it."""
        return replace(self, steps=(*self.steps, step))

    def take(self, channels: IntArray) -> Stretch:
        """Return the stretch of a tensor whose channel k was channel ``channels[k]``."""
        return Stretch(
            self.scale[channels],
            self.offset[channels],
            tuple(step.take(channels) for step in self.steps),
        )

    def flipped(self, channels: NDArray[np.bool_]) -> Stretch:
        """Return the stretch of integers that have the other sign in ``channels`` (C,)."""
        return replace(self, scale=np.where(channels, -self.scale, self.scale))

    def evaluate(self, integers: IntArray) -> Float32s:
        """Return the float32 values of ``integers`` (C, N), rounded after each operator.

        The first value is scale · integer + offset rounded once: exactly what QONNX computes for
        codes of a quantiser, and its sum of products without the rounding of its partial sums.
        """
        exact = integers * self.scale[:, np.newaxis] + self.offset[:, np.newaxis]
        x: Floats = exact.astype(np.float32)
        with np.errstate(all="ignore"):
            for step in self.steps:
                x = step.evaluate(x)
        return x.astype(np.float32, copy=False)

    def reals(self, values: Float64s) -> tuple[Float64s, Float64s]:
        """Return float64 results of real ``values`` (C, N), and the largest magnitude met."""
        x: Floats = values * self.scale[:, np.newaxis] + self.offset[:, np.newaxis]
        largest = np.abs(values * self.scale[:, np.newaxis]) + np.abs(self.offset[:, np.newaxis])
        with np.errstate(all="ignore"):
            for step in self.steps:
                x = step.evaluate(x)
                largest = np.maximum(largest, np.abs(x))
        return cast(Float64s, x), largest

    def affine(self) -> tuple[Float64s, Float64s] | None:
        """Return scale and offset (C,) of the whole stretch; None if it is no affine function."""
        scale, offset = self.scale, self.offset
        for step in self.steps:
            affine = step.affine()
            if affine is None:
                return None
            scale, offset = affine[0] * scale, affine[0] * offset + affine[1]
        return scale, offset

    def curved(self) -> Step:
        """Return the first operator that is not affine; there must be one."""
        return next(step for step in self.steps if step.affine() is None)

    def directions(self) -> Signs | None:
        """Return per channel (C,) 1 rising, −1 falling, 0 constant; None if it cannot be told."""
        signs = np.sign(self.scale).astype(np.int64)
        for step in self.steps:
            directions = step.directions()
            if directions is None:
                return None
            signs = signs * directions
        return signs


def batch_norm(
    gamma: Float32s, beta: Float32s, mean: Float32s, variance: Float32s, *, epsilon: float
) -> tuple[Float32s, Float32s]:
    """Return factor and offset (C,) of a batch norm, rounded as onnxruntime rounds them.

    Found by comparing bits with onnxruntime 1.25 (CPU): γ · (1 / √(σ² + ε)), then β − μ · factor.
    """
    inverse = np.float32(1) / np.sqrt(variance + np.float32(epsilon))
    factor = (inverse * gamma).astype(np.float32)
    return factor, (beta - mean * factor).astype(np.float32)


def _wide(function: Callable[..., Any]) -> Callable[..., Floats]:
    """Return ``function`` evaluated in float64, so that its rounding is the same everywhere."""

    def evaluate(x: Floats, *parameters: Floats) -> Floats:
        wide = (np.asarray(values, np.float64) for values in parameters)
        return np.asarray(function(x.astype(np.float64), *wide))

    return evaluate


def _softplus(x: Float64s) -> Float64s:
    return cast(Float64s, np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


_EVALUATE: dict[str, Callable[..., Any]] = {
    "Add": lambda x, c: x + c,
    "Sub": lambda x, c: x - c,
    "RSub": lambda x, c: c - x,
    "Mul": lambda x, c: x * c,
    "Div": lambda x, c: x / c,
    "RDiv": lambda x, c: c / x,
    "Affine": lambda x, a, b: x * a + b,
    "Neg": lambda x: -x,
    "Relu": lambda x: np.maximum(x, 0),
    "LeakyRelu": lambda x, slope: np.where(x < 0, x * slope, x),
    "PRelu": lambda x, slope: np.where(x < 0, x * slope, x),
    "Clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "Sigmoid": _wide(lambda x: 1 / (1 + np.exp(-x))),
    "HardSigmoid": lambda x, a, b: np.clip(x * a + b, 0, 1),
    "Tanh": _wide(np.tanh),
    "Elu": _wide(lambda x, a: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x)),
    "Selu": _wide(lambda x, a, g: g * np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x)),
    "Softplus": _wide(_softplus),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Erf": _wide(np.vectorize(erf, otypes=[np.float64])),
    "Abs": np.abs,
    "Sqrt": np.sqrt,
    "Exp": _wide(np.exp),
    "Log": _wide(np.log),
    "Sign": np.sign,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.round,
}
_AFFINE: dict[str, Callable[..., tuple[Float64s, Float64s]]] = {
    "Add": lambda c: (np.ones(()), c),
    "Sub": lambda c: (np.ones(()), -c),
    "RSub": lambda c: (-np.ones(()), c),
    "Mul": lambda c: (c, np.zeros(())),
    "Div": lambda c: (1 / c, np.zeros(())),
    "Affine": lambda a, b: (a, b),
    "Neg": lambda: (-np.ones(()), np.zeros(())),
}
_SLOPED = frozenset({"LeakyRelu", "PRelu", "Elu", "HardSigmoid", "Selu"})
_UNKNOWN = frozenset({"Abs", "RDiv"})
_STRICT = frozenset({"Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Exp", "Log", "Sqrt"})
