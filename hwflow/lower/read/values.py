"""What tensors of a file stand for while it is read: constants, quantised weights, views.

A view is a tensor of the normal form as the file's operators see it: with axes in another order,
axes of size 1 added or taken away, or reshaped in row-major order. So transposes that cancel,
1-D signals, and chains of Reshape and Squeeze leave no operators behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from qonnx.core.datatype import DataType
from qonnx.custom_op.general.intquant import int_quant

from hwflow.errors import UnsupportedModelError
from hwflow.lower.graph import Attribute, Graph, Op, Shape
from hwflow.lower.read.file import MAX_ELEMENTS
from hwflow.lower.read.nodes import Names, Node
from hwflow.lower.read.tensors import Constant

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Quantised:
    """Constants behind a quantiser, usually weights: what ``Quant`` or ``BipolarQuant`` reads.

    ``scale`` and ``zero_point`` have as many axes as ``array`` and broadcast to it.
    ``node``: the quantiser, for names and messages. Bipolar: ``bits`` 1 and ``signed``.
    """

    array: FloatArray
    scale: FloatArray
    zero_point: FloatArray
    bits: int
    signed: bool
    narrow: bool
    rounding: str
    node: Node
    name: str

    @property
    def bipolar(self) -> bool:
        """Whether the values are ±scale."""
        return self.signed and self.bits == 1

    def values(self) -> FloatArray:
        """Return what the quantiser makes of the constants."""
        bits = np.float32(self.bits)
        values = int_quant(
            self.array,
            self.scale,
            self.zero_point,
            bits,
            self.signed,
            self.narrow,
            self.rounding,
        )
        return np.asarray(values, dtype=np.float32)

    def permuted(self, order: Sequence[int]) -> Quantised:
        """Return it with its axes in another order."""
        return replace(
            self,
            array=self.array.transpose(order),
            scale=self.scale.transpose(order),
            zero_point=self.zero_point.transpose(order),
        )

    def reshaped(self, shape: Sequence[int]) -> Quantised:
        """Return it with its values, in row-major order, in another shape."""
        array = self.array.reshape(shape)

        def fit(parameter: FloatArray) -> FloatArray:
            if parameter.size == 1:
                return parameter.reshape((1,) * array.ndim)
            return _compact(np.broadcast_to(parameter, self.array.shape).reshape(shape))

        return replace(self, array=array, scale=fit(self.scale), zero_point=fit(self.zero_point))

    def scaled(self, factor: FloatArray) -> Quantised:
        """Return it times a positive factor that broadcasts to its array."""
        return replace(
            self,
            array=self.values() * factor,
            scale=np.asarray(self.scale * factor, dtype=np.float32),
        )


def _compact(array: FloatArray) -> FloatArray:
    """Return ``array`` with one element along each axis that it does not depend on."""
    for axis in range(array.ndim):
        first = np.take(array, [0], axis=axis)
        if array.shape[axis] > 1 and (array == first).all():
            array = first
    return array


@dataclass(frozen=True)
class Integers:
    """A view seen as integers: base / scale + zero_point, or the base itself where both are None.

    ``low`` … ``high``: what the integers saturate to. ``source``: the view in front of the
    quantiser, while a ``Clip`` of the integers may still narrow their range.
    """

    low: int
    high: int
    scale: FloatArray | None = None
    zero_point: FloatArray | None = None
    source: View | None = None


@dataclass(frozen=True)
class View:
    """The tensor ``tensor`` of the normal form as the file sees it, with shape ``shape``.

    ``axes``: which axis of the tensor each axis of more than one element is, and None for each of
    size 1. ``axes`` None as a whole: the tensor's elements in row-major order, reshaped.
    ``scores``: the view whose TopK or ArgMax this one is.
    """

    tensor: str
    shape: Shape
    axes: tuple[int | None, ...] | None
    integers: Integers | None = None
    scores: View | None = None

    @property
    def wide(self) -> tuple[int, ...]:
        """The axes of more than one element."""
        return tuple(axis for axis, size in enumerate(self.shape) if size > 1)


Value = Constant | Quantised | View


class Draft:
    """The normal form while it grows; every name in it is unique."""

    def __init__(self, taken: Sequence[str]) -> None:
        """``taken``: names of the file's tensors, which stay with the values that had them."""
        self.ops: list[Op] = []
        self.shapes: dict[str, Shape] = {}
        self.constants: dict[str, FloatArray] = {}
        self.datatypes: dict[str, str] = {}
        self._tensors, self._nodes = Names(), Names()
        self._kept = {name: self._tensors.fresh(name) for name in taken}

    def tensor(self, wish: str) -> str:
        """Return a new name for a tensor; the file's own the first time."""
        return self._kept.pop(wish, None) or self._tensors.fresh(wish)

    def emit(
        self,
        node: Node,
        kind: str,
        inputs: Sequence[str],
        shape: Shape,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        name: str | None = None,
    ) -> str:
        """Append an operator for ``node``; return the name of its output of shape ``shape``."""
        if min(shape, default=1) < 1:
            node.refuse(f"its output has the shape {shape}: nothing is left of the feature map")
        if int(np.prod(shape, dtype=object)) > MAX_ELEMENTS:
            node.refuse(f"its output has the shape {shape}; at most {MAX_ELEMENTS} are supported")
        output = self.tensor(name or (node.outputs[0] if node.outputs else node.name))
        op = Op(self._nodes.fresh(node.name), kind, tuple(inputs), output, dict(attributes or {}))
        self.ops.append(op)
        self.shapes[output] = shape
        return output

    def store(
        self, node: Node, array: NDArray[Any], name: str, *, datatype: str | None = None
    ) -> str:
        """Keep a constant as float32; return its name.

        Raises:
            UnsupportedModelError: if it is empty, not finite, or no exact float32.
        """
        values = finite(node, array, name)
        stored = self.tensor(name)
        self.constants[stored] = values
        self.shapes[stored] = values.shape
        if datatype is not None:
            check_datatype(node, values, name, datatype)
            self.datatypes[stored] = datatype
        return stored

    def weights(self, node: Node, value: Constant | Quantised) -> str:
        """Return the tensor of quantised or annotated weights."""
        if isinstance(value, Constant):
            return self.store(node, value.array, value.name, datatype=value.datatype)
        quantiser = value.node
        array = self.store(quantiser, value.array, value.name)
        scale = self.store(quantiser, value.scale, f"{value.name}.scale")
        name = f"{value.name}.quantised"
        if value.bipolar:
            return self.emit(
                quantiser, "BipolarQuant", (array, scale), value.array.shape, name=name
            )
        inputs = (
            array,
            scale,
            self.store(quantiser, value.zero_point, f"{value.name}.zero_point"),
            self.store(quantiser, np.asarray(value.bits), f"{value.name}.bits"),
        )
        attributes = quant_attributes(value.signed, value.narrow, value.rounding)
        return self.emit(quantiser, "Quant", inputs, value.array.shape, attributes, name=name)

    def graph(self, name: str, source: str, output: str, *, channels_last: bool) -> Graph:
        """Return the operators that ``output`` depends on as the finished normal form."""
        needed, ops = {output, source}, []
        for op in reversed(self.ops):
            if op.output in needed:
                needed.update(op.inputs)
                ops.append(op)
        return Graph(
            name=name,
            input=source,
            output=output,
            ops=tuple(reversed(ops)),
            shapes={key: value for key, value in self.shapes.items() if key in needed},
            constants={key: value for key, value in self.constants.items() if key in needed},
            datatypes={key: value for key, value in self.datatypes.items() if key in needed},
            channels_last=channels_last,
        )


