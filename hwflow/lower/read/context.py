"""State of reading one file, and the table of operators that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.lower.read.nodes import Node
from hwflow.lower.read.tensors import Constant
from hwflow.lower.read.values import Draft, Quantised, Value, View


@dataclass(eq=False)
class Context:
    """What is known while reading; ``batch``: the file's fixed batch, which is read as 1."""

    draft: Draft
    batch: int
    values: dict[str, Value] = field(default_factory=dict)

    def optional(self, node: Node, position: int) -> Value | None:
        """Return an input of ``node``, None where it is left out."""
        if position >= len(node.inputs) or not node.inputs[position]:
            return None
        name = node.inputs[position]
        if name not in self.values:
            node.refuse(f"it reads {name!r}, an output that is not supported")
        return self.values[name]

    def value(self, node: Node, position: int) -> Value:
        """Return an input of ``node``."""
        value = self.optional(node, position)
        if value is None:
            node.refuse(f"its input {position} is missing; export the model again")
        return value

    def view(
        self, node: Node, position: int = 0, *, integers: bool = False, labels: bool = False
    ) -> View:
        """Return an input that is computed from the frame.

        ``integers``, ``labels``: whether views of integers, or of TopK and ArgMax, will do.
        """
        value = self.value(node, position)
        if not isinstance(value, View):
            node.refuse(f"its input {position} is a constant; expected a computed tensor")
        if value.scores is not None and not labels:
            node.refuse("it reads the result of TopK or ArgMax, which must end the network")
        if value.integers is not None and not integers:
            node.refuse(
                "it computes with integers; put DequantizeLinear (or Cast, behind an integer "
                "input) in front of it, that is: export QDQ, not operators on integers"
            )
        return value

    def array(self, node: Node, position: int, what: str) -> NDArray[Any]:
        """Return an input that must be constant; ``what`` it is, for messages."""
        return self.constant(node, position, what).array

    def constant(self, node: Node, position: int, what: str) -> Constant:
        """Return an input that must be constant, quantised constants by value."""
        value = self.value(node, position)
        if isinstance(value, View):
            node.refuse(f"{what} depends on the frame; it must be constant")
        return evaluated(value)

    def optional_array(self, node: Node, position: int, what: str) -> NDArray[Any] | None:
        """Return an input that must be constant, None where it is left out."""
        if self.optional(node, position) is None:
            return None
        return self.array(node, position, what)

    def integers(self, node: Node, position: int, what: str) -> tuple[int, ...] | None:
        """Return an input that lists constant integers, None where it is left out."""
        array = self.optional_array(node, position, what)
        if array is None:
            return None
        if array.dtype.kind not in "iu":
            node.refuse(f"{what} has the type {array.dtype}; expected integers")
        return tuple(int(value) for value in np.atleast_1d(array))


def evaluated(value: Constant | Quantised) -> Constant:
    """Return quantised constants by value."""
    return Constant(value.values(), value.name) if isinstance(value, Quantised) else value


Result = Value | tuple[Value, ...]
Handler = Callable[[Context, Node], Result]

# Readers of ONNX operators by name; QUANTISERS those of Quant and its kin in domains of their own.
HANDLERS: dict[str, Handler] = {}
QUANTISERS: dict[str, Handler] = {}


def reads(*operators: str) -> Callable[[Handler], Handler]:
    """Register a function as what reads these operators of ONNX."""
    return _register(HANDLERS, operators)


def reads_quantiser(*operators: str) -> Callable[[Handler], Handler]:
    """Register a function as what reads these operators of qonnx."""
    return _register(QUANTISERS, operators)


def _register(
    table: dict[str, Handler], operators: tuple[str, ...]
) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for operator in operators:
            assert operator not in table, operator
            table[operator] = handler
        return handler

    return register
