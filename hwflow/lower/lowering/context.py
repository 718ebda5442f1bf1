"""What lowering one operator needs to know: the graph, the layers so far, and the values so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Graph, Op
from hwflow.lower.lowering.builder import Builder
from hwflow.lower.lowering.quantisers import Quantiser
from hwflow.lower.lowering.stretch import Float32s, Float64s, Stretch
from hwflow.lower.lowering.value import Value
from hwflow.lower.lowering.weights import Constant, plain
from hwflow.lower.network import IntArray


@dataclass(frozen=True, eq=False)
class Mark:
    """Where a quantiser of the file is found in the network.

    The file's tensor ``output`` is scale · integer + offset (per channel) of the network's
    ``tensor``, placed by ``index`` (see ``Value``). A ``Threshold`` computes ``quantiser`` of
    ``stretch`` of the integers of the tensor ``source``.
    """

    output: str
    tensor: str
    index: IntArray
    scale: Float64s
    offset: Float64s
    source: str
    stretch: Stretch
    quantiser: Quantiser


@dataclass
class Context:
    """State of a lowering. ``kept``: tensors whose integers must keep their sign."""

    graph: Graph
    builder: Builder
    readers: Counter[str]
    values: dict[str, Value | Constant] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)

    def get(self, name: str) -> Value | Constant:
        """Return what is known of the file's tensor ``name``."""
        if name not in self.values:
            self.values[name] = plain(self.graph.constants[name])
        return self.values[name]

    def value(self, op: Op, position: int = 0) -> Value:
        """Return the activations that ``op`` reads at ``position``."""
        name = op.inputs[position]
        value = self.get(name)
        if isinstance(value, Constant):
            refuse(
                op,
                f"input {position} ({name!r}) is a constant where {op.kind} needs activations; "
                "fold it away before export",
            )
        if self.readers[name] > 1:
            return Value(value.tensor, value.index, value.stretch, owned=False)
        return value

    def constant(self, op: Op, position: int) -> Float32s:
        """Return the constant that ``op`` reads at ``position``, as floats."""
        value = self.get(op.inputs[position])
        if isinstance(value, Value):
            refuse(
                op,
                f"input {position} ({op.inputs[position]!r}) of {op.kind} is computed from the "
                "frame; only constants are supported there",
            )
        return value.floats

    def weights(self, op: Op, position: int) -> Constant:
        """Return the constant that ``op`` multiplies with."""
        value = self.get(op.inputs[position])
        if isinstance(value, Value):
            refuse(op, f"{op.kind} of two activations is not supported; its weights must be fixed")
        return value

    def owns(self, value: Value) -> bool:
        """Whether the integers of ``value`` may change their sign: nothing else reads them."""
        return value.owned and value.tensor not in self.kept


def refuse(op: Op, message: str) -> NoReturn:
    """Raise an error that names ``op``."""
    raise UnsupportedModelError(message, node=op.name)


def pair(op: Op, name: str) -> tuple[int, int]:
    """Return an attribute of two integers."""
    values = op.attributes[name]
    assert isinstance(values, tuple), (op.name, name, values)
    return int(values[0]), int(values[1])


def affine(op: Op, value: Value) -> tuple[Float64s, Float64s]:
    """Return scale and offset (C,) of ``value``, which ``op`` needs as integers times scale.

    Raises:
        UnsupportedModelError: naming the operator in between that is no scale and offset.
    """
    result = value.stretch.affine()
    if result is None:
        step = value.stretch.curved()
        refuse(
            op,
            f"{op.kind} reads floats: {step.kind} {step.node!r} has no quantiser behind it; put a "
            "Quant (in Brevitas: QuantReLU or QuantIdentity) in between",
        )
    if not (np.isfinite(result[0]).all() and np.isfinite(result[1]).all()):
        refuse(op, "the scale or offset of its input is not finite; look for a division by zero")
    return result