def quant_attributes(signed: bool, narrow: bool, rounding: str) -> dict[str, Attribute]:
    """Return the attributes of ``Quant``, all of them."""
    return {"signed": int(signed), "narrow": int(narrow), "rounding_mode": rounding}


def finite(node: Node, array: NDArray[Any], name: str) -> FloatArray:
    """Return ``array`` as float32.

    Raises:
        UnsupportedModelError: if it is empty, not finite, or no exact float32.
    """
    values = exact(node, array, name)
    if not values.size:
        node.refuse(f"{name!r} has the shape {values.shape}: it holds no values")
    if not np.isfinite(values).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        node.refuse(
            f"{name!r} holds {values[index]} at index {index}; train the network again, "
            "or repair the file"
        )
    return values


def exact(node: Node, array: NDArray[Any], name: str) -> FloatArray:
    """Return ``array`` as float32.

    Raises:
        UnsupportedModelError: if a value of a wider type changes.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.ascontiguousarray(array).astype(np.float32).reshape(np.shape(array))
        same = np.array_equal(values.astype(np.float64), np.asarray(array, np.float64), True)
    if not same:
        node.refuse(f"{name!r} ({array.dtype}) holds values that float32 cannot; export in float32")
    return cast(FloatArray, values)


def check_datatype(node: Node, values: FloatArray, name: str, datatype: str) -> None:
    """Refuse values that do not obey the annotation of their integers."""
    kind = DataType[datatype]
    low, high = kind.min(), kind.max()
    wrong = (values != np.rint(values)) | (values < low) | (values > high)
    if datatype == "BIPOLAR":
        wrong |= values == 0
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        node.refuse(f"{name!r} is annotated {datatype} but holds {values[index]} at index {index}")


def integer_datatype(datatype: str | None) -> str | None:
    """Return an annotation that names plain integers, None for every other.

    Raises:
        UnsupportedModelError: if qonnx knows no such type.
    """
    if datatype is None:
        return None
    try:
        kind = DataType[datatype]
    except (KeyError, ValueError, AssertionError) as error:
        raise UnsupportedModelError(
            f"the annotation {datatype!r} is no data type of qonnx; expected one such as UINT8"
        ) from error
    # SCALEDINT and FIXED are integers times a scale; the values themselves are floats.
    plain = kind.is_integer() and datatype.startswith(("INT", "UINT", "BIPOLAR", "BINARY"))
    return datatype if plain or datatype == "TERNARY" else None
