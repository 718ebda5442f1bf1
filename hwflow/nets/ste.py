"""Quantisers of activations on plain tensors, each one pass forward and one back.

Brevitas' chain of modules runs about ten passes over each activation and builds a ``QuantTensor``;
here the forward pass is fused and the gradient's mask comes from the input. Values and gradients
are those of Brevitas, bit by bit where scales are powers of two (tested).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

# hardtanh's gradient passes strictly inside its bounds; these let -1 and 1 themselves pass.
_ABOVE_ONE = float(np.nextafter(np.float32(1), np.float32(2)))


def sign(x: Tensor) -> Tensor:
    """Return -1 or +1 for each of ``x``, 0 to +1; the gradient passes where x lies in [-1, 1].

    Hubara et al. 2016, equations 1 and 4 (with deterministic binarisation).
    """
    signs: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]
    return signs


def approx_sign(x: Tensor) -> Tensor:
    """Return -1 or +1 for each of ``x``, 0 to +1; the gradient is times max(0, 2 - 2 |x|).

    Liu et al. 2018 (Bi-Real Net, arXiv 1808.00278): the derivative of a piecewise polynomial that
    is closer to the sign than a clamp is.
    """
    signs: Tensor = _ApproxSign.apply(x)  # type: ignore[no-untyped-call]
    return signs


def tent_gradient(x: Tensor) -> Tensor:
    """Return ``x``; the gradient is times max(0, 2 - 2 |x|), as that of ``approx_sign``."""
    same: Tensor = _Tent.apply(x)  # type: ignore[no-untyped-call]
    return same


def round_clamp(x: Tensor, scale: float, low: int, high: int) -> Tensor:
    """Return round(x / scale), clamped to ``low`` … ``high``, times ``scale``, a power of two.

    Half rounds to even. The gradient passes where the rounded value lies within the codes; for
    unsigned codes where, besides, x > 0, as behind a ReLU.
    """
    quantised: Tensor = _RoundClamp.apply(x, scale, low, high)  # type: ignore[no-untyped-call]
    return quantised


def clamp_round(x: Tensor, scale: Tensor, low: int, high: int, *, inside: bool) -> Tensor:
    """Return x / scale, clamped to ``low`` … ``high``, rounded, times ``scale``, a scalar tensor.

    The gradient of x passes where x / scale lies within the codes. That of the scale is LSQ's
    (Esser et al. 2020, equation 3) or, with ``inside`` false, PACT's (Choi et al. 2018, equation
    3): what is clamped alone counts.
    """
    quantised: Tensor = _ClampRound.apply(x, scale, low, high, inside)  # type: ignore[no-untyped-call]
    return quantised


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        # -0.0 + 0.0 is +0.0; ``where`` would take six times as long.
        return torch.copysign(torch.ones((), dtype=x.dtype, device=x.device), x + 0.0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _inside(grad, x, -_ABOVE_ONE, _ABOVE_ONE)


def _tent(grad: Tensor, x: Tensor) -> Tensor:
    return grad * torch.relu(2.0 - 2.0 * x.abs())


class _ApproxSign(_Sign):
    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _tent(grad, x)


class _Tent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _tent(grad, x)


class _RoundClamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float, low: int, high: int) -> Tensor:
        ctx.save_for_backward(x)
        # Half a step beyond the last code still rounds to it where that code is even.
        ctx.bounds = (_edge(low, -1) * scale if low else 0.0, _edge(high, 1) * scale)
        # Passes over whole vectors; torch's fused fake_quantize is scalar code and takes thrice as
        # long (30 % of a step of VGG-small). Scale being a power of two, 1 / scale is exact.
        return (x * (1 / scale)).round_().clamp_(low, high).mul_(scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        return _inside(grad, x, *ctx.bounds), None, None, None


class _ClampRound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, low: int, high: int, inside: bool) -> Tensor:
        ctx.save_for_backward(x, scale)
        ctx.codes, ctx.inside = (low, high), inside
        top, bottom = scale * high, scale * low
        return (x.clamp(bottom, top) / scale).round_().mul_(scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        x, scale = ctx.saved_tensors
        low, high = ctx.codes
        over, under = x > scale * high, (x < scale * low if low else x <= 0)
        passed = grad.masked_fill(over | under, 0)
        if not ctx.needs_input_grad[1]:
            return passed, None, None, None, None
        of_scale = high * grad.masked_fill(~over, 0).sum() + low * grad.masked_fill(~under, 0).sum()
        if ctx.inside:
            steps = x / scale
            of_scale = of_scale + (passed * (steps.round() - steps)).sum()
        return passed, of_scale, None, None, None


def _inside(grad: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """Return ``grad`` where ``low`` < x < ``high``, 0 elsewhere, in one pass.

    It lies in memory as x does, whatever comes from behind: sums over it, such as a batch-norm's,
    then run in the same order as in Brevitas, and on one layout.
    """
    passed = torch.empty_like(x)
    torch.ops.aten.hardtanh_backward.grad_input(grad, x, low, high, grad_input=passed)
    return passed


def _edge(code: int, side: int) -> float:
    """Return the float32 bound, in steps, beyond which ``code`` is no longer what rounds there.

    hardtanh's gradient passes strictly inside: an odd code's half step rounds away from it and is
    the bound itself; an even code's half step rounds to it, so the bound is the next number.
    """
    half = code + side * 0.5
    if code % 2:
        return half
    return float(np.nextafter(np.float32(half), np.float32(math.copysign(math.inf, side))))
