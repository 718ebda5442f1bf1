"""FINN operator of ``hwf_vvau``: each channel's window times the channel's own weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.packing import IntArray
from hwflow.dataflow.plugins.matrix import HwfIntegerMatrixOp


@register_custom_op
class HwfVVAU_rtl(HwfIntegerMatrixOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Inputs: windows (1, OH, OW, KernelSize × Channels), weights (Channels, KernelSize).

    Output: accumulators (1, OH, OW, Channels). The windows' last axis is ordered
    [Channels / PE][KernelSize][PE], as FINN's sliding window with ``depthwise`` = 1 and its SIMD =
    our PE emits it: with ``parallel_window`` = 0 position by position (our SIMD = 1), with 1 all
    positions in a beat (our SIMD = KernelSize), position 0 lowest. A width converter between them
    makes any SIMD in between.
    """

    modules = (*HwfIntegerMatrixOp.modules, "hwf_vvau")
    unit = "hwf_vvau"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "Channels": ("i", True, 0),
            "KernelSize": ("i", True, 0),
        }

    @property
    def rows(self) -> int:
        """Channels."""
        return int(self.attribute("Channels"))

    @property
    def columns(self) -> int:
        """Positions of a window."""
        return int(self.attribute("KernelSize"))

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (..., KernelSize × Channels) or (Channels, KernelSize) for windows, weights."""
        return ((*self.vectors, self.columns * self.rows), (self.rows, self.columns))[ind]

    def input_lanes(self) -> int:
        """Return PE × SIMD."""
        return int(self.attribute("PE") * self.attribute("SIMD"))

    def weight_matrix(self, model: Any) -> IntArray:
        """Return the weights (Channels, KernelSize)."""
        weights: IntArray = model.get_initializer(self.onnx_node.input[1]).astype(np.int64)
        return weights

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Compute the node exactly."""
        pe = self.attribute("PE")
        weights = context[self.onnx_node.input[1]].astype(np.int64)
        windows = self.activations(context).reshape(-1, self.rows // pe, self.columns, pe)
        result = np.einsum("nbkp,bpk->nbp", windows, weights.reshape(-1, pe, self.columns))
        self.store(context, result.reshape(self.get_normal_output_shape()))
