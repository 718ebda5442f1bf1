"""MobileNet-v1 (Howard et al. 2017, table 1) for 32×32 frames.

The strides of the stem and of the second block are 1, all else is as published.
"""

from __future__ import annotations

from torch import Tensor, nn

from hwflow.nets.examples.quantisers import DyadicWeight, relu
from hwflow.nets.layers import QuantConv2d, QuantLinear

# (output channels at width 1, stride) of the depthwise-separable blocks.
BLOCKS = (
    (64, 1),
    (128, 1),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
STEM = 32


class MobileNetV1(nn.Module):
    """Scores (N, 10) of frames (N, 3, 32, 32) float32 holding the integers 0 … 255."""

    def __init__(self, *, width: float = 0.25, weight_bits: int = 4, act_bits: int = 4) -> None:
        super().__init__()
        self.quant = {"bias": False, "weight_quant": DyadicWeight, "weight_bit_width": weight_bits}
        self.act_bits = act_bits
        channels = int(STEM * width)
        layers = self._unit(3, channels, kernel=3)
        for outputs, stride in BLOCKS:
            layers += self._unit(channels, channels, kernel=3, stride=stride, groups=channels)
            layers += self._unit(channels, int(outputs * width), kernel=1)
            channels = int(outputs * width)
        layers += [
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            QuantLinear(channels, 10, **self.quant),
        ]
        self.layers = nn.Sequential(*layers)

    def _unit(
        self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1
    ) -> list[nn.Module]:
        shape = {"padding": kernel // 2, "stride": stride, "groups": groups}
        return [
            QuantConv2d(inputs, outputs, kernel, **shape, **self.quant),
            nn.BatchNorm2d(outputs),
            relu(self.act_bits),
        ]

    def forward(self, codes: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.layers(codes)
        return scores
