"""Expected hardware of a network before it is exported: its matrix units at a target II.

Folds every weight layer so that it takes no more cycles than the target, at the fewest LUTs that
the fitted models say, with the products in LUTs. Left out is what a layer list does not tell:
window generators, width converters, FIFOs, thresholds and pools. ``hwflow build`` prices these too.
All figures are estimated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwflow.cost.bops import LayerCost
from hwflow.cost.matrix import Matrix
from hwflow.cost.model import price
from hwflow.cost.resources import Resources
from hwflow.errors import ConfigError

PROVENANCE = "estimated"
# Lanes beyond which no folding is tried.
MOST_LANES = 8192


@dataclass(frozen=True)
class LayerEstimate:
    """A weight layer at its folding: ``cycles`` per frame and what its matrix unit takes."""

    name: str
    pe: int
    simd: int
    cycles: int
    resources: Resources


@dataclass(frozen=True)
class NetworkEstimate:
    """All weight layers; ``ii_cycles``: of the slowest one."""

    layers: tuple[LayerEstimate, ...]

    @property
    def ii_cycles(self) -> int:
        """Cycles between frames."""
        return max(layer.cycles for layer in self.layers)

    @property
    def resources(self) -> Resources:
        """Sum over the layers."""
        return sum((layer.resources for layer in self.layers), Resources())


def estimate(layers: Iterable[LayerCost], *, target_ii: int) -> NetworkEstimate:
    """Return the cheapest folding of each of ``layers`` within ``target_ii`` cycles a frame.

    Raises:
        ConfigError: naming a layer that no folding makes so fast.
    """
    return NetworkEstimate(tuple(_fold(layer, target_ii) for layer in layers))


def _fold(layer: LayerCost, target_ii: int) -> LayerEstimate:
    fitting = []
    for pe in _divisors(layer.outputs):
        # The fewest lanes that are fast enough: more cost more at the same PE.
        rows = layer.outputs // pe * layer.pixels
        simd = next(
            (
                lanes
                for lanes in _divisors(layer.fan_in)
                if rows * layer.fan_in // lanes <= target_ii
            ),
            None,
        )
        if simd is not None and pe * simd <= MOST_LANES:
            cycles = rows * layer.fan_in // simd
            resources = price(_matrix(layer, pe, simd))
            fitting.append(LayerEstimate(layer.name, pe, simd, cycles, resources))
    if not fitting:
        raise ConfigError(
            f"layer {layer.name}: no folding of {layer.outputs} × {layer.fan_in} at "
            f"{layer.pixels} pixels takes {target_ii} cycles or fewer with {MOST_LANES} lanes; "
            "allow more cycles, or make the layer smaller"
        )
    return min(fitting, key=lambda found: (found.resources.lut, found.pe))


def _matrix(layer: LayerCost, pe: int, simd: int) -> Matrix:
    weight = max(1, 2 ** (layer.weight_bit_width - 1) - 1)
    act = max(1, 2**layer.act_bit_width - 1)
    return Matrix(
        rows=layer.outputs,
        columns=layer.fan_in,
        pe=pe,
        simd=simd,
        weight_bits=layer.weight_bit_width,
        act_bits=layer.act_bit_width,
        acc_bits=(layer.fan_in * weight * act).bit_length() + 1,
        depthwise=layer.depthwise,
    )


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
