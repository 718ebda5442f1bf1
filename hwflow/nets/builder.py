"""Builds a network layer by layer, keeping shape, codes and the recipe's settings of each layer.

The rules that keep a network exact in integers hold by construction: no bias, binary padding of
-1, max-pools behind activations, one scale for both branches of a residual add and its sum, global
pools over power-of-two windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from hwflow.config.network import NetworkRecipe
from hwflow.cost import LayerCost
from hwflow.errors import ConfigError
from hwflow.nets.activations import Activation, new_scale
from hwflow.nets.form import Form
from hwflow.nets.grouping import Grouping
from hwflow.nets.padding import Pad
from hwflow.nets.pooling import GlobalPool
from hwflow.nets.unit import FRAME, Codes, Geometry, Unit, codes_of
from hwflow.nets.weights import Weights

# No FPGA holds a layer of that size; an absurd number would else end in a failed allocation.
MOST_WEIGHTS = 2**28
WIDTH_MULTIPLE = 8  # folding needs divisors: PE and SIMD divide the channels


@dataclass(frozen=True)
class Signal:
    """What flows at one place: ``channels`` of (height, width) pixels; none once flattened.

    ``act``: the activation that made it; none for the frame. ``group``: of the filters that make
    its channels, for ``Grouping``; none for the frame.
    """

    channels: int
    size: tuple[int, int] | None
    act: Activation | None = None
    group: int | None = None

    @property
    def codes(self) -> Codes:
        """The integers that it consists of."""
        return FRAME if self.act is None else codes_of(self.act)


class Builder:
    """Makes the layers of one network in order of execution; ``at`` is what the next one reads.

    ``where`` names the stage in errors. ``channels``: outputs of each weight layer but the
    classifier, in place of those that the family says. ``grouping``: its filter groups.

    Raises:
        ConfigError: naming an entry of ``channels`` that does not fit the network.
    """

    def __init__(
        self,
        recipe: NetworkRecipe,
        frame_shape: tuple[int, int, int],
        classes: int,
        *,
        form: Form,
        where: str,
        channels: Sequence[int] | None = None,
    ) -> None:
        height, width, colours = frame_shape
        self.where, self.form, self.frame_shape = where, form, frame_shape
        self.at = Signal(colours, (height, width))
        self.grouping = Grouping()
        self._classes = classes
        self._power_of_two = recipe.scale == "power_of_two"
        self._scaling = recipe.net.width
        self._weights = list(zip(recipe.weight_quantisers, recipe.weight_bits, strict=True))
        self._acts = list(zip(recipe.act_quantisers, recipe.act_bits, strict=True))
        self._made = 0
        self._counts = {"conv": 0, "fc": 0}
        self._channels = None if channels is None else self._checked(channels)

    def conv(
        self,
        outputs: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int = 0,
        field: str = "net",
        branch: Activation | None = None,
    ) -> Unit:
        """Return a convolution of ``outputs`` channels at width 1; see ``_unit`` for ``branch``.

        Raises:
            ConfigError: naming ``field`` if the frame is smaller than the kernel.
        """
        geometry = Geometry(self.at.channels, self._outputs(outputs), kernel, stride, padding)
        return self._conv(geometry, field, branch)

    def depthwise(self, kernel: int = 3, *, stride: int = 1, padding: int = 0) -> Unit:
        """Return a convolution of each channel by itself.

        Raises:
            ConfigError: naming the entry of ``channels`` that is not the number of inputs.
        """
        channels = self.at.channels
        outputs = self._outputs(channels, width=False)
        if outputs != channels:
            raise ConfigError(
                f"{self.where}: channels[{self._made}]: a depthwise layer has as many channels as "
                f"it reads, here {channels}, got {outputs}"
            )
        return self._conv(
            Geometry(channels, channels, kernel, stride, padding, depthwise=True), "net", None
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
                "leave it out, pad the frames (dataset.pad), or have a convolution more or less in "
                "front of an earlier pool"
            )
        self.at = replace(self.at, size=(height // 2, width // 2))
        return nn.MaxPool2d(2)

    def overlapping_pool(self) -> nn.Module:
        """Return ResNet's 3×3 max-pool of stride 2, padded with the lowest code."""
        height, width = ((side - 1) // 2 + 1 for side in self._size)
        self.at = replace(self.at, size=(height, width))
        lowest = -1.0 if self.at.codes.binary else 0.0
        return nn.Sequential(Pad(1, lowest), nn.MaxPool2d(3, stride=2))

    def global_pool(self) -> nn.Module:
        """Return the mean of every channel, as features of 8 bits.

        Raises:
            ConfigError: if the number of pixels is no power of two, so that the mean is not exact.
        """
        height, width = self._size
        if (height * width).bit_count() != 1:
            raise ConfigError(
                f"{self.where}: net: the global average pool sees {height}×{width} pixels; it is "
                "exact over a power of two of them: use frames of 32, 64, 128 or 256 pixels a side "
                "(dataset.size, dataset.pad)"
            )
        assert self.at.act is not None, "an activation is in front"
        pool = GlobalPool(self.at.act, height * width)
        self.at = replace(self.at, size=None, act=pool.act)
        return pool

    def flatten(self) -> nn.Module:
        """Return the step from pixels of channels to features."""
        height, width = self._size
        self.at = replace(self.at, channels=self.at.channels * height * width, size=None)
        return nn.Flatten()

    def linear(self, outputs: int) -> Unit:
        """Return a fully connected layer of ``outputs`` features at width 1."""
        return self._unit("fc", Geometry(self.at.channels, self._outputs(outputs), linear=True), 1)

    def classifier(self) -> Unit:
        """Return the layer whose outputs are the scores."""
        return self._unit("fc", Geometry(self.at.channels, self._classes, linear=True), 1)

    def scaled(self, channels: int) -> int:
        """Return ``channels`` times the net's width, a multiple of 8."""
        multiples = int(channels * self._scaling / WIDTH_MULTIPLE + 0.5)
        return max(1, multiples) * WIDTH_MULTIPLE

    def _outputs(self, channels: int, *, width: bool = True) -> int:
        """Return the outputs of the next unit, ``channels`` at width 1 unless they are given."""
        if self._channels is not None:
            return self._channels[self._made]
        return self.scaled(channels) if width else channels

    def _checked(self, channels: Sequence[int]) -> tuple[int, ...]:
        expected = len(self._acts)
        if len(channels) != expected:
            raise ConfigError(
                f"{self.where}: channels has {len(channels)} entries, expected {expected}: one for "
                "each weight layer but the classifier"
            )
        for layer, count in enumerate(channels):
            if count < 1:
                raise ConfigError(
                    f"{self.where}: channels[{layer}]: expected 1 or more, got {count}"
                )
        return tuple(channels)

    @property
    def _size(self) -> tuple[int, int]:
        assert self.at.size is not None, "not flattened yet"
        return self.at.size

    def _conv(self, geometry: Geometry, field: str, branch: Activation | None) -> Unit:
        span = geometry.kernel - 2 * geometry.padding
        height, width = ((side - span) // geometry.stride + 1 for side in self._size)
        if min(self._size) < span or height < 1 or width < 1:
            raise ConfigError(
                f"{self.where}: {field}: nothing left of a {self.frame_shape[0]}×"
                f"{self.frame_shape[1]} frame; remove layers or enlarge the frames "
                "(dataset.upscale)"
            )
        self.at = replace(self.at, size=(height, width))
        return self._unit("conv", geometry, height * width, branch)

    def _unit(
        self, kind: str, geometry: Geometry, pixels: int, branch: Activation | None = None
    ) -> Unit:
        """Return the next unit; ``branch``: the sum that it goes into."""
        name, bits = self._weights[self._made]
        last = self._made == len(self._weights) - 1
        weights = Weights(name, bits, power_of_two=self._power_of_two, per_channel=not last)
        act = None if last else self._act(branch)
        count = geometry.fan_in * geometry.outputs
        if count > MOST_WEIGHTS:
            raise ConfigError(
                f"{self.where}: net: layer {self._made} would have {count:,} weights; at most "
                f"{MOST_WEIGHTS:,} are built: fewer features, or a smaller width"
            )
        cost = LayerCost(
            f"{kind}{self._counts[kind]}",
            geometry.fan_in,
            geometry.outputs,
            pixels,
            bits,
            self.at.codes.bits,
            depthwise=geometry.depthwise,
        )
        unit = Unit(cost, geometry, source=self.at.codes, weights=weights, act=act, form=self.form)
        group = self._group_behind(geometry, last=last)
        self._counts[kind] += 1
        self._made += 1
        self.at = Signal(geometry.outputs, self.at.size, act, group)
        return unit

    def _group_behind(self, geometry: Geometry, *, last: bool) -> int | None:
        """Return the filter group of the next unit's outputs; the scores are of none."""
        read = self.at.group
        if geometry.depthwise:
            assert read is not None, "a convolution is in front"
            self.grouping.passes(read, self._made)
            return read
        if read is not None:
            self.grouping.reads(read, self._made)
        return None if last else self.grouping.new(self._made, geometry.outputs)

    def sum_of(self, identity: Signal | None) -> Activation:
        """Return the activation of a residual sum, whose scale the next unit, a branch, shares.

        ``identity``: what is added as it is, if any; then the scale is that of its activation.

        Raises:
            ConfigError: if the recipe gives the branch other bits than ``identity`` has.
        """
        if identity is None:
            return self._act(None)
        act = identity.act
        assert act is not None, "an activation is in front"
        self._require(act.name, act.bits)
        return Activation(act.name, act.bits, act.scale, self.form, owner=False)

    def rewind(self, to: Signal) -> None:
        """Let the next unit read ``to``, as the other branch of a residual block does."""
        self.at = to

    def join(self, act: Activation, main: Signal, short: Signal) -> None:
        """Let the next unit read the sum of two branches behind ``act``, made by ``sum_of``.

        Raises:
            ConfigError: naming the entry of ``channels`` by which the branches differ.
        """
        assert main.group is not None, "a convolution ends the branch"
        assert short.group is not None, "a convolution is in front of the block"
        if main.channels != short.channels:
            (entry,) = self.grouping.makers(main.group)
            other = self.grouping.makers(short.group)[-1]
            raise ConfigError(
                f"{self.where}: channels[{entry}]: a residual add needs as many channels as "
                f"channels[{other}] has, {short.channels}, got {main.channels}"
            )
        self.grouping.hold(main.group, short.group)
        self.at = replace(main, act=act)

    def _act(self, joint: Activation | None) -> Activation:
        name, bits = self._acts[self._made]
        if joint is None:
            scale = new_scale(name, bits, power_of_two=self._power_of_two)
            return Activation(name, bits, scale, self.form)
        self._require(joint.name, joint.bits)
        return Activation(name, bits, joint.scale, self.form, signed=True, owner=False)

    def _require(self, name: str, bits: int) -> None:
        """Check that the next unit's output has the scale of what it is added to."""
        if self._acts[self._made] != (name, bits):
            got = "{} of {} bits".format(*self._acts[self._made])
            raise ConfigError(
                f"{self.where}: act_bit_width[{self._made}], act_quantiser: a residual add needs "
                f"one scale for both branches and the sum, here {name} of {bits} bits, got {got}"
            )
