"""What our operators without weights share: one SystemVerilog unit in the common wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.dataflow.plugins.base import HwfRtlOp

IntArray = NDArray[np.int64]

# Integers up to here survive a float32 tensor, which is what qonnx carries between nodes.
FLOAT32_INTEGERS = 2**24


class HwfStreamOp(HwfRtlOp):
    """An operator whose streams all carry ``PE`` channels per beat.

    Subclasses name the unit in ``modules``, its parameters in ``unit_parameters``, and compute in
    ``compute``.
    """

    template = "layer_wrapper.v.j2"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with what all of these have."""
        return {
            **super().get_nodeattr_types(),
            "PE": ("i", True, 1),
            "inputDataType": ("s", True, ""),
            "outputDataType": ("s", True, ""),
        }

    def input_lanes(self) -> int:
        """Return PE."""
        return int(self.attribute("PE"))

    def output_lanes(self) -> int:
        """Return PE."""
        return int(self.attribute("PE"))

    def folds(self) -> int:
        """Return the beats of one pixel or vector."""
        return int(self.get_folded_input_shape()[-2])

    def get_exp_cycles(self) -> int:
        """Return the beats of a frame on the busier side; each unit moves one a clock."""
        beats = (self.get_folded_input_shape()[:-1], self.get_folded_output_shape()[:-1])
        return max(int(np.prod(shape)) for shape in beats)

    def compute(self, *inputs: IntArray) -> IntArray:
        """Return the output of int64 arrays in the shapes of ``get_normal_input_shape``."""
        raise NotImplementedError

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Compute the node exactly; every output gets the same values."""
        node = self.onnx_node
        inputs = [
            np.asarray(context[node.input[ind]], dtype=np.int64).reshape(
                self.get_normal_input_shape(ind)
            )
            for ind in range(self.stream_inputs)
        ]
        value = self.compute(*inputs)
        largest = int(np.abs(value).max(initial=0))
        dtype = np.float32 if largest <= FLOAT32_INTEGERS else np.float64
        for name in node.output:
            context[name] = value.astype(dtype)

    def unit_parameters(self) -> Mapping[str, object]:
        """Return the unit's Verilog parameters."""
        raise NotImplementedError

    def summary(self) -> str:
        """Return one line for the wrapper's header."""
        raise NotImplementedError

    def template_values(self) -> Mapping[str, object]:
        """Return ports, unit and parameters."""
        return {
            "unit": self.modules[-1],
            "summary": self.summary(),
            "inputs": [self.get_instream_width(ind) for ind in range(self.stream_inputs)],
            "outputs": [self.get_outstream_width(ind) for ind in range(self.stream_outputs)],
            "parameters": self.unit_parameters(),
        }


class HwfVectorOp(HwfStreamOp):
    """An operator on each element: shapes (*numInputVectors, channels) in and out."""

    #: the attribute that counts the channels
    channels_attribute = "Channels"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return the attribute table with the shape."""
        return {
            **super().get_nodeattr_types(),
            self.channels_attribute: ("i", True, 0),
            "numInputVectors": ("ints", True, [1]),
        }

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (*numInputVectors, channels)."""
        vectors = (int(size) for size in self.attribute("numInputVectors"))
        return (*vectors, int(self.attribute(self.channels_attribute)))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the input's shape."""
        return self.get_normal_input_shape()
