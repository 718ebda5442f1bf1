"""From QONNX to a streamlined integer graph on NHWC uint8 frames that ends in integer scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwflow.errors import UnsupportedModelError

# Models, nodes and data types of qonnx and onnx are untyped.
Model = Any
Node = Any

SCORE_SCALE = "hwflow_score_scale"


def import_qonnx(model: Model) -> Model:
    """Return the QONNX graph cleaned up, its quantisers turned into multi-thresholds."""
    from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
    from qonnx.transformation.fold_constants import FoldConstants
    from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
    from qonnx.transformation.infer_data_layouts import InferDataLayouts
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.util.cleanup import cleanup_model

    model = cleanup_model(model)
    check_gains(model)
    model = _declare_integer_input(model)
    try:
        model = model.transform(ConvertQONNXtoFINN())
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise UnsupportedModelError(f"FINN cannot convert the network: {error}") from error
    for transformation in (
        InferShapes(),
        FoldConstants(),
        GiveUniqueNodeNames(),
        GiveReadableTensorNames(),
        InferDataTypes(),
        InferDataLayouts(),
    ):
        model = model.transform(transformation)
    return model


def _declare_integer_input(model: Model) -> Model:
    """Replace a first quantiser that maps each byte b to s·b by that multiplication.

    Frames are bytes already; 255 thresholds in front of the network would spend hardware on the
    identity. What the quantiser does to every byte is computed, not assumed.
    """
    from onnx import helper
    from qonnx.core.datatype import DataType
    from qonnx.core.onnx_exec import execute_onnx

    name = model.graph.input[0].name
    model.set_tensor_datatype(name, DataType["UINT8"])
    quantiser = model.find_consumer(name)
    path = []
    while quantiser is not None and quantiser.op_type != "Quant":
        if quantiser.op_type not in {"Mul", "Div", "Add", "Sub"}:
            return model
        path.append(quantiser)
        quantiser = model.find_consumer(quantiser.output[0])
    if quantiser is None:
        return model
    path.append(quantiser)
    shape = model.get_tensor_shape(name)
    output = quantiser.output[0]
    bytes_in = np.arange(256, dtype=np.float32)
    elements = int(np.prod(shape))
    images = np.resize(bytes_in, (-(-256 // elements), *shape))
    results = [
        execute_onnx(model, {name: image}, return_full_exec_context=True) for image in images
    ]
    values = np.concatenate([result[output].ravel() for result in results])
    inputs = images.ravel()
    scale = float(values[inputs == 1][0])
    if scale <= 0 or not np.array_equal(values, inputs * np.float32(scale)):
        return model
    for node in path:
        model.graph.node.remove(node)
    consumers = [node for node in model.graph.node if output in node.input]
    replacement = name
    if scale != 1.0:
        factor = model.make_new_valueinfo_name()
        model.set_initializer(factor, np.asarray(scale, dtype=np.float32))
        model.graph.node.insert(0, helper.make_node("Mul", [name, factor], [output]))
        replacement = output
    for node in consumers:
        for index, tensor in enumerate(node.input):
            if tensor == output:
                node.input[index] = replacement
    return model


def streamline(model: Model) -> Model:
    """Move scales and biases into thresholds, lower convolutions, go to NHWC."""
    import finn.transformation.streamline.absorb as absorb
    from finn.transformation.streamline import Streamline
    from finn.transformation.streamline.reorder import MakeMaxPoolNHWC
    from qonnx.transformation.general import GiveUniqueNodeNames, RemoveUnusedTensors
    from qonnx.transformation.infer_data_layouts import InferDataLayouts
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

    for transformation in (
        absorb.AbsorbScalarBiasIntoMultiThreshold(),
        Streamline(),
        LowerConvsToMatMul(),
        MakeMaxPoolNHWC(),
        absorb.AbsorbTransposeIntoMultiThreshold(),
        absorb.AbsorbConsecutiveTransposes(),
        Streamline(),
        # A pool between two convolutions hides the transposes behind it from the first round.
        MakeMaxPoolNHWC(),
        absorb.AbsorbTransposeIntoMultiThreshold(),
        absorb.AbsorbConsecutiveTransposes(),
        Streamline(),
        InferDataTypes(),
        InferDataLayouts(),
        GiveUniqueNodeNames(),
        RemoveUnusedTensors(),
    ):
        model = model.transform(transformation)
    return model


def drop_input_transpose(model: Model) -> Model:
    """Take frames as NHWC: remove the transpose behind the input.

    Raises:
        UnsupportedModelError: if the network does not start with a convolution.
    """
    import qonnx.core.data_layout as layout
    from qonnx.core.datatype import DataType
    from qonnx.util.basic import get_by_name

    name = model.graph.input[0].name
    first = model.find_consumer(name)
    if first.op_type != "Transpose" or list(get_by_name(first.attribute, "perm").ints) != [
        0,
        2,
        3,
        1,
    ]:
        raise UnsupportedModelError(
            "expected the network to start with a convolution on NCHW frames, "
            f"found {first.op_type} first",
            node=first.name,
        )
    inner = first.output[0]
    shape = model.get_tensor_shape(inner)
    model.graph.node.remove(first)
    for node in model.graph.node:
        for index, tensor in enumerate(node.input):
            if tensor == inner:
                node.input[index] = name
    model.set_tensor_shape(name, shape)
    model.set_tensor_datatype(name, DataType["UINT8"])
    model.set_tensor_layout(name, layout.NHWC)
    return model


def take_score_scale(model: Model) -> Model:
    """Cut the last positive scale off, so that the graph ends in the last layer's integers.

    The scale is kept as the graph's metadata ``SCORE_SCALE``: the trained network's output is the
    integers times that.

    Raises:
        UnsupportedModelError: if the last layer's output is not integers times one positive scale.
    """
    output = model.graph.output[0].name
    last = model.find_producer(output)
    scale = 1.0
    if last.op_type == "Mul":
        factor = model.get_initializer(last.input[1])
        if factor is None or factor.size != 1 or float(factor.ravel()[0]) <= 0:
            raise UnsupportedModelError(
                "scores must be integers times one positive scale; give the last layer a "
                "per-tensor weight scale",
                node=last.name,
            )
        scale = float(factor.ravel()[0])
        inner = last.input[0]
        model.graph.node.remove(last)
        model.find_producer(inner).output[0] = output
        model.set_tensor_datatype(output, model.get_tensor_datatype(inner))
        last = model.find_producer(output)
    if last.op_type != "MatMul":
        raise UnsupportedModelError(
            f"expected the network to end in a linear layer without bias, found {last.op_type}",
            node=last.name,
        )
    model.set_metadata_prop(SCORE_SCALE, repr(scale))
    return model


def permute_flatten(model: Model) -> Model:
    """Let a linear layer behind a feature map read it in NHWC order: permute its weight rows."""
    from qonnx.util.basic import get_by_name

    for flatten in [node for node in model.graph.node if node.op_type in {"Flatten", "Reshape"}]:
        transpose = model.find_producer(flatten.input[0])
        if transpose is None or transpose.op_type != "Transpose":
            continue
        matmul = model.find_consumer(flatten.output[0])
        perm = list(get_by_name(transpose.attribute, "perm").ints)
        weights = (
            model.get_initializer(matmul.input[1])
            if matmul is not None and matmul.op_type == "MatMul"
            else None
        )
        if perm != [0, 3, 1, 2] or weights is None:
            raise UnsupportedModelError(
                "a flattened feature map must go straight into a linear layer", node=flatten.name
            )
        _, height, width, channels = model.get_tensor_shape(transpose.input[0])
        rows = weights.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
        model.set_initializer(matmul.input[1], rows.reshape(weights.shape).copy())
        flatten.input[0] = transpose.input[0]
        model.graph.node.remove(transpose)
    return model


def check_gains(model: Model) -> None:
    """Refuse channels that are multiplied by zero, such as a batch norm with γ = 0.

    Their thresholds would be no numbers, on which FINN's rounding pass loops for ever.
    """
    for node in model.graph.node:
        if node.op_type not in {"Mul", "BatchNormalization"}:
            continue
        gains = model.get_initializer(node.input[1])
        zeros = np.flatnonzero(gains == 0) if gains is not None else np.empty(0)
        if zeros.size:
            raise UnsupportedModelError(
                f"channel {zeros[0]} is multiplied by 0 (γ = 0); give pruned channels a tiny γ, "
                "or remove them",
                node=node.name,
            )


def check_thresholds(model: Model) -> Model:
    """Refuse thresholds that are no numbers, which FINN's rounding pass would never finish."""
    for node in model.graph.node:
        if node.op_type != "MultiThreshold":
            continue
        thresholds = model.get_initializer(node.input[1])
        if np.isnan(thresholds).any():
            channel = np.flatnonzero(np.isnan(thresholds).any(axis=1))[0]
            raise UnsupportedModelError(
                f"the thresholds of channel {channel} are not numbers", node=node.name
            )
    return model
