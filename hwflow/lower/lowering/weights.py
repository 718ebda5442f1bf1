"""Constants of a graph: floats, and the integers times scale that quantised weights are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Op
from hwflow.lower.lowering.quantisers import constant_codes
from hwflow.lower.lowering.stretch import Float32s, Float64s
from hwflow.lower.network import IntArray

# Integers up to here times integers up to here are summed exactly; wider weights are no weights.
LARGEST = 2**15
# Scales of one tensor may differ by integer factors up to here, which then join the integers.
LARGEST_FACTOR = 256


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant: ``floats`` = ``integers`` · ``scale`` (broadcast), where it is quantised."""

    floats: Float32s
    integers: IntArray | None = None
    scale: Float64s | None = None


def plain(values: Float32s) -> Constant:
    """Return a constant of the file; integral ``values`` count as quantised with scale 1."""
    integers = np.rint(values).astype(np.float64)
    if np.array_equal(integers, values) and np.abs(integers).max(initial=0) <= LARGEST:
        return Constant(values, integers.astype(np.int64), np.ones(()))
    return Constant(values)


def fold(op: Op, inputs: tuple[Constant, ...]) -> Constant:
    """Return the result of ``op`` over constants.

    Raises:
        UnsupportedModelError: for operators that quantised weights do not go through.
    """
    first = inputs[0]
    if op.kind in ("Quant", "BipolarQuant"):
        parameters = tuple(constant.floats for constant in inputs[1:])
        integers = constant_codes(op, first.floats, parameters)
        floats = (integers.astype(np.float32) * parameters[0]).astype(np.float32)
        return Constant(floats, integers, parameters[0].astype(np.float64))
    if op.kind == "Identity":
        return first
    if op.kind == "Transpose":
        return _transpose(first, op.attributes["perm"])
    if op.kind in ("Mul", "Div") and all(np.isfinite(one.floats).all() for one in inputs):
        return _scaled(op, *inputs)
    raise UnsupportedModelError(
        f"{op.kind} works on constants alone; quantise the weights last, directly in front of the "
        "layer that uses them",
        node=op.name,
    )


def _transpose(constant: Constant, perm: object) -> Constant:
    axes = tuple(int(axis) for axis in perm) if isinstance(perm, tuple) else None
    scale = constant.scale
    if scale is not None and constant.integers is not None:
        scale = np.broadcast_to(scale, constant.integers.shape).transpose(axes)
        return Constant(constant.floats.transpose(axes), constant.integers.transpose(axes), scale)
    return Constant(constant.floats.transpose(axes))


def _scaled(op: Op, left: Constant, right: Constant) -> Constant:
    if op.kind == "Mul" and (left.scale is None or left.floats.size < right.floats.size):
        left, right = right, left
    factor = right.floats.astype(np.float64)
    if op.kind == "Mul":
        return replace(
            left,
            floats=left.floats * right.floats,
            scale=None if left.scale is None else left.scale * factor,
        )
    return replace(
        left,
        floats=left.floats / right.floats,
        scale=None if left.scale is None else left.scale / factor,
    )


def by_output(op: Op, weights: Constant, *, axis: int) -> tuple[IntArray, Float64s]:
    """Return integers of the same shape and one scale (O,) per entry along ``axis``.

    Raises:
        UnsupportedModelError: float weights, or scales that differ within an output.
    """
    if weights.integers is None or weights.scale is None:
        raise UnsupportedModelError(
            f"the network is not quantised: this {op.kind} has float weights; train it with "
            "Brevitas or quantise it after training, and export QONNX or QCDQ",
            node=op.name,
        )
    integers = weights.integers
    scales = np.moveaxis(np.broadcast_to(weights.scale, integers.shape), axis, 0)
    flat = scales.reshape(len(scales), -1)
    if (flat == flat[:, :1]).all():
        return integers, flat[:, 0].copy()
    factors, scale = common_scale(flat)
    if factors is None:
        raise UnsupportedModelError(
            "the scale of the weights differs within an output channel; use one scale per tensor "
            "or per output channel",
            node=op.name,
        )
    scaled = np.moveaxis(integers, axis, 0) * factors.reshape(scales.shape)
    return np.moveaxis(scaled, 0, axis), scale


def common_scale(scales: Float64s) -> tuple[IntArray | None, Float64s]:
    """Return integers f and s (O,) with f · s = ``scales`` (O, K), |f| ≤ LARGEST_FACTOR.

    f is None where there are none.
    """
    sizes = np.abs(scales)
    base = np.where(sizes > 0, sizes, np.inf).min(axis=1)
    base = np.where(np.isfinite(base), base, 1.0)
    factors = np.rint(scales / base[:, np.newaxis])
    exact = (factors * base[:, np.newaxis] == scales).all()
    if not exact or np.abs(factors).max() > LARGEST_FACTOR:
        return None, base
    return factors.astype(np.int64), base


def small_ratio(a: Float64s, b: Float64s, *, largest: int) -> tuple[int, int] | None:
    """Return integers (p, q), p · b = q · a in every channel as far as float32 resolves, or None.

    ``a``, ``b``: (C,). p and q are at most ``largest`` and not 0, q is positive.
    """
    if not (np.all(a != 0) and np.all(b != 0)):
        return None
    ratios: NDArray[np.float64] = a / b
    ratio = Fraction(float(ratios[0])).limit_denominator(largest)
    if ratio == 0 or abs(ratio.numerator) > largest:
        return None
    error = np.abs(ratios / float(ratio) - 1)
    return (ratio.numerator, ratio.denominator) if np.all(error <= 2.0**-24) else None
