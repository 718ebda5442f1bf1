"""FINN operator of ``hwf_fork``: one stream to several consumers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.plugins.stream_op import HwfVectorOp, IntArray


@register_custom_op
class HwfDup_rtl(HwfVectorOp):  # noqa: N801 # FINN finds the back end by this suffix
    """``NumOutputs`` copies of (*numInputVectors, Channels); inputDataType = outputDataType."""

    modules = ("hwf_fork",)
    template = "dup_wrapper.v.j2"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {**super().get_nodeattr_types(), "NumOutputs": ("i", True, 2)}

    @property
    def stream_outputs(self) -> int:
        """Return the number of consumers."""
        return int(self.attribute("NumOutputs"))

    def compute(self, *inputs: IntArray) -> IntArray:
        """Return the input."""
        return inputs[0]

    def unit_parameters(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_fork``."""
        assert self.get_input_datatype() == self.get_output_datatype(), self.onnx_node.name
        return {"DataBits": self.get_instream_width(), "Outputs": self.stream_outputs}

    def summary(self) -> str:
        """Return one line for the wrapper's header."""
        return f"One stream to {self.stream_outputs} consumers."
