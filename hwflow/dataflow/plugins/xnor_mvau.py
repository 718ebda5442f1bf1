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

from hwflow.dataflow.packing import initial_popcounts, initial_scores, write_initial, write_weights
from hwflow.dataflow.plugins.matrix import HwfDenseOp


@register_custom_op
class HwfXnorMVAU_rtl(HwfDenseOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Inputs: activations (..., MW) of {0, 1}, weights (MW, MH) of ±1, thresholds (MH, 1).

    Without a threshold input the outputs are signed integers (..., MH), else bits.
    """

    modules = (*HwfDenseOp.modules, "hwf_xnor_mvau")
    template = "xnor_mvau_wrapper.v.j2"

    @property
    def thresholded(self) -> bool:
        """Whether the node ends in one bit per row."""
        return len(self.onnx_node.input) > 2

    @property
    def acc_bits(self) -> int:
        """Bits of a popcount, and one more that says "threshold reached"."""
        return self.columns.bit_length() + int(self.thresholded)

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
            "mw": self.columns,
            "mh": self.rows,
            "simd": self.attribute("SIMD"),
            "pe": self.attribute("PE"),
            "use_threshold": int(self.thresholded),
            "weight_block": int(self.weights_in_block(1)),
            "init_block": int(self.init_in_block(self.acc_bits)),
            "in_bits": self.get_instream_width(),
            "out_bits": self.get_outstream_width(),
        }

    def write_memories(self, model: Any, folder: Path) -> None:
        """Write weight bits and initial popcounts."""
        node, mw, pe = self.onnx_node, self.columns, self.attribute("PE")
        path = folder / f"{node.name}_weights.dat"
        write_weights(path, self.weight_matrix(model), bits=1, simd=self.attribute("SIMD"), pe=pe)
        if self.thresholded:
            initial = initial_popcounts(model.get_initializer(node.input[2])[:, 0], mw)
        else:
            initial = initial_scores(mw, pe)
        write_initial(folder / f"{node.name}_init.dat", initial, bits=self.acc_bits, pe=pe)
