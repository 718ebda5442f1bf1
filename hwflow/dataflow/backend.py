"""From a streamlined integer graph to FINN hardware layers, RTL only."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwflow.dataflow.packing import score_bits
from hwflow.errors import UnsupportedModelError

Model = Any
Node = Any

HARDWARE_DOMAIN = "finn.custom_op.fpgadataflow"
RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"


def infer_binary_layers(model: Model) -> Model:
    """Turn each ±1 × ±1 layer into our XNOR unit, with its threshold where one follows.

    From here on ±1 activations are bits, 0 standing for −1: two-level thresholds give {0, 1}, and
    pools and sliding windows pass bits on (their zero padding means −1, as in training).

    Raises:
        UnsupportedModelError: a ±1 activation goes into a layer that does not read bits.
    """
    from onnx import helper
    from qonnx.core.datatype import DataType
    from qonnx.transformation.infer_datatypes import InferDataTypes

    bipolar = DataType["BIPOLAR"]
    layers = [
        node
        for node in model.graph.node
        if node.op_type == "MatMul" and model.get_tensor_datatype(node.input[0]) == bipolar
    ]
    for matmul in layers:
        weights = model.get_initializer(matmul.input[1])
        if weights is None or model.get_tensor_datatype(matmul.input[1]) != bipolar:
            raise UnsupportedModelError(
                "binary activations need binary weights in the next layer", node=matmul.name
            )
        mw, mh = weights.shape
        inputs, output, out_type = list(matmul.input), matmul.output[0], f"INT{score_bits(mw)}"
        follower = model.find_consumer(output)
        if follower is not None and follower.op_type == "MultiThreshold":
            if model.get_tensor_datatype(follower.output[0]) != bipolar:
                raise UnsupportedModelError(
                    "a binary layer must end in a binary activation or in the scores",
                    node=follower.name,
                )
            thresholds = np.ceil(model.get_initializer(follower.input[1]))
            thresholds = np.broadcast_to(thresholds, (mh, 1)).astype(np.float32)
            model.set_initializer(follower.input[1], thresholds)
            model.set_tensor_datatype(follower.input[1], DataType["INT32"])
            inputs.append(follower.input[1])
            output, out_type = follower.output[0], "BINARY"
        unit = helper.make_node(
            "HwfXnorMVAU_rtl",
            inputs,
            [output],
            domain=RTL_DOMAIN,
            backend="fpgadataflow",
            name=f"HwfXnorMVAU_{matmul.name}",
            MW=mw,
            MH=mh,
            SIMD=1,
            PE=1,
            inputDataType="BINARY",
            outputDataType=out_type,
            numInputVectors=list(model.get_tensor_shape(matmul.input[0])[:-1]),
        )
        model.graph.node.insert(list(model.graph.node).index(matmul), unit)
        model.graph.node.remove(matmul)
        if out_type == "BINARY":
            model.graph.node.remove(follower)
        model.set_tensor_datatype(output, DataType[out_type])
    _thresholds_to_bits(model)
    _bits_through_the_graph(model)
    return model.transform(InferDataTypes())


def _thresholds_to_bits(model: Model) -> None:
    from qonnx.core.datatype import DataType
    from qonnx.custom_op.registry import getCustomOp

    for node in model.graph.node:
        if node.op_type != "MultiThreshold":
            continue
        operator = getCustomOp(node)
        if operator.get_nodeattr("out_dtype") == "BIPOLAR":
            operator.set_nodeattr("out_scale", 1.0)
            operator.set_nodeattr("out_bias", 0.0)
            operator.set_nodeattr("out_dtype", "BINARY")
            model.set_tensor_datatype(node.output[0], DataType["BINARY"])


def _bits_through_the_graph(model: Model) -> None:
    """Retype what pools and windows pass on; InferDataTypes does not touch annotated tensors."""
    from qonnx.core.datatype import DataType

    passing = {"MaxPoolNHWC", "Im2Col", "Flatten", "Reshape"}
    for node in model.graph.node:
        if model.get_tensor_datatype(node.input[0]) != DataType["BINARY"]:
            continue
        if node.op_type == "Im2Col":
            _check_binary_padding(node)
        if node.op_type in passing:
            model.set_tensor_datatype(node.output[0], DataType["BINARY"])
        elif node.op_type != "HwfXnorMVAU_rtl":
            raise UnsupportedModelError(
                f"binary activations cannot go into {node.op_type}", node=node.name
            )


def _check_binary_padding(node: Node) -> None:
    """A padded bit is 0, which means −1; ONNX pads with 0, which ±1 layers do not have."""
    from qonnx.custom_op.registry import getCustomOp

    operator = getCustomOp(node)
    if any(operator.get_nodeattr("pad_amount")):
        if operator.get_nodeattr("pad_value") != -1:
            raise UnsupportedModelError(
                "a convolution of binary activations pads with 0; leave it unpadded, or pad with "
                "-1 in training",
                node=node.name,
            )
        operator.set_nodeattr("pad_value", 0)


def infer_max_pools(model: Model) -> Model:
    """Turn each max-pool into our streaming pool.

    Raises:
        UnsupportedModelError: overlapping, padded or non-square windows, or signed values.
    """
    from onnx import helper
    from qonnx.custom_op.registry import getCustomOp

    for node in [n for n in model.graph.node if n.op_type == "MaxPoolNHWC"]:
        operator = getCustomOp(node)
        kernel = list(operator.get_nodeattr("kernel_shape"))
        strides = list(operator.get_nodeattr("strides"))
        pads = list(operator.get_nodeattr("pads"))
        datatype = model.get_tensor_datatype(node.input[0])
        if kernel[0] != kernel[1] or strides != kernel or any(pads):
            raise UnsupportedModelError(
                "max-pool needs a square window, a stride as large as the window and no padding, "
                f"got window {kernel}, stride {strides}, padding {pads}",
                node=node.name,
            )
        if operator.get_nodeattr("ceil_mode") or datatype.signed():
            raise UnsupportedModelError(
                f"max-pool needs floor mode and unsigned values, got {datatype.name}",
                node=node.name,
            )
        _, height, width, channels = model.get_tensor_shape(node.input[0])
        pool = helper.make_node(
            "HwfMaxPool_rtl",
            [node.input[0]],
            [node.output[0]],
            domain=RTL_DOMAIN,
            backend="fpgadataflow",
            name=f"HwfMaxPool_{node.name}",
            Height=height,
            Width=width,
            Channels=channels,
            K=kernel[0],
            PE=1,
            inputDataType=datatype.name,
            outputDataType=datatype.name,
        )
        model.graph.node.insert(list(model.graph.node).index(node), pool)
        model.graph.node.remove(node)
    return model


def infer_finn_layers(model: Model) -> Model:
    """Turn windows, multi-bit layers and their thresholds into FINN layers."""
    from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
    from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
        InferQuantizedMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import (
        InferThresholdingLayer,
    )
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
    from qonnx.transformation.infer_data_layouts import InferDataLayouts
    from qonnx.transformation.infer_datatypes import InferDataTypes

    for transformation in (
        InferDataTypes(),
        InferDataLayouts(),
        RoundAndClipThresholds(),
        # Thresholds first: fused into the matrix unit they would need HLS.
        InferThresholdingLayer(),
        InferQuantizedMatrixVectorActivation(),
        InferConvInpGen(),
        InferDataTypes(),
    ):
        model = model.transform(transformation)
    for node in [n for n in model.graph.node if n.op_type in {"Flatten", "Reshape"}]:
        # A stream has no shape; row-major order makes flattening free.
        model.find_consumer(node.output[0]).input[0] = node.input[0]
        model.graph.node.remove(node)
    return model


def minimise_widths(model: Model) -> Model:
    """Give weights, accumulators and thresholds the fewest bits that hold their values."""
    from finn.transformation.fpgadataflow.minimize_accumulator_width import (
        MinimizeAccumulatorWidth,
    )
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
    from qonnx.core.datatype import DataType
    from qonnx.custom_op.registry import getCustomOp
    from qonnx.transformation.infer_datatypes import InferDataTypes

    for node in model.graph.node:
        if node.op_type == "MVAU":
            # MVAU_rtl on DSP48E1 cannot multiply by −2^(b−1), so leave that code unused.
            largest = int(np.abs(model.get_initializer(node.input[1])).max())
            datatype = DataType[f"INT{max(2, largest.bit_length() + 1)}"]
            model.set_tensor_datatype(node.input[1], datatype)
            getCustomOp(node).set_nodeattr("weightDataType", datatype.name)
    for transformation in (
        MinimizeAccumulatorWidth(),
        InferDataTypes(),
        RoundAndClipThresholds(),
        InferDataTypes(),
    ):
        model = model.transform(transformation)
    return model


def specialise(model: Model, part: str) -> Model:
    """Choose the RTL back end of every layer.

    Raises:
        UnsupportedModelError: naming a layer that FINN would build with HLS, or not at all.
    """
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from finn.util.exception import FINNUserError
    from qonnx.custom_op.registry import getCustomOp
    from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames

    for node in model.graph.node:
        if node.domain == HARDWARE_DOMAIN:
            getCustomOp(node).set_nodeattr("preferred_impl_style", "rtl")
        elif node.domain != RTL_DOMAIN:
            raise UnsupportedModelError(
                f"{node.op_type} has no hardware layer in FINN or hwflow", node=node.name
            )
    try:
        model = model.transform(SpecializeLayers(part))
    except FINNUserError as error:
        raise UnsupportedModelError(str(error)) from error
    for node in model.graph.node:
        if node.domain != RTL_DOMAIN:
            raise UnsupportedModelError(
                f"{node.op_type}: FINN has no RTL for this layer with these types "
                f"(input {model.get_tensor_datatype(node.input[0]).name}); it would need Vitis "
                "HLS, which hwflow does not use",
                node=node.name,
            )
    return model.transform(GiveUniqueNodeNames()).transform(GiveReadableTensorNames())
