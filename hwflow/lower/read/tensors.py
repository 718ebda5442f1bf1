"""Decodes the constants of an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from hwflow.errors import UnsupportedModelError
from hwflow.lower.read.file import MAX_ELEMENTS

# What decoding a damaged message or computing with its values may raise.
MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)

# Storage that holds small integers, by the bits of its name.
_SMALL = {
    TensorProto.INT2: "INT2",
    TensorProto.UINT2: "UINT2",
    TensorProto.INT4: "INT4",
    TensorProto.UINT4: "UINT4",
}
_FLOATS = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
)
_INTEGERS = frozenset(
    {
        TensorProto.INT8,
        TensorProto.UINT8,
        TensorProto.INT16,
        TensorProto.UINT16,
        TensorProto.INT32,
        TensorProto.UINT32,
        TensorProto.INT64,
        TensorProto.UINT64,
        TensorProto.BOOL,
    }
)


@dataclass(frozen=True, eq=False)
class Constant:
    """Known values. ``datatype``: their annotation as integers (qonnx name), if they have one."""

    array: NDArray[Any]
    name: str
    datatype: str | None = None


def constant(tensor: Any, name: str, datatype: str | None) -> Constant:
    """Return the values of a ``TensorProto``: float32 or wider floats, integers or booleans.

    Raises:
        UnsupportedModelError: if it holds other types, too many elements or damaged data.
    """
    where = f"the tensor {name!r}"
    element, dims = tensor.data_type, tuple(tensor.dims)
    if element not in _FLOATS | _INTEGERS | _SMALL.keys():
        known = element in TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(element) if known else element
        raise UnsupportedModelError(
            f"{where} holds elements of type {kind}; floats and integers are supported"
        )
    if any(size < 0 for size in dims) or int(np.prod(dims, dtype=object)) > MAX_ELEMENTS:
        raise UnsupportedModelError(
            f"{where} has the shape {dims}; at most {MAX_ELEMENTS} elements are supported"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except MALFORMED as error:
        raise UnsupportedModelError(
            f"{where} of shape {dims} is damaged ({error}); export the model again"
        ) from error
    if array.shape != dims:
        raise UnsupportedModelError(f"{where} holds {array.shape} values, its shape is {dims}")
    if element in _SMALL:
        return Constant(array.astype(np.int8), name, _SMALL[element])
    if element in {TensorProto.FLOAT16, TensorProto.BFLOAT16}:
        array = array.astype(np.float32)
    return Constant(array, name, datatype)
