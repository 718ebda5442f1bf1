"""A small VGG: padded 3×3 convolutions in pairs, 2×2 max-pools, two linear layers."""

from __future__ import annotations

from torch import Tensor, nn

from hwflow.nets.examples.quantisers import DyadicWeight, relu
from hwflow.nets.layers import QuantConv2d, QuantLinear


class Vgg(nn.Module):
    """Scores (N, 10) of frames (N, 3, 32, 32) float32 holding the integers 0 … 255."""

    def __init__(self, *, width: int = 16, weight_bits: int = 4, act_bits: int = 4) -> None:
        super().__init__()
        quant = {"weight_quant": DyadicWeight, "weight_bit_width": weight_bits}
        layers: list[nn.Module] = []
        channels = 3
        for outputs in (width, 2 * width, 4 * width):
            for _ in range(2):
                layers += [
                    QuantConv2d(channels, outputs, 3, padding=1, bias=False, **quant),
                    nn.BatchNorm2d(outputs),
                    relu(act_bits),
                ]
                channels = outputs
            layers.append(nn.MaxPool2d(2))
        layers += [
            nn.Flatten(),
            QuantLinear(channels * 4 * 4, 128, bias=False, **quant),
            nn.BatchNorm1d(128),
            relu(act_bits),
            QuantLinear(128, 10, bias=False, **quant),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.layers(codes)
        return scores
