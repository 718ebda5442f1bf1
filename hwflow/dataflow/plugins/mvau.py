"""FINN operator of ``hwf_mvau``: a matrix of small integers times integer or ±1 activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.plugins.matrix import HwfDenseOp, HwfIntegerMatrixOp


@register_custom_op
class HwfMVAU_rtl(HwfIntegerMatrixOp, HwfDenseOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Inputs: activations (..., MW), weights (MW, MH). Output: accumulators (..., MH)."""

    modules = (*HwfIntegerMatrixOp.modules, "hwf_mvau")
    unit = "hwf_mvau"

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Compute the node exactly."""
        weights = context[self.onnx_node.input[1]].astype(np.int64)
        self.store(context, self.activations(context) @ weights)
