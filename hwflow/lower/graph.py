"""A quantised ONNX file in normal form: what ``read`` writes and ``lowering`` reads.

One input, one output, a frame at a time (batch 1), every shape known, feature maps (1, C, H, W),
constants folded, and few operators with few spellings. ``read`` refuses what cannot be brought into
this form; ``lowering`` decides what the operators mean in integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...]

# The operators of the normal form. Attributes are as in ONNX opset 13 and qonnx.custom_op.general,
# all written out (defaults included); padding is always explicit (``pads``, never ``auto_pad``),
# ``ceil_mode`` 0. Rounding modes are ROUND (half to even), CEIL, FLOOR, UP, DOWN, HALF_UP and
# HALF_DOWN as qonnx defines them. Trunc has 5 inputs (first version) or 6 (second). TopK has one
# output, told by its attribute ``output``: "values" or "indices"; ``k`` is an attribute.
QUANTISERS = frozenset({"Quant", "BipolarQuant", "Trunc"})
PRODUCTS = frozenset({"Conv", "MatMul"})  # MatMul: vector (1, K) × constant or quantised (K, M)
POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})
ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div"})
# Functions of one value. Batch norm keeps its five inputs; Clip has min and max as attributes.
FUNCTIONS = frozenset(
    {
        "BatchNormalization",
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Clip",
        "Sigmoid",
        "HardSigmoid",
        "Tanh",
        "Elu",
        "Selu",
        "Softplus",
        "Softsign",
        "Erf",
        "Neg",
        "Abs",
        "Sqrt",
        "Exp",
        "Log",
        "Sign",
        "Floor",
        "Ceil",
        "Round",
        "Identity",
    }
)
SHAPES = frozenset({"Flatten", "Transpose", "Pad"})  # Reshape, Squeeze… to (1, K) become Flatten
TAILS = frozenset({"Softmax", "LogSoftmax", "ArgMax", "TopK"})
OPERATORS = QUANTISERS | PRODUCTS | POOLS | ARITHMETIC | FUNCTIONS | SHAPES | TAILS


@dataclass(frozen=True)
class Op:
    """One operator; ``name`` is unique, printable and what messages call it."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, eq=False)
class Graph:
    """Operators in order of execution over tensors ``shapes``; ``constants`` are float32.

    ``input``: (1, C, H, W) or (1, K), float; ``channels_last``: the file's own input was NHWC (the
    graph's is still NCHW). ``input_datatype``: the file's annotation of the input's integers
    (qonnx name such as "UINT8"), if it has one. Inputs of an operator are tensors or constants;
    weights may be the output of a ``Quant`` or ``BipolarQuant`` over constants, or plain
    integers with a ``datatypes`` annotation. Dead operators are gone.
    """

    name: str
    input: str
    output: str
    ops: tuple[Op, ...]
    shapes: Mapping[str, Shape]
    constants: Mapping[str, NDArray[np.float32]]
    datatypes: Mapping[str, str]
    channels_last: bool = False

    @property
    def input_datatype(self) -> str | None:
        """The annotation of the input's integers, or None for plain floats."""
        return self.datatypes.get(self.input)
