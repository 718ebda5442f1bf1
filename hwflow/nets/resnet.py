"""Residual networks (He et al. 2015): ResNet-8 and -20 for CIFAR, ResNet-18.

Both branches of a block and their sum share one scale, so that the add is an integer add and the
activation behind it only clips. A branch with a convolution is quantised with a sign and one more
bit than the sum, which is all that can come through it; an identity goes in as it is.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from hwflow.config.network import CifarResNet, ResNet18
from hwflow.nets.activations import Activation
from hwflow.nets.builder import Builder


class ResidualBlock(nn.Module):
    """act(main(x) + short(x)); ``short`` is empty for the identity."""

    def __init__(self, main: nn.Sequential, short: nn.Sequential, act: Activation) -> None:
        super().__init__()
        self.main, self.short, self.act = main, short, act

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of the sum of both branches."""
        return cast(Tensor, self.act(self.main(x) + self.short(x)))


def cifar_resnet(net: CifarResNet, b: Builder) -> list[nn.Module]:
    """Return the layers of section 4.2."""
    return [
        b.conv(16, padding=1),
        *_stages((16, 32, 64), net.blocks, b),
        b.global_pool(),
        b.classifier(),
    ]


def resnet18(net: ResNet18, b: Builder) -> list[nn.Module]:
    """Return the layers of table 1, with the published stem or a 3×3 one of stride 1."""
    if net.stem == "imagenet":
        stem = [b.conv(64, 7, stride=2, padding=3), b.overlapping_pool()]
    else:
        stem = [b.conv(64, padding=1)]
    channels = (64, 128, 256, 512)
    return [*stem, *_stages(channels, net.blocks, b), b.global_pool(), b.classifier()]


def _stages(channels: tuple[int, ...], blocks: tuple[int, ...], b: Builder) -> list[ResidualBlock]:
    """Return the blocks; each stage but the first halves the frame's sides."""
    return [
        _block(b, outputs, stride=2 if stage > 0 and block == 0 else 1)
        for stage, (outputs, count) in enumerate(zip(channels, blocks, strict=True))
        for block in range(count)
    ]


def _block(b: Builder, outputs: int, *, stride: int) -> ResidualBlock:
    start = b.at
    first = b.conv(outputs, stride=stride, padding=1)
    act = b.sum_of(start if stride == 1 else None)
    main = nn.Sequential(first, b.conv(outputs, padding=1, branch=act))
    end, other = b.at, start
    short = nn.Sequential()
    if stride != 1:
        b.rewind(start)
        short.append(b.conv(outputs, 1, stride=stride, branch=act))
        other = b.at
    b.join(act, end, other)
    return ResidualBlock(main, short, act)
