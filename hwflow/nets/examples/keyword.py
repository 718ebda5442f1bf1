"""A keyword-spotting network: true 1-D convolutions over time on MFCC features, float scales.

The shape of Google's Speech Commands front ends: 40 features in 64 time steps, 12 keywords.
"""

from __future__ import annotations

from torch import Tensor, nn

from hwflow.nets.examples.quantisers import FloatUint, FloatWeight
from hwflow.nets.layers import QuantConv1d, QuantLinear, QuantReLU

FEATURES, STEPS, KEYWORDS = 40, 64, 12


class Keyword1d(nn.Module):
    """Scores (N, 12) of features (N, 40, 64) float32 holding the integers 0 … 255."""

    def __init__(self, *, width: int = 32, weight_bits: int = 4, act_bits: int = 8) -> None:
        super().__init__()
        quant = {"weight_quant": FloatWeight, "weight_bit_width": weight_bits}
        layers: list[nn.Module] = []
        channels = FEATURES
        for outputs, kernel, stride in ((width, 5, 1), (width, 3, 2), (2 * width, 3, 2)):
            layers += [
                QuantConv1d(
                    channels,
                    outputs,
                    kernel,
                    padding=kernel // 2,
                    stride=stride,
                    bias=False,
                    **quant,
                ),
                nn.BatchNorm1d(outputs),
                QuantReLU(act_quant=FloatUint, bit_width=act_bits),
            ]
            channels = outputs
        layers += [
            nn.MaxPool1d(2),
            nn.Flatten(),
            QuantLinear(channels * STEPS // 8, 64, bias=True, **quant),
            nn.BatchNorm1d(64),
            QuantReLU(act_quant=FloatUint, bit_width=act_bits),
            QuantLinear(64, KEYWORDS, bias=True, **quant, weight_scaling_per_output_channel=False),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.layers(features)
        return scores
