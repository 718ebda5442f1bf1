"""Padding with a code other than 0."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class Pad(nn.Module):
    """``pixels`` of ``value`` on each side of (N, C, H, W)."""

    def __init__(self, pixels: int, value: float) -> None:
        super().__init__()
        self.pixels, self.value = pixels, value

    def forward(self, x: Tensor) -> Tensor:
        """Return the padded ``x``."""
        if torch.onnx.is_in_onnx_export():
            return cast(Tensor, _OnnxPad.apply(x, self.pixels, self.value))  # type: ignore[no-untyped-call]
        return nn.functional.pad(x, (self.pixels,) * 4, value=self.value)


class _OnnxPad(torch.autograd.Function):
    """One ``Pad`` node. torch writes eight in front of it, and qonnx folds them in seconds each."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pixels: int, value: float) -> Tensor:
        return nn.functional.pad(x, (pixels,) * 4, value=value)

    @staticmethod
    def symbolic(g: Any, x: Any, pixels: int, value: float) -> Any:
        pads = g.op("Constant", value_t=torch.tensor([0, 0, pixels, pixels] * 2))
        return g.op(
            "Pad", x, pads, g.op("Constant", value_t=torch.tensor(value)), mode_s="constant"
        )
