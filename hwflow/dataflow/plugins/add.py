"""FINN operator of ``hwf_add``: the weighted sum of two streams of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finn.custom_op.fpgadataflow.rtl import register_custom_op
from qonnx.core.datatype import BaseDataType

from hwflow.dataflow.plugins.stream_op import HwfVectorOp, IntArray


@register_custom_op
class HwfAdd_rtl(HwfVectorOp):  # noqa: N801 # FINN finds the back end by this suffix
    """Factors[0] × first + Factors[1] × second, both (*numInputVectors, Channels)."""

    modules = ("hwf_add",)

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "input1DataType": ("s", True, ""),
            "Factors": ("ints", True, [1, 1]),
        }

    @property
    def stream_inputs(self) -> int:
        """Return 2."""
        return 2

    def get_input_datatype(self, ind: int = 0) -> BaseDataType:
        """Return the element type of input ``ind``."""
        return self.datatype("input1DataType" if ind else "inputDataType")

    def factors(self) -> tuple[int, int]:
        """Return what each input is multiplied by."""
        first, second = (int(factor) for factor in self.attribute("Factors"))
        return first, second

    def compute(self, *inputs: IntArray) -> IntArray:
        """Return the weighted sum."""
        first, second = self.factors()
        return first * inputs[0] + second * inputs[1]

    def unit_parameters(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_add``."""
        types = (self.get_input_datatype(0), self.get_input_datatype(1))
        factors = self.factors()
        return {
            "Lanes": self.input_lanes(),
            "InBits0": types[0].bitwidth(),
            "InBits1": types[1].bitwidth(),
            "OutBits": self.get_output_datatype().bitwidth(),
            "Signed0": f"1'b{int(types[0].signed())}",
            "Signed1": f"1'b{int(types[1].signed())}",
            "Factor0": factors[0],
            "Factor1": factors[1],
        }

    def summary(self) -> str:
        """Return one line for the wrapper's header."""
        first, second = self.factors()
        return f"{first} x first + {second} x second, of {self.attribute('Channels')} channels."
