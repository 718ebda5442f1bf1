"""FINN operator of ``hwf_pool_max``: streaming k × k max-pool with stride k, NHWC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.plugins.base import HwfRtlOp


@register_custom_op
class HwfMaxPool_rtl(HwfRtlOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Input (1, H, W, C) of unsigned integers, output (1, H // K, W // K, C) of the same type."""

    modules = ("hwf_pool_max",)
    template = "pool_max_wrapper.v.j2"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "Height": ("i", True, 0),
            "Width": ("i", True, 0),
            "Channels": ("i", True, 0),
            "K": ("i", True, 0),
            "PE": ("i", True, 1),
            "inputDataType": ("s", True, ""),
            "outputDataType": ("s", True, ""),
        }

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (1, H, W, C)."""
        return (1, *(int(self.attribute(name)) for name in ("Height", "Width", "Channels")))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (1, H // K, W // K, C)."""
        _, height, width, channels = self.get_normal_input_shape()
        k = self.attribute("K")
        return (1, height // k, width // k, channels)

    def input_lanes(self) -> int:
        """Return PE, the channels per beat."""
        return int(self.attribute("PE"))

    def output_lanes(self) -> int:
        """Return PE, the channels per beat."""
        return int(self.attribute("PE"))

    def get_exp_cycles(self) -> int:
        """Return the input beats of a frame."""
        return int(np.prod(self.get_folded_input_shape()[:-1]))

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Compute the node exactly."""
        _, rows, columns, channels = self.get_normal_output_shape()
        k = self.attribute("K")
        image = context[self.onnx_node.input[0]][:, : rows * k, : columns * k, :]
        windows = image.reshape(-1, rows, k, columns, k, channels)
        context[self.onnx_node.output[0]] = windows.max(axis=(2, 4))

    def template_values(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_pool_max``."""
        _, height, width, channels = self.get_normal_input_shape()
        lanes = self.input_lanes()
        return {
            "height": height,
            "width": width,
            "folds": channels // lanes,
            "lanes": lanes,
            "bits": self.get_input_datatype().bitwidth(),
            "k": self.attribute("K"),
        }
