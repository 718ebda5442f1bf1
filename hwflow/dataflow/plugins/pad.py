"""FINN operator of ``hwf_pad``: a constant around an NHWC feature map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.plugins.stream_op import HwfStreamOp, IntArray


@register_custom_op
class HwfPad_rtl(HwfStreamOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Input (1, H, W, C), output (1, top + H + bottom, left + W + right, C) of the same type.

    ``Pads``: top, left, bottom, right. ``Value``: what the padding is on the stream, so 0 stands
    for −1 in a ±1 map, which travels as BINARY.
    """

    modules = ("hwf_pad",)

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "Height": ("i", True, 0),
            "Width": ("i", True, 0),
            "Channels": ("i", True, 0),
            "Pads": ("ints", True, []),
            "Value": ("i", True, 0),
        }

    def pads(self) -> tuple[int, int, int, int]:
        """Return top, left, bottom, right."""
        top, left, bottom, right = (int(pad) for pad in self.attribute("Pads"))
        return top, left, bottom, right

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (1, H, W, C)."""
        return (1, *(int(self.attribute(name)) for name in ("Height", "Width", "Channels")))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (1, top + H + bottom, left + W + right, C)."""
        _, height, width, channels = self.get_normal_input_shape()
        top, left, bottom, right = self.pads()
        return (1, top + height + bottom, left + width + right, channels)

    def compute(self, *inputs: IntArray) -> IntArray:
        """Return the padded map."""
        top, left, bottom, right = self.pads()
        pads = ((0, 0), (top, bottom), (left, right), (0, 0))
        return np.pad(inputs[0], pads, constant_values=self.attribute("Value"))

    def unit_parameters(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_pad``."""
        value, datatype = int(self.attribute("Value")), self.get_input_datatype()
        assert datatype.allowed(value), (self.onnx_node.name, value, datatype)
        _, height, width, _ = self.get_normal_input_shape()
        top, left, bottom, right = self.pads()
        return {
            "Height": height,
            "Width": width,
            "Folds": self.folds(),
            "Lanes": self.input_lanes(),
            "Bits": datatype.bitwidth(),
            "Top": top,
            "Left": left,
            "Bottom": bottom,
            "Right": right,
            "Value": value,
        }

    def summary(self) -> str:
        """Return one line for the wrapper's header."""
        shapes = (self.get_normal_input_shape(), self.get_normal_output_shape())
        inner, outer = (" x ".join(map(str, shape[1:])) for shape in shapes)
        return f"Pads a {inner} map to {outer}."
