"""The network families by the type of their description."""

from __future__ import annotations

from typing import Any

from torch import nn

from hwflow.config.network import VggSmall, VggTiny
from hwflow.nets.builder import Builder
from hwflow.nets.vgg import vgg

_FAMILIES = {VggTiny: vgg, VggSmall: vgg}


def layers_of(net: Any, builder: Builder) -> list[nn.Module]:
    """Return the layers of ``net`` in order of execution."""
    return _FAMILIES[type(net)](net, builder)
