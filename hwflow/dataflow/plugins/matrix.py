"""What the matrix units share: folding attributes, memories, the wrapper around ``hwf_mac_core``.

Rows are a layer's outputs (MH), columns its inputs (MW). A depthwise layer counts its channels as
rows and a window's positions as columns.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwflow.cost.memory import RAM_STYLES, rom_in_block
from hwflow.dataflow.packing import (
    IntArray,
    Operands,
    initial_values,
    write_initial,
    write_weights,
)
from hwflow.dataflow.plugins.base import HwfRtlOp

# float32, in which FINN keeps tensors, holds every integer up to here.
EXACT = 2**24


class HwfMatrixOp(HwfRtlOp):
    """A unit of PE rows × SIMD columns a clock, with its weights in a memory of its own."""

    modules: Sequence[str] = (
        "hwf_adder_tree",
        "hwf_popcount",
        "hwf_dot_lut",
        "hwf_dot_dsp",
        "hwf_folds",
        "hwf_weight_rom",
        "hwf_mac_core",
    )

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "SIMD": ("i", True, 1),
            "PE": ("i", True, 1),
            "inputDataType": ("s", True, "BINARY"),
            "outputDataType": ("s", True, ""),
            "numInputVectors": ("ints", True, [1]),
            "ram_style": ("s", False, "auto", set(RAM_STYLES)),
        }

    @property
    @abstractmethod
    def rows(self) -> int:
        """MH: outputs, or channels."""

    @property
    @abstractmethod
    def columns(self) -> int:
        """MW: inputs of an output, or window positions."""

    @abstractmethod
    def weight_matrix(self, model: Any) -> IntArray:
        """Return the weights (rows, columns)."""

    @property
    def vectors(self) -> tuple[int, ...]:
        """The leading axes of input and output."""
        return tuple(int(size) for size in self.attribute("numInputVectors"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (..., MH)."""
        return (*self.vectors, self.rows)

    def output_lanes(self) -> int:
        """Return PE."""
        return int(self.attribute("PE"))

    def folds(self) -> int:
        """Return the clocks of a vector, (MW / SIMD) × (MH / PE): words of the weight memory."""
        simd, pe = self.attribute("SIMD"), self.attribute("PE")
        assert self.columns % simd == 0, (self.onnx_node.name, self.columns, simd)
        assert self.rows % pe == 0, (self.onnx_node.name, self.rows, pe)
        return int((self.columns // simd) * (self.rows // pe))

    def get_exp_cycles(self) -> int:
        """Return vectors × folds."""
        return int(np.prod(self.vectors)) * self.folds()

    def weights_in_block(self, weight_bits: int) -> bool:
        """Return whether the weights go into block RAM."""
        width = self.attribute("PE") * self.attribute("SIMD") * weight_bits
        return rom_in_block(self.folds(), width, self.attribute("ram_style"))

    def init_in_block(self, acc_bits: int) -> bool:
        """Return whether the accumulators' initial values go into block RAM."""
        pe = self.attribute("PE")
        return rom_in_block(self.rows // pe, pe * acc_bits, self.attribute("ram_style"))

    def store(self, context: dict[str, Any], result: IntArray) -> None:
        """Put integers into the output tensor, exactly: wide sums need double precision."""
        narrow = np.abs(result).max(initial=0) <= EXACT
        context[self.onnx_node.output[0]] = result.astype(np.float32 if narrow else np.float64)


class HwfDenseOp(HwfMatrixOp):
    """A matrix unit whose rows share their inputs: activations (..., MW), weights (MW, MH)."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {**super().get_nodeattr_types(), "MW": ("i", True, 0), "MH": ("i", True, 0)}

    @property
    def rows(self) -> int:
        """MH."""
        return int(self.attribute("MH"))

    @property
    def columns(self) -> int:
        """MW."""
        return int(self.attribute("MW"))

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return (..., MW), (MW, MH) or (MH, 1) for activations, weights, thresholds."""
        mw, mh = self.columns, self.rows
        return ((*self.vectors, mw), (mw, mh), (mh, 1))[ind]

    def input_lanes(self) -> int:
        """Return SIMD."""
        return int(self.attribute("SIMD"))

    def weight_matrix(self, model: Any) -> IntArray:
        """Return the weights (MH, MW)."""
        weights: IntArray = model.get_initializer(self.onnx_node.input[1]).T.astype(np.int64)
        return weights


class HwfIntegerMatrixOp(HwfMatrixOp):
    """A matrix unit for any small integers, which gives accumulators.

    ``inputDataType``: UINTk, INTk or BINARY; ``inputBipolar`` = 1 with BINARY: a bit b means
    2b − 1. ``weightDataType``: INTk or BIPOLAR. ``outputDataType``: INTk; results are exact
    modulo 2^k, so k must hold them, intermediate sums need no more. ``mulStyle``: "lut" counts bit
    planes, "dsp" multiplies.
    """

    template = "mac_wrapper.v.j2"
    #: the module that the wrapper instantiates
    unit: str = ""

    def get_nodeattr_types(self) -> dict[str, Any]:
        """Return FINN's attribute table with ours."""
        return {
            **super().get_nodeattr_types(),
            "inputBipolar": ("i", False, 0, {0, 1}),
            "weightDataType": ("s", True, ""),
            "mulStyle": ("s", False, "lut", {"lut", "dsp"}),
        }

    def operands(self) -> Operands:
        """Return how the unit reads weights and activations."""
        weight, act = self.datatype("weightDataType"), self.get_input_datatype()
        bipolar = bool(self.attribute("inputBipolar"))
        assert weight.name == "BIPOLAR" or weight.name.startswith("INT"), weight.name
        assert act.is_integer(), act.name
        assert act.name != "BIPOLAR", "±1 activations travel as BINARY with inputBipolar"
        assert act.bitwidth() == 1 or not bipolar, (self.onnx_node.name, act.name)
        return Operands(
            weight_bits=weight.bitwidth(),
            weight_bipolar=weight.name == "BIPOLAR",
            act_bits=act.bitwidth(),
            act_signed=bool(act.signed()),
            act_bipolar=bipolar,
            dsp=self.attribute("mulStyle") == "dsp",
        )

    def activations(self, context: dict[str, Any]) -> IntArray:
        """Return the values of the data input in its normal shape."""
        codes = context[self.onnx_node.input[0]].reshape(self.get_normal_input_shape())
        values: IntArray = codes.astype(np.int64)
        return 2 * values - 1 if self.attribute("inputBipolar") else values

    def template_values(self) -> Mapping[str, object]:
        """Return the parameters of the unit."""
        operands = self.operands()
        acc_bits = self.get_output_datatype().bitwidth()
        return {
            "unit": self.unit,
            "mw": self.columns,
            "mh": self.rows,
            "simd": self.attribute("SIMD"),
            "pe": self.attribute("PE"),
            "operands": operands,
            "acc_bits": acc_bits,
            "weight_block": int(self.weights_in_block(operands.weight_bits)),
            "init_block": int(self.init_in_block(acc_bits)),
            "in_bits": self.get_instream_width(),
            "out_bits": self.get_outstream_width(),
        }

    def write_memories(self, model: Any, folder: Path) -> None:
        """Write weights and initial values."""
        name, pe = self.onnx_node.name, self.attribute("PE")
        operands, weights = self.operands(), self.weight_matrix(model)
        write_weights(
            folder / f"{name}_weights.dat",
            weights,
            bits=operands.weight_bits,
            simd=self.attribute("SIMD"),
            pe=pe,
        )
        values = initial_values(weights, operands)
        write_initial(
            folder / f"{name}_init.dat",
            values[:pe] if operands.constant_init else values,
            bits=self.get_output_datatype().bitwidth(),
            pe=pe,
        )
