"""What our RTL operators share: shapes and widths from folding, template rendering, file lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from qonnx.core.datatype import BaseDataType, DataType

from hwflow.rtl.files import RTL_DIR
from hwflow.rtl.template import render_template


class HwfRtlOp(RTLBackend):  # type: ignore[misc] # FINN is untyped
    """A FINN layer of ours: streams in, streams out, and a plain Verilog wrapper.

    Subclasses give the attribute types, shapes and folds; streams carry ``lanes`` elements of the
    tensor's innermost axis per beat, lane 0 lowest. Stream i is node input i at port ``in<i>_V``
    or node output i at port ``out<i>_V``; node inputs beyond the streams are parameters.
    """

    #: own SystemVerilog modules that the wrapper instantiates, without ".sv", callees first
    modules: Sequence[str] = ()
    #: wrapper template
    template: str = ""

    def attribute(self, name: str) -> Any:
        """Return the node attribute ``name``."""
        return self.get_nodeattr(name)

    def datatype(self, name: str) -> BaseDataType:
        """Return the node attribute ``name`` as a qonnx data type."""
        return DataType[self.get_nodeattr(name)]

    @property
    def stream_inputs(self) -> int:
        """Return the number of input streams."""
        return 1

    @property
    def stream_outputs(self) -> int:
        """Return the number of output streams."""
        return 1

    # --- what FINN asks of every layer --------------------------------------------------------
    def get_input_datatype(self, ind: int = 0) -> BaseDataType:
        """Return the element type of input stream ``ind``."""
        return self.datatype("inputDataType")

    def get_output_datatype(self, ind: int = 0) -> BaseDataType:
        """Return the element type of output stream ``ind``."""
        return self.datatype("outputDataType")

    def input_lanes(self) -> int:
        """Return the elements per input beat."""
        raise NotImplementedError

    def output_lanes(self) -> int:
        """Return the elements per output beat."""
        raise NotImplementedError

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the input shape with its last axis split into beats and lanes."""
        shape = tuple(int(size) for size in self.get_normal_input_shape(ind))
        lanes = self.input_lanes()
        return (*shape[:-1], shape[-1] // lanes, lanes)

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the output shape with its last axis split into beats and lanes."""
        shape = tuple(int(size) for size in self.get_normal_output_shape(ind))
        lanes = self.output_lanes()
        return (*shape[:-1], shape[-1] // lanes, lanes)

    def get_instream_width(self, ind: int = 0) -> int:
        """Return the bits of a beat of input ``ind``; 0 for a parameter, which is no stream."""
        if ind >= self.stream_inputs:
            return 0
        return int(self.get_input_datatype(ind).bitwidth() * self.input_lanes())

    def get_outstream_width(self, ind: int = 0) -> int:
        """Return the bits of a beat of output ``ind``."""
        return int(self.get_output_datatype(ind).bitwidth() * self.output_lanes())

    def get_number_output_values(self) -> int:
        """Return the beats per frame of each output stream."""
        return int(np.prod(self.get_folded_output_shape()[:-1]))

    def infer_node_datatype(self, model: Any) -> None:
        """Refuse inputs of another type than at conversion; set the outputs'."""
        for ind in range(self.stream_inputs):
            actual = model.get_tensor_datatype(self.onnx_node.input[ind])
            assert actual == self.get_input_datatype(ind), (self.onnx_node.name, ind, actual)
        for ind in range(self.stream_outputs):
            model.set_tensor_datatype(self.onnx_node.output[ind], self.get_output_datatype(ind))

    def verify_node(self) -> None:
        """Nothing to verify beyond what conversion checked."""

    # --- RTL ------------------------------------------------------------------------------------
    def template_values(self) -> Mapping[str, object]:
        """Return what the wrapper template needs."""
        raise NotImplementedError

    def write_memories(self, model: Any, folder: Path) -> None:
        """Write the ``$readmemh`` files of the node, named ``<node>_*.dat``, into ``folder``."""

    def generate_hdl(self, model: Any, fpgapart: str, clk: float) -> None:
        """Write wrapper and memory files into the node's code folder."""
        folder = Path(self.get_nodeattr("code_gen_dir_ipgen"))
        name = self.onnx_node.name
        self.set_nodeattr("gen_top_module", name)
        self.write_memories(model, folder)
        text = render_template(self.template, module=name, **self.template_values())
        (folder / f"{name}.v").write_text(text, encoding="utf-8")
        self.set_nodeattr("ipgen_path", str(folder))
        self.set_nodeattr("ip_path", str(folder))

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:
        """Return our modules, callees first, then the wrapper."""
        folder = Path(self.get_nodeattr("code_gen_dir_ipgen")) if abspath else Path()
        own = [str(RTL_DIR / f"{module}.sv") for module in self.modules]
        return [*own, str(folder / f"{self.get_nodeattr('gen_top_module')}.v")]

    def code_generation_ipi(self) -> list[str]:
        """Vivado IP integrator is not used: hwflow stitches in plain Verilog."""
        raise NotImplementedError
