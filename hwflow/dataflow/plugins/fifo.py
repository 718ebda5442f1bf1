"""FINN operator of ``hwf_fifo`` and ``hwf_fifo_block``: words between two layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finn.custom_op.fpgadataflow.rtl import register_custom_op

from hwflow.cost.fifo import FifoMemory, fifo_memory
from hwflow.dataflow.plugins.base import HwfRtlOp
from hwflow.rtl.files import RTL_DIR

MODULES = {
    FifoMemory.REGISTERS: "hwf_fifo",
    FifoMemory.DISTRIBUTED: "hwf_fifo",
    FifoMemory.BLOCK: "hwf_fifo_block",
}


@register_custom_op
class HwfFIFO_rtl(HwfRtlOp):  # noqa: N801 # FINN finds the back end by this suffix
    """``depth`` words of a tensor of ``normal_shape``, ``lanes`` elements of its last axis each.

    Depth and width say in which memory; ``found`` how the depth was found, see ``fifos.json``. The
    stage instantiates the module itself, without a wrapper, so that another depth needs no new
    code.
    """

    modules: Sequence[str] = ("hwf_fifo", "hwf_fifo_block")

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "depth": ("i", True, 0),
            "lanes": ("i", True, 0),
            "normal_shape": ("ints", True, []),
            "dataType": ("s", True, ""),
            "found": ("s", False, "formula", {"formula", "simulated", "given"}),
        }

    def get_input_datatype(self, ind: int = 0) -> Any:
        """Return the element type."""
        return self.datatype("dataType")

    def get_output_datatype(self, ind: int = 0) -> Any:
        """Return the element type."""
        return self.datatype("dataType")

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the shape of the tensor that passes."""
        return tuple(int(size) for size in self.attribute("normal_shape"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the shape of the tensor that passes."""
        return self.get_normal_input_shape()

    def input_lanes(self) -> int:
        """Return the elements of a word."""
        return int(self.attribute("lanes"))

    def output_lanes(self) -> int:
        """Return the elements of a word."""
        return int(self.attribute("lanes"))

    def get_exp_cycles(self) -> int:
        """Return the words of a frame: one passes a clock."""
        return self.get_number_output_values()

    def memory(self) -> FifoMemory:
        """Return where the words lie."""
        return fifo_memory(int(self.attribute("depth")), self.get_outstream_width())

    def get_verilog_top_module_name(self) -> str:
        """Return the module that the stage instantiates."""
        return MODULES[self.memory()]

    def generate_hdl(self, model: Any, fpgapart: str, clk: float) -> None:
        """Nothing is generated: the modules take parameters."""
        folder = self.get_nodeattr("code_gen_dir_ipgen")
        self.set_nodeattr("ipgen_path", folder)
        self.set_nodeattr("ip_path", folder)

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:
        """Return both modules: a FIFO's depth may change after the build."""
        return [str(RTL_DIR / f"{module}.sv") for module in self.modules]

    def execute_node(self, context: dict[str, Any], graph: Any) -> None:
        """Hand the values on."""
        context[self.onnx_node.output[0]] = context[self.onnx_node.input[0]]
