"""FINN operator of ``hwf_pool``: streaming max or sum pool with stride = kernel, NHWC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.plugins.stream_op import HwfStreamOp, IntArray


@register_custom_op
class HwfPool_rtl(HwfStreamOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Input (1, H, W, C), output (1, H // KernelH, W // KernelW, C).

    ``Operation`` "max" keeps the type; "sum" needs an output type that holds the sum of a window.
    """

    modules = ("hwf_pool",)

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "Height": ("i", True, 0),
            "Width": ("i", True, 0),
            "Channels": ("i", True, 0),
            "KernelH": ("i", True, 0),
            "KernelW": ("i", True, 0),
            "Operation": ("s", True, "max", {"max", "sum"}),
        }

    def kernel(self) -> tuple[int, int]:
        """Return height and width of a window."""
        return int(self.attribute("KernelH")), int(self.attribute("KernelW"))

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (1, H, W, C)."""
        return (1, *(int(self.attribute(name)) for name in ("Height", "Width", "Channels")))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (1, H // KernelH, W // KernelW, C)."""
        _, height, width, channels = self.get_normal_input_shape()
        kernel_h, kernel_w = self.kernel()
        return (1, height // kernel_h, width // kernel_w, channels)

    def compute(self, *inputs: IntArray) -> IntArray:
        """Return the pooled map."""
        _, rows, columns, channels = self.get_normal_output_shape()
        kernel_h, kernel_w = self.kernel()
        covered = inputs[0][:, : rows * kernel_h, : columns * kernel_w, :]
        windows = covered.reshape(-1, rows, kernel_h, columns, kernel_w, channels)
        pool = np.max if self.attribute("Operation") == "max" else np.sum
        result: IntArray = pool(windows, axis=(2, 4))
        return result

    def unit_parameters(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_pool``."""
        source, target = self.get_input_datatype(), self.get_output_datatype()
        add = self.attribute("Operation") == "sum"
        assert add or source == target, (self.onnx_node.name, source, target)
        _, height, width, _ = self.get_normal_input_shape()
        kernel_h, kernel_w = self.kernel()
        return {
            "Height": height,
            "Width": width,
            "Folds": self.folds(),
            "Lanes": self.input_lanes(),
            "InBits": source.bitwidth(),
            "OutBits": target.bitwidth(),
            "KernelH": kernel_h,
            "KernelW": kernel_w,
            "Sum": f"1'b{int(add)}",
            "Signed": f"1'b{int(source.signed())}",
        }

    def summary(self) -> str:
        """Return one line for the wrapper's header."""
        kernel_h, kernel_w = self.kernel()
        shape = " x ".join(map(str, self.get_normal_input_shape()[1:]))
        return f"{kernel_h} x {kernel_w} {self.attribute('Operation')} pool of a {shape} map."
