"""FINN operator of ``hwf_xnor_mvau``: ±1 weights × ±1 activations, optionally thresholded.

Activations travel as bits, 0 standing for −1 (qonnx type BINARY); a convolution's zero padding
thereby pads with −1, as the network rules demand. The output is the signed dot product, or one bit
"dot product >= threshold".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.packing import write_thresholds, write_weights
from hwflow.dataflow.plugins.base import HwfRtlOp


@register_custom_op
class HwfXnorMVAU_rtl(HwfRtlOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Inputs: activations (..., MW) of {0, 1}, weights (MW, MH) of ±1, thresholds (MH, 1).

    Without a threshold input the outputs are signed integers (..., MH), else bits.
    """

    modules = ("hwf_popcount", "hwf_xnor_mvau")
    template = "xnor_mvau_wrapper.v.j2"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "MW": ("i", True, 0),
            "MH": ("i", True, 0),
            "SIMD": ("i", True, 1),
            "PE": ("i", True, 1),
            "inputDataType": ("s", True, "BINARY"),
            "outputDataType": ("s", True, ""),
            "numInputVectors": ("ints", True, [1]),
        }

    @property
    def thresholded(self) -> bool:
        """Whether the node ends in one bit per row."""
        return len(self.onnx_node.input) > 2

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (..., MW), (MW, MH) or (MH, 1) for activations, weights, thresholds."""
        mw, mh = self.attribute("MW"), self.attribute("MH")
        return ((*self.attribute("numInputVectors"), mw), (mw, mh), (mh, 1))[ind]

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (..., MH)."""
        return (*self.attribute("numInputVectors"), self.attribute("MH"))

    def input_lanes(self) -> int:
        """Return SIMD."""
        return int(self.attribute("SIMD"))

    def output_lanes(self) -> int:
        """Return PE."""
        return int(self.attribute("PE"))

    def get_exp_cycles(self) -> int:
        """Return vectors × (MW / SIMD) × (MH / PE)."""
        mw, mh = self.attribute("MW"), self.attribute("MH")
        folds = (mw // self.attribute("SIMD")) * (mh // self.attribute("PE"))
        return int(np.prod(self.attribute("numInputVectors")) * folds)

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Compute the node exactly, in ±1 arithmetic."""
        node = self.onnx_node
        # A feature map that goes straight into a linear layer arrives unflattened.
        bits = context[node.input[0]].reshape(self.get_normal_input_shape())
        weights = context[node.input[1]]
        # |sum| <= MW < 2^24: float32 holds every partial sum exactly.
        dot = (2 * bits - 1) @ weights
        if self.thresholded:
            dot = dot >= context[node.input[2]][:, 0]
        context[node.output[0]] = dot.astype(np.float32)

    def template_values(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_xnor_mvau``."""
        return {
            "mw": self.attribute("MW"),
            "mh": self.attribute("MH"),
            "simd": self.attribute("SIMD"),
            "pe": self.attribute("PE"),
            "use_threshold": int(self.thresholded),
            "in_bits": self.get_instream_width(),
            "out_bits": self.get_outstream_width(),
        }

    def write_memories(self, model: Any, folder: Path) -> None:
        """Write weight bits and, if thresholded, popcount thresholds."""
        node, mw, pe = self.onnx_node, self.attribute("MW"), self.attribute("PE")
        weights = model.get_initializer(node.input[1]).T.astype(np.int64)
        path = folder / f"{node.name}_weights.dat"
        write_weights(path, weights, simd=self.attribute("SIMD"), pe=pe)
        if self.thresholded:
            thresholds = model.get_initializer(node.input[2])[:, 0]
            path = folder / f"{node.name}_thresholds.dat"
            write_thresholds(path, thresholds, mw=mw, pe=pe)
