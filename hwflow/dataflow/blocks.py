"""Hardware nodes as the numbers that ``hwflow.cost`` prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from hwflow.cost.block import Block
from hwflow.cost.matrix import FinnMatrix, Matrix
from hwflow.cost.streams import Converter, Fifo, Fork, Join, Pad, Pool, Requantiser, Thresholds
from hwflow.cost.window import Window

Unit = Literal["lut", "dsp", "finn"]


def block_of(operator: Any, *, unit: Unit | None = None) -> Block:
    """Return ``operator`` at its present folding as numbers; ``unit`` as ``layer_resources``."""
    kind = operator.onnx_node.op_type
    if kind in _MATRICES:
        block = _MATRICES[kind](operator)
        return block if unit is None else _on(block, unit)
    return _UNITS[kind](operator)


def _on(block: Matrix | FinnMatrix, unit: Unit) -> Matrix | FinnMatrix:
    if unit == "finn":
        return FinnMatrix(
            rows=block.rows,
            columns=block.columns,
            pe=block.pe,
            simd=block.simd,
            weight_bits=max(2, block.weight_bits),
            act_bits=block.act_bits,
            acc_bits=block.acc_bits,
        )
    if isinstance(block, FinnMatrix):
        return Matrix(
            rows=block.rows,
            columns=block.columns,
            pe=block.pe,
            simd=block.simd,
            weight_bits=block.weight_bits,
            act_bits=block.act_bits,
            acc_bits=block.acc_bits,
            unit=unit,
        )
    return replace(block, unit=unit, constant_init=unit == "dsp" or block.constant_init)


def _bits(operator: Any, attribute: str) -> int:
    from hwflow.dataflow.units import bits_of

    return bits_of(operator.get_nodeattr(attribute))


def _xnor(operator: Any) -> Matrix:
    get = operator.get_nodeattr
    thresholded = bool(operator.thresholded)
    return Matrix(
        rows=get("MH"),
        columns=get("MW"),
        pe=get("PE"),
        simd=get("SIMD"),
        weight_bits=1,
        act_bits=1,
        acc_bits=operator.acc_bits,
        thresholded=thresholded,
        constant_init=not thresholded,
        ram_style=get("ram_style"),
    )


def _integer(operator: Any) -> Matrix:
    get = operator.get_nodeattr
    operands = operator.operands()
    return Matrix(
        rows=operator.rows,
        columns=operator.columns,
        pe=get("PE"),
        simd=get("SIMD"),
        weight_bits=operands.weight_bits,
        act_bits=operands.act_bits,
        acc_bits=_bits(operator, "outputDataType"),
        unit="dsp" if operands.dsp else "lut",
        depthwise=operator.onnx_node.op_type == "HwfVVAU_rtl",
        constant_init=operands.constant_init,
        ram_style=get("ram_style"),
    )


def _finn(operator: Any) -> FinnMatrix:
    get = operator.get_nodeattr
    return FinnMatrix(
        rows=get("MH"),
        columns=get("MW"),
        pe=get("PE"),
        simd=get("SIMD"),
        weight_bits=_bits(operator, "weightDataType"),
        act_bits=_bits(operator, "inputDataType"),
        acc_bits=_bits(operator, "outputDataType"),
    )


def _window(operator: Any) -> Window:
    get = operator.get_nodeattr
    height, width = get("IFMDim")
    kernel, dilation = get("ConvKernelDim"), get("Dilation")
    parallel = operator.select_impl_style() == "parallel"
    return Window(
        height=height,
        width=width,
        kernel_h=(kernel[0] - 1) * dilation[0] + 1,
        kernel_w=(kernel[1] - 1) * dilation[1] + 1,
        folds=get("IFMChannels") // get("SIMD"),
        bits=get("SIMD") * _bits(operator, "inputDataType"),
        buffer=0 if parallel else operator.get_buffer_depth(),
        parallel=parallel,
    )


def _thresholds(operator: Any) -> Thresholds:
    get = operator.get_nodeattr
    return Thresholds(
        folds=get("NumChannels") // get("PE"),
        lanes=get("PE"),
        in_bits=max(_bits(operator, "inputDataType"), _bits(operator, "weightDataType")),
        out_bits=int(get("numSteps")).bit_length(),
    )


def _requant(operator: Any) -> Requantiser:
    requant = operator.requant()
    source = operator.get_input_datatype()
    return Requantiser(
        folds=operator.folds(),
        lanes=operator.input_lanes(),
        in_bits=source.bitwidth(),
        out_bits=operator.get_output_datatype().bitwidth(),
        multiplier_bits=requant.multiplier_bits,
        bias_bits=requant.bias_bits,
        shift=requant.shift,
        in_signed=bool(source.signed()),
    )


def _pad(operator: Any) -> Pad:
    _, height, width, _ = operator.get_normal_output_shape()
    return Pad(height, width, operator.folds(), operator.get_instream_width())


def _pool(operator: Any) -> Pool:
    _, height, width, _ = operator.get_normal_input_shape()
    kernel_h, kernel_w = operator.kernel()
    return Pool(
        height=height,
        width=width,
        folds=operator.folds(),
        lanes=operator.input_lanes(),
        in_bits=operator.get_input_datatype().bitwidth(),
        out_bits=operator.get_output_datatype().bitwidth(),
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        add=operator.get_nodeattr("Operation") == "sum",
    )


def _join(operator: Any) -> Join:
    products = tuple(
        operator.get_input_datatype(port).bitwidth() + abs(factor).bit_length() + 1
        for port, factor in enumerate(operator.factors())
        if abs(factor) & (abs(factor) - 1)
    )
    return Join(operator.input_lanes(), operator.get_output_datatype().bitwidth(), products)


def _fork(operator: Any) -> Fork:
    return Fork(operator.stream_outputs)


def _converter(operator: Any) -> Converter:
    return Converter(operator.get_nodeattr("inWidth"), operator.get_nodeattr("outWidth"))


def _fifo(operator: Any) -> Fifo:
    return Fifo(operator.get_nodeattr("depth"), operator.get_instream_width())


_MATRICES: dict[str, Callable[[Any], Matrix | FinnMatrix]] = {
    "HwfXnorMVAU_rtl": _xnor,
    "HwfMVAU_rtl": _integer,
    "HwfVVAU_rtl": _integer,
    "MVAU_rtl": _finn,
}
_UNITS: dict[str, Callable[[Any], Block]] = {
    "ConvolutionInputGenerator_rtl": _window,
    "Thresholding_rtl": _thresholds,
    "HwfRequant_rtl": _requant,
    "HwfPad_rtl": _pad,
    "HwfPool_rtl": _pool,
    "HwfAdd_rtl": _join,
    "HwfDup_rtl": _fork,
    "StreamingDataWidthConverter_rtl": _converter,
    "HwfFIFO_rtl": _fifo,
}
