"""ResNet-8 of MLPerf Tiny (He et al. 2015, for CIFAR-10): three residual blocks.

Both branches of a block go through one signed quantiser each of the same scale, so that their sum
is an integer sum.
"""

from __future__ import annotations

from torch import Tensor, nn

from hwflow.nets.examples.quantisers import DyadicWeight, relu, signed
from hwflow.nets.layers import QuantConv2d, QuantLinear


class Block(nn.Module):
    """relu(main(x) + short(x)); ``short`` is a strided 1×1 convolution where the shape changes."""

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, weight_bits: int, act_bits: int
    ) -> None:
        super().__init__()
        quant = {"bias": False, "weight_quant": DyadicWeight, "weight_bit_width": weight_bits}
        self.main = nn.Sequential(
            QuantConv2d(inputs, outputs, 3, padding=1, stride=stride, **quant),
            nn.BatchNorm2d(outputs),
            relu(act_bits),
            QuantConv2d(outputs, outputs, 3, padding=1, **quant),
            nn.BatchNorm2d(outputs),
            signed(act_bits),
        )
        short: list[nn.Module] = []
        if stride != 1 or inputs != outputs:
            short = [
                QuantConv2d(inputs, outputs, 1, stride=stride, **quant),
                nn.BatchNorm2d(outputs),
            ]
        self.short = nn.Sequential(*short, signed(act_bits))
        self.act = relu(act_bits)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of the sum of both branches."""
        result: Tensor = self.act(self.main(x) + self.short(x))
        return result


class ResNet8(nn.Module):
    """Scores (N, 10) of frames (N, 3, 32, 32) float32 holding the integers 0 … 255."""

    def __init__(self, *, width: int = 16, weight_bits: int = 8, act_bits: int = 8) -> None:
        super().__init__()
        bits = {"weight_bits": weight_bits, "act_bits": act_bits}
        quant = {"bias": False, "weight_quant": DyadicWeight, "weight_bit_width": weight_bits}
        self.layers = nn.Sequential(
            QuantConv2d(3, width, 3, padding=1, **quant),
            nn.BatchNorm2d(width),
            relu(act_bits),
            Block(width, width, stride=1, **bits),
            Block(width, 2 * width, stride=2, **bits),
            Block(2 * width, 4 * width, stride=2, **bits),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            QuantLinear(4 * width, 10, **quant),
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Return the scores."""
        scores: Tensor = self.layers(codes)
        return scores
