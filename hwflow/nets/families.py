"""The network families by the names that recipes use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from hwflow.config.network import Net
from hwflow.nets.builder import Builder
from hwflow.nets.cnv import cnv
from hwflow.nets.fully_connected import fully_connected
from hwflow.nets.mobilenet import mobilenet_v1
from hwflow.nets.resnet import cifar_resnet, resnet18
from hwflow.nets.vgg import vgg

_FAMILIES: dict[str, Callable[[Any, Builder], list[nn.Module]]] = {
    "vgg_tiny": vgg,
    "vgg_small": vgg,
    "tfc": fully_connected,
    "sfc": fully_connected,
    "lfc": fully_connected,
    "cnv": cnv,
    "resnet8": cifar_resnet,
    "resnet20": cifar_resnet,
    "resnet18": resnet18,
    "mobilenet_v1": mobilenet_v1,
}


def layers_of(net: Net, builder: Builder) -> list[nn.Module]:
    """Return the layers of ``net`` in order of execution."""
    return _FAMILIES[net.name](net, builder)
