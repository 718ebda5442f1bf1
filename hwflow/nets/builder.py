"""Builds a network layer by layer, keeping shape, codes and the recipe's settings of each layer.

The rules that keep a network exact in integers hold by construction: no bias, binary padding of
-1, max-pools behind activations, one scale for both branches of a residual add and its sum, global
pools over power-of-two windows.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from hwflow.config.network import NetworkRecipe
from hwflow.cost import LayerCost
from hwflow.errors import ConfigError
from hwflow.nets.activations import Activation, new_scale
from hwflow.nets.form import Form
from hwflow.nets.unit import FRAME, Codes, Geometry, Unit, codes_of
from hwflow.nets.weights import Weights

WIDTH_MULTIPLE = 8  # folding needs divisors: PE and SIMD divide the channels


@dataclass(frozen=True)
class Signal:
    """What flows at one place: ``channels`` of (height, width) pixels; none once flattened."""

    channels: int
    size: tuple[int, int] | None
    codes: Codes


class Builder:
    """Makes the layers of one network in order of execution; ``at`` is what the next one reads.

    ``where`` names the stage in errors.
    """

    def __init__(
        self,
        recipe: NetworkRecipe,
        frame_shape: tuple[int, int, int],
        classes: int,
        *,
        form: Form,
        where: str,
    ) -> None:
        height, width, channels = frame_shape
        self.where, self.form, self.frame_shape = where, form, frame_shape
        self.at = Signal(channels, (height, width), FRAME)
        self._classes = classes
        self._power_of_two = recipe.scale == "power_of_two"
        self._scaling = recipe.net.width
        self._weights = list(zip(recipe.weight_quantisers, recipe.weight_bits, strict=True))
        self._acts = list(zip(recipe.act_quantisers, recipe.act_bits, strict=True))
        self._made = 0
        self._counts = {"conv": 0, "fc": 0}

    def conv(
        self,
        outputs: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int = 0,
        field: str = "net",
        branch: nn.Module | None = None,
    ) -> Unit:
        """Return a convolution of ``outputs`` channels at width 1; see ``_unit`` for ``branch``.

        Raises:
            ConfigError: naming ``field`` if the frame is smaller than the kernel.
        """
        geometry = Geometry(self.at.channels, self.scaled(outputs), kernel, stride, padding)
        return self._conv(geometry, field, branch)

    def depthwise(self, kernel: int = 3, *, stride: int = 1, padding: int = 0) -> Unit:
        """Return a convolution of each channel by itself."""
        channels = self.at.channels
        return self._conv(
            Geometry(channels, channels, kernel, stride, padding, groups=channels), "net", None
        )

    def pool(self, *, field: str = "net", behind_convolution: bool = True) -> nn.Module:
        """Return a 2×2 max-pool.

        Raises:
            ConfigError: naming ``field`` if a side is odd, or no convolution is in front.
        """
        if not behind_convolution:
            raise ConfigError(f"{self.where}: {field}: a pool must follow a convolution")
        height, width = self._size
        if height % 2 or width % 2:
            raise ConfigError(
                f"{self.where}: {field}: a 2×2 pool needs even sides, got {height}×{width}; "
                "add or remove a convolution (each unpadded one takes 2 off a side)"
            )
        self.at = Signal(self.at.channels, (height // 2, width // 2), self.at.codes)
        return nn.MaxPool2d(2)

    def flatten(self) -> nn.Module:
        """Return the step from pixels of channels to features."""
        height, width = self._size
        self.at = Signal(self.at.channels * height * width, None, self.at.codes)
        return nn.Flatten()

    def linear(self, outputs: int) -> Unit:
        """Return a fully connected layer of ``outputs`` features at width 1."""
        return self._unit("fc", Geometry(self.at.channels, self.scaled(outputs), linear=True), 1)

    def classifier(self) -> Unit:
        """Return the layer whose outputs are the scores."""
        return self._unit("fc", Geometry(self.at.channels, self._classes, linear=True), 1)

    def scaled(self, channels: int) -> int:
        """Return ``channels`` times the net's width, a multiple of 8."""
        multiples = int(channels * self._scaling / WIDTH_MULTIPLE + 0.5)
        return max(1, multiples) * WIDTH_MULTIPLE

    @property
    def _size(self) -> tuple[int, int]:
        assert self.at.size is not None, "not flattened yet"
        return self.at.size

    def _conv(self, geometry: Geometry, field: str, branch: nn.Module | None) -> Unit:
        span = geometry.kernel - 2 * geometry.padding
        height, width = ((side - span) // geometry.stride + 1 for side in self._size)
        if min(self._size) < span or height < 1 or width < 1:
            raise ConfigError(
                f"{self.where}: {field}: nothing left of a {self.frame_shape[0]}×"
                f"{self.frame_shape[1]} frame; remove layers or enlarge the frames "
                "(dataset.upscale)"
            )
        self.at = Signal(self.at.channels, (height, width), self.at.codes)
        return self._unit("conv", geometry, height * width, branch)

    def _unit(
        self, kind: str, geometry: Geometry, pixels: int, branch: nn.Module | None = None
    ) -> Unit:
        """Return the next unit; ``branch``: the scale that its signed output shares."""
        name, bits = self._weights[self._made]
        last = self._made == len(self._weights) - 1
        weights = Weights(name, bits, power_of_two=self._power_of_two, per_channel=not last)
        act = None if last else self._act(branch)
        cost = LayerCost(
            f"{kind}{self._counts[kind]}",
            geometry.fan_in,
            geometry.outputs,
            pixels,
            bits,
            self.at.codes.bits,
        )
        unit = Unit(cost, geometry, source=self.at.codes, weights=weights, act=act, form=self.form)
        self._counts[kind] += 1
        self._made += 1
        codes = self.at.codes if act is None else codes_of(act)
        self.at = Signal(geometry.outputs, self.at.size, codes)
        return unit

    def _act(self, branch: nn.Module | None) -> Activation:
        name, bits = self._acts[self._made]
        if branch is not None:
            return Activation(name, bits, branch, self.form, signed=True, owner=False)
        return Activation(name, bits, self._new_scale(name, bits), self.form)

    def _new_scale(self, name: object, bits: int) -> nn.Module:
        return new_scale(name, bits, power_of_two=self._power_of_two)  # type: ignore[arg-type]
