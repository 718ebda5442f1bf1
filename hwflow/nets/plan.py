"""Turns a network description into layer shapes; both the network and its cost follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hwflow.config.recipe import StageRecipe
from hwflow.cost import LayerCost
from hwflow.errors import ConfigError

INPUT_BITS = 8
KERNEL = 3
WIDTH_MULTIPLE = 8  # folding needs divisors: PE and SIMD divide the channels


@dataclass(frozen=True)
class Conv:
    """Unpadded 3×3 convolution, stride 1, then a 2×2 max-pool if ``pool``."""

    name: str
    inputs: int
    outputs: int
    size: tuple[int, int]
    pool: bool


@dataclass(frozen=True)
class Dense:
    """Fully connected layer; the last one is the classifier."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Plan:
    """Layers of one stage with resolved shapes and bits.

    ``weight_bits``: per layer. ``act_bits``: of each layer's *input*, so the first is 8.
    """

    convs: tuple[Conv, ...]
    dense: tuple[Dense, ...]
    weight_bits: tuple[int, ...]
    act_bits: tuple[int, ...]

    @property
    def shapes(self) -> tuple[Conv | Dense, ...]:
        """Every weight layer, input first, classifier last."""
        return (*self.convs, *self.dense)

    def costs(self) -> tuple[LayerCost, ...]:
        """Return the cost of each weight layer, input first."""
        shapes = [
            (conv.name, conv.inputs * KERNEL**2, conv.outputs, conv.size[0] * conv.size[1])
            for conv in self.convs
        ]
        shapes += [(layer.name, layer.inputs, layer.outputs, 1) for layer in self.dense]
        return tuple(
            LayerCost(*shape, weight, act)
            for shape, weight, act in zip(shapes, self.weight_bits, self.act_bits, strict=True)
        )


def plan(stage: StageRecipe, frame_shape: tuple[int, int, int], classes: int) -> Plan:
    """Return the resolved layers of ``stage`` for (H, W, C) frames.

    Raises:
        ConfigError: if the frame shrinks to nothing on the way, or a pool has nothing to pool.
    """
    height, width, channels = frame_shape
    where = f"stage {stage.name!r}: net.features"
    convs: list[Conv] = []
    for position, feature in enumerate(stage.net.features):
        if feature == "pool":
            if not convs or convs[-1].pool:
                raise ConfigError(f"{where}[{position}]: a pool must follow a convolution")
            if height % 2 or width % 2:
                raise ConfigError(
                    f"{where}[{position}]: a 2×2 pool needs even sides, got {height}×{width}; "
                    "add or remove a convolution (each takes 2 off a side)"
                )
            last = convs[-1]
            convs[-1] = Conv(last.name, last.inputs, last.outputs, last.size, pool=True)
            height, width = height // 2, width // 2
            continue
        height, width = height - KERNEL + 1, width - KERNEL + 1
        if height < 1 or width < 1:
            raise ConfigError(
                f"{where}[{position}]: nothing left of a {frame_shape[0]}×{frame_shape[1]} frame; "
                "remove layers or enlarge the frames (dataset.upscale)"
            )
        outputs = _scaled(int(feature), stage.net.width)
        convs.append(Conv(f"conv{len(convs)}", channels, outputs, (height, width), pool=False))
        channels = outputs
    sizes = [height * width * channels]
    sizes += [_scaled(hidden, stage.net.width) for hidden in stage.net.hidden] + [classes]
    dense = tuple(
        Dense(f"fc{index}", inputs, outputs)
        for index, (inputs, outputs) in enumerate(pairwise(sizes))
    )
    return Plan(tuple(convs), dense, stage.weight_bits, (INPUT_BITS, *stage.act_bits))


def _scaled(channels: int, width: float) -> int:
    return max(1, int(channels * width / WIDTH_MULTIPLE + 0.5)) * WIDTH_MULTIPLE
