"""CNV of BNN-PYNQ (Umuroglu et al. 2017, section 4), reading frames of bytes."""

from __future__ import annotations

from torch import nn

from hwflow.config.network import Cnv
from hwflow.nets.builder import Builder


def cnv(net: Cnv, b: Builder) -> list[nn.Module]:
    """Return the layers; the sizes are those of 32×32 frames."""
    return [
        b.conv(64),  # 30×30
        b.conv(64),
        b.pool(),  # 14×14
        b.conv(128),
        b.conv(128),
        b.pool(),  # 5×5
        b.conv(256),
        b.conv(256),  # 1×1
        b.flatten(),
        b.linear(512),
        b.linear(512),
        b.classifier(),
    ]
