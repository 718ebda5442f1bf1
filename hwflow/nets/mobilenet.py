"""MobileNet-v1 (Howard et al. 2017, table 1): depthwise-separable convolutions."""

from __future__ import annotations

from torch import nn

from hwflow.config.network import MobileNetV1
from hwflow.nets.builder import Builder

STEM = 32
# (output channels at width 1, stride) of the depthwise-separable blocks.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


def mobilenet_v1(net: MobileNetV1, b: Builder) -> list[nn.Module]:
    """Return the layers; with the small stem the first two strides of 2 are 1."""
    small = net.stem == "small"
    layers: list[nn.Module] = [b.conv(STEM, stride=1 if small else 2, padding=1)]
    for block, (outputs, stride) in enumerate(BLOCKS):
        stride = 1 if small and block == 1 else stride
        layers += [b.depthwise(stride=stride, padding=1), b.conv(outputs, 1)]
    return [*layers, b.global_pool(), b.classifier()]
