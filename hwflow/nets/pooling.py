"""Global average pooling that stays exact in integers."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from hwflow.nets.activations import Activation
from hwflow.nets.scales import ConstScale, Multiple

BITS = 8


class GlobalPool(nn.Module):
    """The mean of each channel over a power of two of pixels, rounded to 8 bits: (N, C).

    The sum itself is exact too, but has 6 more bits over 8×8 pixels, and its products with 8-bit
    weights leave the integers that float32 holds. Eight bits lose nothing of ±1 over 128 pixels.
    Where the mean has finer steps than the 8 bits, half of one is added first, so that none lies on
    a rounding tie.
    """

    def __init__(self, source: Activation, pixels: int) -> None:
        super().__init__()
        scale, bits = source.scale, source.bits
        # ±1 become a sign and seven bits, of which 1/64 makes use of nearly all.
        factor = 2.0 ** (bits - BITS) if not source.binary else 2.0 ** (2 - BITS)
        incoming = (2.0 if source.binary else 1.0) / pixels
        self._half = incoming / 2 if incoming < factor else 0.0
        self._scale = (scale,)  # a tuple: the source's parameters stay the source's
        pooled: nn.Module = Multiple(scale, factor)
        if isinstance(scale, ConstScale):
            pooled = ConstScale(scale.value * factor)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.act = Activation(
            source.name,
            BITS - source.binary,
            pooled,
            source.form,
            signed=source.binary,
            owner=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled features of ``x`` (N, C, H, W)."""
        x = self.mean(x).flatten(1)
        if self._half:
            x = x + self._half * self._offset_unit(x)
        return cast(Tensor, self.act(x))

    def _offset_unit(self, x: Tensor) -> Tensor | float:
        scale = self._scale[0]
        return scale.value if isinstance(scale, ConstScale) else scale(x)
