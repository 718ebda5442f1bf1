"""FINN operator of ``hwf_requant``: multiply, add, shift and clip per channel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.dataflow.packing import pack_words
from hwflow.dataflow.plugins.stream_op import HwfVectorOp, IntArray
from hwflow.dataflow.requant import Requant


@register_custom_op
class HwfRequant_rtl(HwfVectorOp):  # noqa: N801 # FINN finds the back end by this suffix
    """clip((in · Multiplier[c] + Bias[c]) >> Shift, Low, High), shapes (*vectors, NumChannels).

    With ``Shift`` 0 and the clip at the output type's ends it is a per-channel affine map.
    """

    modules = ("hwf_requant",)
    channels_attribute = "NumChannels"

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "Multiplier": ("ints", True, []),
            "Bias": ("ints", True, []),
            "Shift": ("i", True, 0),
            "Low": ("i", True, 0),
            "High": ("i", True, 0),
        }

    def requant(self) -> Requant:
        """Return the parameters."""
        return Requant(
            multiplier=np.array(self.attribute("Multiplier"), dtype=np.int64),
            bias=np.array(self.attribute("Bias"), dtype=np.int64),
            shift=int(self.attribute("Shift")),
            low=int(self.attribute("Low")),
            high=int(self.attribute("High")),
        )

    def compute(self, *inputs: IntArray) -> IntArray:
        """Return the requantised integers."""
        return self.requant().apply(inputs[0])

    def unit_parameters(self) -> Mapping[str, object]:
        """Return the parameters of ``hwf_requant``."""
        source, target, requant = (
            self.get_input_datatype(),
            self.get_output_datatype(),
            self.requant(),
        )
        limits = (requant.low, requant.high)
        assert all(target.allowed(limit) for limit in limits), (self.onnx_node.name, target)
        return {
            "Folds": self.folds(),
            "Lanes": self.input_lanes(),
            "InBits": source.bitwidth(),
            "OutBits": target.bitwidth(),
            "InSigned": f"1'b{int(source.signed())}",
            "OutSigned": f"1'b{int(target.signed())}",
            "MultiplierBits": requant.multiplier_bits,
            "BiasBits": requant.bias_bits,
            "Shift": requant.shift,
            "Low": _sized(requant.low),
            "High": _sized(requant.high),
            "MultiplierFile": f'"./{self.onnx_node.name}_multipliers.dat"',
            "BiasFile": f'"./{self.onnx_node.name}_biases.dat"',
        }

    def write_memories(self, model: Any, folder: Path) -> None:
        """Write multipliers and biases, a word per fold."""
        requant, name = self.requant(), self.onnx_node.name
        for kind, values, bits in (
            ("multipliers", requant.multiplier, requant.multiplier_bits),
            ("biases", requant.bias, requant.bias_bits),
        ):
            fields = values.reshape(-1, self.input_lanes()) & ((1 << bits) - 1)
            text = "\n".join(pack_words(fields, bits)) + "\n"
            (folder / f"{name}_{kind}.dat").write_text(text, encoding="ascii")

    def summary(self) -> str:
        """Return one line for the wrapper's header."""
        requant = self.requant()
        return (
            f"Requantiser of {self.attribute('NumChannels')} channels, shift {requant.shift}, "
            f"{requant.multiplier_bits}-bit multipliers."
        )


def _sized(value: int) -> str:
    """Return a 64-bit signed Verilog literal."""
    return f"-64'sd{-value}" if value < 0 else f"64'sd{value}"
