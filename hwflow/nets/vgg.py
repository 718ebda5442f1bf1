"""VGG-like networks: 3×3 convolutions and 2×2 max-pools, then fully connected layers."""

from __future__ import annotations

from torch import nn

from hwflow.config.network import VggSmall, VggTiny
from hwflow.nets.builder import Builder


def vgg(net: VggTiny | VggSmall, b: Builder) -> list[nn.Module]:
    """Return the layers; ``vgg_small``'s convolutions are padded, ``vgg_tiny``'s are not."""
    padding = 1 if isinstance(net, VggSmall) else 0
    layers: list[nn.Module] = []
    pooled = True
    for position, feature in enumerate(net.features):
        field = f"net.features[{position}]"
        if feature == "pool":
            layers.append(b.pool(field=field, behind_convolution=not pooled))
        else:
            layers.append(b.conv(feature, padding=padding, field=field))
        pooled = feature == "pool"
    layers.append(b.flatten())
    layers += [b.linear(features) for features in net.hidden]
    return [*layers, b.classifier()]
