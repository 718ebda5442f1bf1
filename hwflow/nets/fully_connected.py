"""TFC, SFC and LFC of BNN-PYNQ (Umuroglu et al. 2017, table 3), reading frames of bytes."""

from __future__ import annotations

from torch import nn

from hwflow.config.network import FullyConnected
from hwflow.nets.builder import Builder

HIDDEN = {"tfc": 64, "sfc": 256, "lfc": 1024}


def fully_connected(net: FullyConnected, b: Builder) -> list[nn.Module]:
    """Return the layers: three hidden ones of equal size."""
    features = HIDDEN[net.name]
    return [b.flatten(), *(b.linear(features) for _ in range(3)), b.classifier()]
