"""Brings a trained network into the form that is exported: half-grid batch-norm, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwflow.errors import UnsupportedModelError
from hwflow.export.half_grid import (
    FLOAT32_INTEGERS,
    NORM_EPS,
    NORM_VAR,
    Quantiser,
    half_grid,
)
from hwflow.nets import StageNet
from hwflow.nets.unit import Codes


@dataclass(frozen=True)
class FrozenUnit:
    """What a tie count needs of one batch-norm: gain and bias (C,) float64, and the quantiser."""

    name: str
    gain: NDArray[np.float64]
    bias: NDArray[np.float64]
    gain_bits: NDArray[np.int64]
    quantiser: Quantiser


def freeze(network: StageNet) -> tuple[FrozenUnit, ...]:
    """Rewrite each batch-norm of ``network`` in place as half-grid, in evaluation mode.

    Raises:
        UnsupportedModelError: naming layer and channel that float32 cannot carry exactly.
    """
    network.eval()
    frozen = []
    with torch.no_grad():
        for unit in network.units():
            weight = unit.layer.quant_weight()
            weight_scale = float(weight.scale)
            quantiser = Quantiser(unit.act.bits, unit.output.step, unit.act.signed)
            gain, bias = _affine(unit.norm)
            grid = half_grid(
                gain,
                bias,
                step=weight_scale * unit.input.step,
                accumulator_bound=reach(weight_codes(unit.layer), unit.input)[2],
                quantiser=quantiser,
                layer=unit.name,
            )
            _write_back(unit.norm, grid.gain, grid.bias)
            frozen.append(FrozenUnit(unit.name, grid.gain, grid.bias, grid.gain_bits, quantiser))
    return tuple(frozen)


def weight_codes(layer: Any) -> NDArray[np.int64]:
    """Return the integer weights of a Brevitas layer, (outputs, ...) int64; ±1 if binary."""
    with torch.no_grad():
        quantised = layer.quant_weight()
        codes = (quantised.value.double() / quantised.scale.double()).numpy()
    integers: NDArray[np.float64] = np.rint(codes)
    assert np.array_equal(codes, integers), "quantised weights are integers times their scale"
    return integers.astype(np.int64)


def reach(
    weights: NDArray[np.int64], source: Codes
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the (lowest, highest, largest magnitude) dot product per output, each (outputs,).

    ``source``: the codes that the ``weights`` multiply. The magnitude also bounds partial sums, in
    any order of summation.
    """
    flat = weights.reshape(len(weights), -1)
    positive, negative = (np.where(side, flat, 0).sum(axis=1) for side in (flat > 0, flat < 0))
    low = positive * source.low + negative * source.high
    high = positive * source.high + negative * source.low
    return low, high, np.abs(flat).sum(axis=1) * max(-source.low, source.high)


def score_bits(network: StageNet) -> int:
    """Return the bits of a signed integer that holds every score the classifier can reach.

    Raises:
        UnsupportedModelError: if float32 does not hold them all, naming the class.
    """
    classifier = network.classifier
    low, high, magnitude = reach(weight_codes(classifier.layer), classifier.input)
    if magnitude.max() >= FLOAT32_INTEGERS:
        raise UnsupportedModelError(
            f"the scores reach {magnitude.max()}, float32 is exact below {FLOAT32_INTEGERS}; use "
            "fewer inputs or bits",
            node=f"{classifier.name}, channel {int(magnitude.argmax())}",
        )
    # int.bit_length leaves out the sign; a negative bound -2**n fits n + 1 bits.
    return max(int(high.max()).bit_length(), int(-low.min() - 1).bit_length(), 1) + 1


def _affine(norm: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    def exact(tensor: Tensor) -> NDArray[np.float64]:
        return tensor.detach().double().numpy()

    gain = exact(norm.weight) / np.sqrt(exact(norm.running_var) + norm.eps)
    return gain, exact(norm.bias) - exact(norm.running_mean) * gain


def _write_back(norm: Any, gain: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    for parameter, values in ((norm.weight, gain), (norm.bias, bias)):
        parameter.copy_(torch.from_numpy(values.astype(np.float32)))
        assert np.array_equal(parameter.double().numpy(), values), "float32 holds the half grid"
    norm.running_mean.zero_()
    norm.running_var.fill_(NORM_VAR)
    norm.eps = NORM_EPS
    total = norm.running_var + torch.tensor(norm.eps, dtype=torch.float32)
    assert torch.all(total == 1.0), "the batch-norm divides by exactly 1"
