"""Brevitas layers for plain tensors, the one place that hwflow takes them from.

Brevitas 0.13.0 calls ``Tensor.rename(None)`` on each input, to drop the names of named tensors;
torch 2.13 removed named tensors and with them the method. hwflow passes plain float tensors between
layers, so there is nothing to unpack, and skipping it works with older torch as well.
"""

from __future__ import annotations

from brevitas import nn as qnn
from brevitas.nn.quant_layer import QuantNonLinearActLayer
from torch import Tensor


class _PlainTensors:
    def unpack_input(self, inp: Tensor) -> Tensor:
        return inp


class QuantConv2d(_PlainTensors, qnn.QuantConv2d):  # type: ignore[misc]
    """``brevitas.nn.QuantConv2d`` on plain tensors."""


class QuantLinear(_PlainTensors, qnn.QuantLinear):  # type: ignore[misc]
    """``brevitas.nn.QuantLinear`` on plain tensors."""


class QuantIdentity(_PlainTensors, qnn.QuantIdentity):  # type: ignore[misc]
    """``brevitas.nn.QuantIdentity`` on plain tensors."""


class QuantReLU(_PlainTensors, qnn.QuantReLU):  # type: ignore[misc]
    """``brevitas.nn.QuantReLU`` on plain tensors."""


class QuantAct(_PlainTensors, QuantNonLinearActLayer):  # type: ignore[misc]
    """An activation of our own choice, then its quantiser, on plain tensors."""


class QuantConv1d(_PlainTensors, qnn.QuantConv1d):  # type: ignore[misc]
    """``brevitas.nn.QuantConv1d`` on plain tensors."""
