"""What is read computes what the file computes: every construct that foreign files hold."""

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
from model_writer import Writer
from onnx import TensorProto, helper, numpy_helper
from onnx_execution import as_graph_input, execute_graph, execute_model

from hwflow.lower.graph import OPERATORS
from hwflow.lower.read import read

CASES = {}


def case(function):
    """Register a builder that returns a model and the kinds of operators expected, or None."""
    CASES[function.__name__] = function
    return function


def frames(model, count=3):
    """Return random frames of bytes in the file's own shape, batch 1."""
    info = model.graph.input[-1] if model.graph.input[-1].name == "x" else model.graph.input[0]
    dims = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
    kind = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
    signed = kind == np.int8
    random = np.random.default_rng(5)
    return [
        random.integers(-128 if signed else 0, 128 if signed else 256, (1, *dims[1:])).astype(kind)
        for _ in range(count)
    ]


def check(model, path, expected=None):
    """Read the model and compare its execution with that of the file; return the graph."""
    onnx.save(model, path)
    graph = read(path)
    assert {op.kind for op in graph.ops} <= OPERATORS
    names = [op.name for op in graph.ops]
    assert len(set(names)) == len(names)
    if expected is not None:
        assert [op.kind for op in graph.ops] == expected.split()
    for frame in frames(model):
        wanted = execute_model(model, {"x": frame})[model.graph.output[0].name]
        got = execute_graph(graph, as_graph_input(graph, frame))
        assert wanted.size == 1 or np.ptp(wanted) > 0
        np.testing.assert_array_equal(got.ravel(), wanted.ravel())
    return graph


# Quantisers.


@case
def quant_and_bipolar():
    w = Writer()
    y = w.quant("x", 4.0, 6, signed=0)
    y = w.conv(y, 3, 5)
    y = w.bipolar(y, 0.5)
    y = w.add("Conv", y, w.bipolar(w.const(w.integers(4, 5, 2, 2)), 0.25))
    return w.model(y), "Quant Quant Conv BipolarQuant BipolarQuant Conv"


@case
def int_quant_by_its_new_name():
    w = Writer()
    y = w.quant("x", 8.0, 5, op="IntQuant", signed=0)
    return w.model(w.conv(y, 3, 2)), "Quant Quant Conv"


@case
def one_signed_bit_is_bipolar():
    w = Writer()
    y = w.add("Sub", "x", np.float32(100))
    y = w.quant(y, 0.5, 1)
    weights = w.quant(w.const(w.integers(4, 3, 2, 2)), 0.25, 1)
    return w.model(w.add("Conv", y, weights)), "Sub BipolarQuant BipolarQuant Conv"


@pytest.mark.parametrize("domain", ["finn.custom_op.general", "onnx.brevitas"])
def test_old_domains(domain, tmp_path):
    w = Writer()
    y = w.quant("x", 4.0, 4, domain=domain, signed=0)
    weights = w.bipolar(w.const(w.integers(4, 3, 2, 2)), 0.25, domain)
    check(w.model(w.add("Conv", y, weights)), tmp_path / "m.onnx", "Quant BipolarQuant Conv")


@pytest.mark.parametrize("spelling", ["HALF_EVEN", "round", "ROUND"])
def test_one_spelling_of_each_rounding_mode(spelling, tmp_path):
    w = Writer()
    y = w.quant("x", 3.0, 5, rounding_mode=spelling)
    graph = check(w.model(w.conv(y, 3, 2)), tmp_path / "m.onnx")
    assert graph.ops[0].attributes["rounding_mode"] == "ROUND"


@pytest.mark.parametrize("mode", ["CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
def test_rounding_modes(mode, tmp_path):
    w = Writer()
    y = w.add("Sub", "x", np.float32(99.5))
    y = w.quant(y, 2.0, 7, rounding_mode=mode)
    graph = check(w.model(w.conv(y, 3, 2)), tmp_path / "m.onnx")
    assert graph.ops[1].attributes["rounding_mode"] == mode


@case
def zero_point_and_scale_per_channel():
    w = Writer()
    scale = np.array([2, 4, 8], np.float32).reshape(1, 3, 1, 1)
    zero = np.array([1, 3, 2], np.float32).reshape(1, 3, 1, 1)
    y = w.quant("x", scale, 6, zero)
    weights = w.quant(
        w.const(w.integers(4, 3, 2, 2)), np.array([1, 2, 1, 4], np.float32).reshape(4, 1, 1, 1) / 4
    )
    return w.model(w.add("Conv", y, weights)), "Quant Quant Conv"


@case
def trunc_first_version():
    w = Writer()
    y = w.quant("x", 2.0, 7, signed=0)
    numbers = (np.float32(2), np.float32(0), np.float32(7), np.float32(4))
    y = w.add("Trunc", y, *numbers, domain="qonnx.custom_op.general", rounding_mode="FLOOR")
    return w.model(w.conv(y, 3, 2)), "Quant Trunc Quant Conv"


@case
def trunc_second_version():
    w = Writer()
    y = w.quant("x", 2.0, 7, signed=0)
    numbers = [np.float32(v) for v in (2, 0, 7, 16, 4)]
    y = w.add(
        "Trunc", y, *numbers, domain="qonnx.custom_op.general", rounding_mode="CEIL", signed=0
    )
    return w.model(w.conv(y, 3, 2)), "Quant Trunc Quant Conv"


def qdq(w, x, scale, zero, dtype, clip=None, **attributes):
    scale, zero = w.const(scale), w.const(zero, dtype)
    y = w.add("QuantizeLinear", x, scale, zero, **attributes)
    if clip is not None:
        y = w.add("Clip", y, np.asarray(clip[0], dtype), np.asarray(clip[1], dtype))
    return w.add("DequantizeLinear", y, scale, zero, **attributes)


def qdq_weights(w, *shape, dtype=np.int8, zero=0, axis=0, low=-100, high=100):
    array = w.random.integers(low, high, shape)
    scales = 2.0 ** w.random.integers(-6, -3, shape[axis])
    zeros = np.full(shape[axis], zero)
    return w.add(
        "DequantizeLinear",
        w.const(array, dtype),
        w.const(scales),
        w.const(zeros, dtype),
        axis=axis,
    )


@case
def qdq_with_weights_per_channel():
    w = Writer()
    y = qdq(w, "x", 2.0, 0, np.uint8)
    y = w.add("Conv", y, qdq_weights(w, 4, 3, 2, 2))
    y = qdq(w, y, 4.0, 0, np.int8)
    return w.model(y), "Quant Quant Conv Quant"


@case
def qcdq_of_four_bits():
    w = Writer()
    y = w.add("Sub", "x", np.float32(128))
    y = qdq(w, y, 16.0, 0, np.int8, (-8, 7))
    y = w.conv(y, 3, 4)
    y = qdq(w, y, 2.0, 0, np.int8, (-7, 7))
    return w.model(w.conv(y, 4, 2, (2, 2))), "Sub Quant Quant Conv Quant Quant Conv"


@case
def qdq_with_odd_zero_point():
    w = Writer()
    y = qdq(w, "x", 2.0, 3, np.uint8)
    return w.model(w.conv(y, 3, 4)), "Clip Quant Quant Conv"


@case
def qdq_with_zero_point_128_is_signed():
    w = Writer()
    y = w.add("Sub", "x", np.float32(128))
    return w.model(w.conv(qdq(w, y, 2.0, 128, np.uint8), 3, 4)), "Sub Quant Quant Conv"


@case
def qdq_clipped_to_no_whole_number_of_bits():
    w = Writer()
    y = qdq(w, "x", 2.0, 0, np.uint8, (0, 100))
    return w.model(w.conv(y, 3, 4)), "Clip Quant Quant Conv"


@case
def unsigned_weights_with_zero_point_and_integer_bias():
    w = Writer()
    y = qdq(w, "x", 2.0, 0, np.uint8)
    weights = qdq_weights(w, 4, 3, 2, 2, dtype=np.uint8, zero=131, low=60, high=200)
    bias = w.add("DequantizeLinear", w.const([1000, -2000, 30, 4], np.int32), np.float32(0.125))
    return w.model(w.add("Conv", y, weights, bias)), "Quant Quant Conv Add"


@case
def maximum_of_quantised_integers():
    w = Writer()
    scale, zero = w.const(2.0), w.const(0, np.uint8)
    y = w.add("QuantizeLinear", "x", scale, zero)
    y = w.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = w.add("DequantizeLinear", y, scale, zero)
    return w.model(w.conv(y, 3, 4, (2, 2))), "Quant MaxPool Quant Conv"


@case
def quantised_floats_of_weights():
    w = Writer()
    scale, zero = w.const(np.float32(0.25)), w.const(0, np.int8)
    y = w.add("QuantizeLinear", w.const(w.integers(4, 3, 2, 2, scale=0.3)), scale, zero)
    weights = w.add("DequantizeLinear", y, scale, zero)
    return w.model(w.add("Conv", w.quant("x", 4.0, 6), weights)), "Quant Quant Conv"


def test_four_bit_storage(tmp_path):
    w = Writer(opset=21)
    tensor = helper.make_tensor("packed", TensorProto.INT4, [2, 3, 1, 1], [1, -8, 7, 2, -3, 5])
    w.constants.append(tensor)
    weights = w.add("DequantizeLinear", "packed", np.float32(0.5))
    onnx.save(w.model(w.add("Conv", w.quant("x", 4.0, 6), weights)), tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    quant = graph.ops[1]
    assert graph.constants[quant.inputs[3]] == 4
    np.testing.assert_array_equal(
        graph.constants[quant.inputs[0]].ravel() * 2, [1, -8, 7, 2, -3, 5]
    )


@case
def default_zero_points_and_clipped_weights():
    w = Writer()
    y = w.add("DequantizeLinear", w.add("QuantizeLinear", "x", np.float32(2)), np.float32(2))
    scale, zero = w.const(np.float32(0.25)), w.const(0, np.int8)
    weights = w.add("QuantizeLinear", w.const(w.integers(4, 3, 2, 2)), scale, zero)
    weights = w.add("Clip", weights, np.int8(-5), np.int8(3))
    weights = w.add("DequantizeLinear", weights, scale, zero)
    return w.model(w.add("Conv", y, weights)), "Quant Quant Conv"


# Weights.


@case
def weights_behind_transpose_and_reshape():
    w = Writer((1, 12))
    y = w.quant("x", 4.0, 6)
    weights = w.quant(w.const(w.integers(5, 12)), np.array([[1], [2], [1], [4], [2]]) / 4)
    y = w.add("MatMul", y, w.add("Transpose", weights, perm=[1, 0]))
    weights = w.add("Reshape", w.weights(20), np.array([5, 4]))
    return w.model(w.add("MatMul", y, weights)), "Quant Quant MatMul Quant MatMul"


@case
def reshaped_scales_stay_per_channel():
    w = Writer((1, 6))
    scale = np.repeat([[1.0, 2, 4]], 4, axis=0).T.reshape(3, 4, 1) / 4
    weights = w.quant(w.const(w.integers(3, 4, 2, scale=1)), scale)
    weights = w.add("Reshape", w.add("Transpose", weights, perm=[2, 0, 1]), np.array([6, 4]))
    return w.model(w.add("MatMul", w.quant("x", 4.0, 6), weights)), "Quant Quant MatMul"


@case
def weights_as_constant_nodes():
    w = Writer((1, 12))
    value = numpy_helper.from_array(w.integers(12, 5))
    scale = w.add("Constant", value_float=0.25)
    weights = w.add("Constant", value=value)
    bits = w.add("Constant", value=numpy_helper.from_array(np.float32(4)))
    quantised = w.add(
        "Quant", weights, scale, np.float32(0), bits,
        domain="qonnx.custom_op.general", signed=1, narrow=0,
    )  # fmt: skip
    return w.model(w.add("MatMul", w.quant("x", 4.0, 6), quantised)), "Quant Quant MatMul"


@case
def weights_scaled_behind_the_quantiser():
    w = Writer((1, 12))
    weights = w.add("Mul", np.array([[1, 2, 0.5, 4, 1]], np.float32), w.weights(12, 5))
    weights = w.add("Div", weights, np.float32(2))
    return w.model(w.add("MatMul", w.quant("x", 4.0, 6), weights)), "Quant Quant MatMul"


@case
def scale_computed_from_the_weights():
    w = Writer((1, 12))
    weights = w.const(w.integers(12, 5))
    top = w.add("ReduceMax", w.add("Abs", weights), keepdims=0)
    scale = w.add("Div", w.add("Exp", w.add("Log", top)), np.float32(7))
    quantised = w.add(
        "Quant", weights, scale, np.float32(0), np.float32(4),
        domain="qonnx.custom_op.general", signed=1, narrow=1,
    )  # fmt: skip
    y = w.add("MatMul", w.quant("x", 4.0, 6), quantised)
    return w.model(w.quant(y, 8.0)), "Quant Quant MatMul Quant"


@case
def annotated_integers():
    w = Writer((1, 12))
    weights = w.const(w.integers(12, 5, scale=1))
    w.annotate(weights, finn_datatype="INT4")
    return w.model(w.add("MatMul", w.quant("x", 4.0, 6), weights)), "Quant MatMul"


def test_annotations_are_kept(tmp_path):
    w = Writer((1, 12))
    weights = w.const(w.integers(12, 5, scale=1), name="weights")
    w.annotate(weights, finn_datatype="INT4")
    w.annotate("x", finn_datatype="UINT8")
    transposed = w.add("Reshape", w.add("Transpose", weights), np.array([1, 5, 12]))
    transposed = w.add("Transpose", w.add("Squeeze", transposed))
    graph = check(w.model(w.add("MatMul", "x", transposed)), tmp_path / "m.onnx", "MatMul")
    assert graph.input_datatype == "UINT8"
    assert graph.datatypes[graph.ops[0].inputs[1]] == "INT4"


# Layers.


@case
def gemm_with_everything():
    w = Writer((1, 12))
    y = w.quant("x", 4.0, 6)
    y = w.add("Gemm", y, w.weights(5, 12), w.integers(5), alpha=0.5, beta=2.0, transB=1)
    return w.model(y), "Quant Quant MatMul Mul Add"


@case
def gemm_without_bias_and_transposed_input():
    w = Writer((1, 12))
    y = w.add("Transpose", w.quant("x", 4.0, 6))
    return w.model(w.add("Gemm", y, w.weights(12, 5), transA=1)), "Quant Quant MatMul"


@case
def matmul_behind_leading_axes():
    w = Writer((1, 12))
    y = w.add("Unsqueeze", w.quant("x", 4.0, 6), np.array([1]))
    y = w.add("MatMul", y, w.weights(1, 12, 5))
    return w.model(w.add("Add", y, w.integers(5))), "Quant Quant MatMul Add"


@case
def matmul_over_channels_is_a_pointwise_convolution():
    w = Writer((1, 6, 7, 3))
    y = w.add("MatMul", w.quant("x", 4.0, 6), w.weights(3, 5))
    y = w.add("Add", y, w.integers(5))
    y = w.add("Transpose", y, perm=[0, 3, 1, 2])
    return w.model(w.conv(y, 5, 2)), "Quant Quant Conv Add Quant Conv"


@case
def pointwise_convolution_of_a_vector():
    w = Writer((1, 12))
    y = w.add("Unsqueeze", w.quant("x", 4.0, 6), np.array([2, 3]))
    y = w.conv(y, 12, 5, (1, 1), bias=w.integers(5))
    return w.model(w.add("Flatten", y)), "Quant Quant MatMul Add"


@case
def conv_with_bias_groups_strides_dilations():
    w = Writer((1, 4, 9, 11))
    y = w.conv(
        w.quant("x", 4.0, 6), 4, 8, (3, 2), 2, w.integers(8),
        strides=[2, 1], dilations=[1, 2], pads=[1, 0, 2, 1],
    )  # fmt: skip
    return w.model(y), "Quant Quant Conv Add"


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_auto_pad(auto_pad, tmp_path):
    w = Writer((1, 3, 7, 10))
    y = w.conv(w.quant("x", 4.0, 6), 3, 4, (3, 4), strides=[2, 3], auto_pad=auto_pad)
    y = w.add("MaxPool", y, kernel_shape=[2, 2], strides=[1, 2], auto_pad=auto_pad)
    graph = check(w.model(y), tmp_path / "m.onnx", "Quant Quant Conv MaxPool")
    assert not any("auto_pad" in op.attributes for op in graph.ops)


@case
def signals():
    w = Writer((1, 3, 20))
    y = w.conv(w.quant("x", 4.0, 6), 3, 4, (3,), bias=w.integers(4), pads=[1, 2], strides=[2])
    parameters = [w.const(v) for v in ([1, 2, 1, 2], [0.5, 1, 2, 0], [1, 0, 2, 1], [4, 1, 4, 1])]
    y = w.add("BatchNormalization", y, *parameters, epsilon=0.0)
    y = w.add("MaxPool", w.add("Relu", y), kernel_shape=[2], strides=[2])
    y = w.quant(y, 4.0)
    y = w.add("AveragePool", w.conv(y, 4, 4, (2,), 4), kernel_shape=[2], strides=[2])
    y = w.add("GlobalAveragePool", y)
    y = w.add("MatMul", w.add("Flatten", y), w.weights(4, 3))
    return w.model(y), (
        "Quant Quant Conv Add BatchNormalization Relu MaxPool Quant Quant Conv AveragePool "
        "GlobalAveragePool Flatten Quant MatMul"
    )


@case
def signals_in_time_by_features():
    w = Writer((1, 20, 3))
    y = w.add("Transpose", w.quant("x", 4.0, 6), perm=[0, 2, 1])
    return w.model(w.conv(y, 3, 4, (3,))), "Quant Quant Conv"


@case
def spectrogram_gets_its_channel_by_unsqueeze():
    w = Writer((1, 10, 8))
    y = w.add("Unsqueeze", w.quant("x", 4.0, 6), np.array([1]))
    return w.model(w.conv(y, 1, 4)), "Quant Quant Conv"


@case
def column_becomes_a_signal():
    w = Writer((1, 3, 9, 4))
    y = w.conv(w.quant("x", 4.0, 6), 3, 4, (1, 4))
    y = w.add("Squeeze", y, np.array([3]))
    return w.model(w.conv(y, 4, 2, (3,), strides=[2])), "Quant Quant Conv Quant Conv"


@case
def batch_norm_of_vectors():
    w = Writer((1, 6))
    y = w.add("MatMul", w.quant("x", 4.0, 6), w.weights(6, 4))
    parameters = [w.const(v) for v in ([1, -2, 1, 2], [0.5, 1, 2, 0], [1, 0, 2, 1], [4, 1, 4, 1])]
    y = w.add("BatchNormalization", y, *parameters, epsilon=0.25)
    # Older exporters lift vectors to signals for it.
    y = w.add("Unsqueeze", y, np.array([2]))
    y = w.add("BatchNormalization", y, *parameters, epsilon=0.25)
    y = w.add("Squeeze", y, np.array([2]))
    return w.model(
        w.quant(y, 2.0)
    ), "Quant Quant MatMul BatchNormalization BatchNormalization Quant"


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_pools(op, ceil, tmp_path):
    w = Writer((1, 3, 10, 12))
    y = w.quant("x", 4.0, 6)
    y = w.add(op, y, kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 0, 1], ceil_mode=ceil)
    weights = w.weights(2, 3, 1, 1)
    graph = check(w.model(w.add("Conv", y, weights)), tmp_path / "m.onnx")
    assert graph.ops[1].attributes["ceil_mode"] == 0


@case
def average_that_counts_its_padding():
    w = Writer((1, 3, 9, 12))
    y = w.quant("x", 4.0, 6)
    y = w.add("AveragePool", y, kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1)
    return w.model(w.add("Conv", y, w.weights(2, 3, 1, 1))), "Quant AveragePool Quant Conv"


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax"])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("opset", [11, 18])
def test_reductions_over_the_map(op, keepdims, opset, tmp_path):
    w = Writer((1, 3, 4, 8), opset=opset)
    y = w.quant("x", 4.0, 6)
    axes = opset == 18 or (op == "ReduceSum" and opset >= 13)
    if axes:
        y = w.add(op, y, np.array([2, -1]), keepdims=keepdims)
    else:
        y = w.add(op, y, axes=[2, -1], keepdims=keepdims)
    y = w.add("MatMul", w.add("Flatten", y), w.weights(3, 4))
    graph = check(w.model(y), tmp_path / "m.onnx")
    assert graph.ops[1].kind == ("GlobalMaxPool" if op == "ReduceMax" else "GlobalAveragePool")


@case
def padding_moves_into_the_operator():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    y = w.conv(w.add("Pad", y, np.array([0, 0, 1, 0, 0, 0, 2, 1])), 3, 4, pads=[0, 1, 0, 0])
    y = w.quant(y, 4.0)
    y = w.add("Pad", y, np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(-np.inf))
    y = w.add("MaxPool", y, kernel_shape=[2, 2])
    y = w.add(
        "AveragePool", w.add("Pad", y, np.array([0, 0, 0, 0, 0, 0, 1, 1])), kernel_shape=[2, 2]
    )
    return w.model(y), "Quant Quant Conv Quant MaxPool AveragePool"


@case
def padding_with_a_value_stays():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    y = w.add("Pad", y, np.array([0, 0, 1, 0, 0, 0, 2, 1]), np.float32(-8))
    return w.model(w.conv(y, 3, 4)), "Quant Pad Quant Conv"


@case
def padding_read_twice():
    w = Writer()
    y = w.add("Pad", w.quant("x", 4.0, 6), np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    a, b = w.conv(y, 3, 4), w.add("MaxPool", y, kernel_shape=[3, 3])
    return w.model(w.add("Add", a, w.conv(b, 3, 4, (1, 1)))), (
        "Quant Pad MaxPool Quant Conv Quant Conv Add"
    )


@case
def residual():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    z = w.quant(w.conv(y, 3, 3, pads=[1, 1, 1, 1]), 4.0, 6)
    y = w.add("Sum", z, y)
    return w.model(w.add("Flatten", w.add("Add", y, y))), "Quant Quant Conv Quant Add Add Flatten"


@case
def residual_of_two_layouts():
    w = Writer((1, 6, 8, 3))
    y = w.quant("x", 4.0, 6)
    z = w.conv(w.add("Transpose", y, perm=[0, 3, 1, 2]), 3, 3, pads=[1, 1, 1, 1])
    z = w.add("Transpose", z, perm=[0, 2, 3, 1])
    y = w.add("Transpose", w.add("Add", z, y), perm=[0, 3, 1, 2])
    return w.model(w.conv(y, 3, 2)), "Quant Quant Conv Add Quant Conv"


@case
def residual_across_a_transpose():
    w = Writer((1, 3, 4, 4))
    y = w.quant("x", 4.0, 6)
    z = w.add("Transpose", w.conv(y, 3, 3, (1, 1)), perm=[0, 1, 3, 2])
    y = w.add("Sum", w.add("Add", z, y))
    return w.model(w.add("GlobalAveragePool", y)), (
        "Quant Quant Conv Transpose Add GlobalAveragePool Flatten"
    )


@case
def sum_of_vectors_and_of_signals():
    w = Writer((1, 6, 4))
    y = w.quant("x", 4.0, 6)
    y = w.add("Add", w.conv(y, 6, 6, (1,)), w.conv(y, 6, 6, (1,)))
    y = w.add("GlobalAveragePool", y)
    z = w.add("Unsqueeze", w.add("MatMul", w.add("Flatten", y), w.weights(6, 6)), np.array([2]))
    return w.model(w.add("Add", w.add("Squeeze", z, np.array([0])), y)), (
        "Quant Quant Conv Quant Conv Add GlobalAveragePool Flatten Quant MatMul Flatten Add"
    )


@case
def flatten_of_a_signal_in_time_order():
    w = Writer((1, 3, 20))
    y = w.conv(w.quant("x", 4.0, 6), 3, 4, (3,))
    y = w.add("Flatten", w.add("Transpose", y, perm=[0, 2, 1]))
    return w.model(w.add("MatMul", y, w.weights(72, 4))), (
        "Quant Quant Conv Transpose Flatten Quant MatMul"
    )


@case
def vector_parameters_behind_flatten():
    w = Writer()
    y = w.add("Flatten", w.quant("x", 4.0, 6))
    y = w.add("Transpose", w.add("Transpose", w.add("Mul", y, w.integers(144, low=1))))
    return w.model(w.add("MatMul", y, w.weights(144, 4))), "Quant Flatten Mul Quant MatMul"


@case
def batch_norm_behind_a_permutation():
    w = Writer((1, 3, 4, 6))
    y = w.add("Transpose", w.conv(w.quant("x", 4.0, 6), 3, 3, (1, 1)), perm=[0, 2, 1, 3])
    parameters = [np.array(v, np.float32) for v in ([1, 2] * 2, [0, 1] * 2, [3] * 4, [4] * 4)]
    y = w.add("BatchNormalization", y, *parameters, epsilon=0.0)
    return w.model(w.add("GlobalMaxPool", w.quant(y, 2.0, 8))), (
        "Quant Quant Conv Transpose BatchNormalization Quant GlobalMaxPool Flatten"
    )


@case
def reductions_of_everything_and_of_nothing():
    w = Writer((1, 1, 6, 8), opset=18)
    y = w.add("ReduceMean", w.quant("x", 4.0, 6), np.array([1]), keepdims=0)
    y = w.add("ReduceSum", y, np.array([], np.int64), noop_with_empty_axes=1)
    y = w.add("Unsqueeze", w.add("ReduceMean", y, keepdims=0), np.array([0, 1]))
    return w.model(w.add("MatMul", y, w.weights(1, 4))), (
        "Quant GlobalAveragePool Flatten Quant MatMul"
    )


# Functions and arithmetic.


@case
def functions():
    w = Writer()
    y = w.add("Div", w.add("Sub", "x", np.float32(128)), np.float32(64))
    y = w.add("LeakyRelu", y, alpha=0.125)
    y = w.add("PRelu", y, np.array([0.5, 0.25, 2], np.float32).reshape(3, 1, 1))
    for op in ("Tanh", "Elu", "Selu", "Softplus", "Sigmoid", "HardSigmoid", "Softsign"):
        y = w.add(op, y)
    y = w.quant(y, 0.0625, 6)
    return w.model(w.conv(y, 3, 4)), (
        "Sub Div LeakyRelu PRelu Tanh Elu Selu Softplus Sigmoid HardSigmoid Softsign Quant "
        "Quant Conv"
    )


@case
def constants_on_either_side():
    w = Writer()
    channel = w.integers(3, 1, 1, low=1)
    y = w.add("Mul", channel, w.add("Sub", np.float32([[[[200]]]]), "x"))
    y = w.add("Add", np.float32(3), y)
    return w.model(w.conv(w.quant(y, 8.0, 6), 3, 4)), "Sub Mul Add Quant Quant Conv"


@case
def clips():
    w = Writer()
    y = w.add("Clip", "x", np.float32(16), "")
    y = w.add("Clip", y, "", np.float32(200))
    y = w.add("Min", np.float32(190), w.add("Max", y, np.float32(20)))
    return w.model(w.conv(w.quant(y, 4.0, 6), 3, 4)), "Clip Clip Clip Clip Quant Quant Conv"


# Debris.


@case
def flatten_shape_computed_from_shape():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    size = w.add("Gather", w.add("Shape", y), np.array(0), axis=0)
    size = w.add("Cast", w.add("Cast", size, to=TensorProto.FLOAT), to=TensorProto.INT64)
    shape = w.add("Concat", w.add("Unsqueeze", size, np.array([0])), np.array([-1]), axis=0)
    y = w.add("Reshape", y, shape)
    return w.model(w.add("MatMul", y, w.weights(144, 4))), "Quant Flatten Quant MatMul"


@case
def flatten_shape_by_slice_and_product():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    dims = w.add("Slice", w.add("Shape", y), np.array([1]), np.array([4]), np.array([0]))
    shape = w.add("Concat", np.array([1]), w.add("ReduceProd", dims, keepdims=1), axis=0)
    return w.model(w.add("MatMul", w.add("Reshape", y, shape), w.weights(144, 4))), (
        "Quant Flatten Quant MatMul"
    )


@case
def constants_from_every_generator():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    ramp = w.add("Range", np.float32(0), np.float32(3), np.float32(1))
    ramp = w.add("Expand", w.add("Reshape", ramp, np.array([3, 1, 1])), np.array([3, 1, 1]))
    ones = w.add("Tile", np.ones((1, 1, 1), np.float32), np.array([3, 1, 1]))
    eye = w.add("MatMul", np.eye(3, dtype=np.float32), np.ones((3, 1), np.float32))
    offset = w.add("Mul", w.add("Add", ramp, ones), w.add("Unsqueeze", eye, np.array([2])))
    size = w.add("Cast", w.add("Size", y), to=TensorProto.FLOAT)
    y = w.add("Add", y, w.add("Where", np.array(True), offset, size))
    zeros = w.add("ConstantOfShape", w.add("Shape", y))
    return w.model(w.conv(w.add("Add", y, zeros), 3, 4)), "Quant Add Add Quant Conv"


@case
def nothing_is_left_of_debris():
    w = Writer()
    y = w.add("Identity", w.quant("x", 4.0, 6))
    y = w.add("Cast", w.add("Cast", y, to=TensorProto.DOUBLE), to=TensorProto.FLOAT)
    y = w.add("Dropout", y, outputs=2)[0]
    y = w.add("Pad", w.add("Transpose", y, perm=[0, 1, 2, 3]), np.zeros(8, np.int64))
    y = w.add("Squeeze", w.add("Unsqueeze", y, np.array([0])), np.array([0]))
    y = w.add("Reshape", w.add("Flatten", y, axis=2), np.array([1, 3, 6, 8]))
    y = w.add("Slice", y, np.array([0]), np.array([2**40]), np.array([2]))
    y = w.add("Expand", w.add("Tile", y, np.ones(4, np.int64)), np.array([1, 3, 1, 1]))
    y = w.add("Concat", w.add("Pow", y, np.float32(1)), axis=1)
    return w.model(w.conv(y, 3, 4)), "Quant Quant Conv"


@pytest.mark.parametrize("axis", [0, 1, -3])
def test_flatten_axes(axis, tmp_path):
    w = Writer()
    y = w.add("Flatten", w.quant("x", 4.0, 6), axis=axis)
    y = w.add("Reshape", y, np.array([0, -1])) if axis else y
    y = w.add("MatMul", y, w.weights(144, 4))
    check(w.model(y), tmp_path / "m.onnx", "Quant Flatten Quant MatMul")


@case
def dead_nodes_are_gone():
    w = Writer()
    y = w.quant("x", 4.0, 6)
    w.add("RandomNormalLike", y)
    w.const(np.full(3, np.nan))
    w.add("Relu", y)
    return w.model(w.conv(y, 3, 4)), "Quant Quant Conv"


@case
def initialisers_listed_as_inputs():
    w = Writer()
    y = w.conv(w.quant("x", 4.0, 6), 3, 4)
    listed = [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in w.constants]
    return w.model(y, inputs=[*listed, *w.inputs]), "Quant Quant Conv"


@case
def nodes_out_of_order():
    w = Writer()
    y = w.conv(w.quant("x", 4.0, 6), 3, 4)
    w.nodes.reverse()
    return w.model(y), None


# Layouts.


@case
def channels_last_input():
    w = Writer((1, 6, 8, 3))
    y = w.add("Transpose", "x", perm=[0, 3, 1, 2])
    return w.model(w.conv(w.quant(y, 4.0, 6), 3, 4)), "Quant Quant Conv"


@case
def channels_last_throughout():
    w = Writer((1, 8, 10, 3))
    y = w.add("Sub", w.add("Mul", "x", w.integers(3, low=1)), w.integers(3))
    y = w.quant(y, 4.0, 6)
    for channels in (3, 4):
        y = w.add("Transpose", y, perm=[0, 3, 1, 2])
        y = w.add("Transpose", w.conv(y, channels, 4), perm=[0, 2, 3, 1])
        y = w.quant(w.add("Add", y, w.integers(1, 1, 1, 4)), np.array([4, 8, 4, 16]), 6)
    y = w.add("ReduceMean", y, axes=[1, 2], keepdims=0)
    y = w.add("MatMul", y, w.weights(4, 5))
    return (
        w.model(y),
        "Mul Sub Quant Quant Conv Add Quant Quant Conv Add Quant GlobalAveragePool Flatten Quant "
        "MatMul",
    )


@case
def channels_last_flatten():
    w = Writer((1, 6, 8, 3))
    y = w.add("Transpose", w.quant("x", 4.0, 6), perm=[0, 3, 1, 2])
    y = w.add("Transpose", w.conv(y, 3, 4), perm=[0, 2, 3, 1])
    y = w.add("Flatten", y)
    return w.model(w.add("MatMul", y, w.weights(96, 5))), (
        "Quant Quant Conv Transpose Flatten Quant MatMul"
    )


def test_channels_last_is_told(tmp_path):
    for name, last in (("channels_last_input", True), ("quant_and_bipolar", False)):
        model, _ = CASES[name]()
        onnx.save(model, tmp_path / "m.onnx")
        graph = read(tmp_path / "m.onnx")
        assert graph.channels_last is last
        assert graph.shapes[graph.input] == (1, 3, 6, 8)


def test_layout_annotation_decides_where_shapes_cannot(tmp_path):
    for declared, last in (("['N', 'H', 'W', 'C']", True), ("['N', 'C', 'H', 'W']", False)):
        w = Writer((1, 4, 4, 4))
        w.annotate("x", tensor_layout=declared)
        y = w.add("Flatten", w.quant("x", 4.0, 6))
        graph = check(w.model(w.add("MatMul", y, w.weights(64, 4))), tmp_path / "m.onnx")
        assert graph.channels_last is last


@case
def flat_input_becomes_an_image():
    w = Writer((1, 48))
    y = w.add("Reshape", w.quant("x", 4.0, 6), np.array([-1, 1, 6, 8]))
    return w.model(w.conv(y, 1, 4)), "Quant Quant Conv"


@pytest.mark.parametrize("element", [TensorProto.UINT8, TensorProto.INT8])
def test_integer_input_behind_a_cast(element, tmp_path):
    w = Writer(element=element)
    y = w.add("Cast", "x", to=TensorProto.FLOAT)
    graph = check(w.model(w.conv(y, 3, 4)), tmp_path / "m.onnx", "Quant Conv")
    assert graph.input_datatype == {TensorProto.UINT8: "UINT8", TensorProto.INT8: "INT8"}[element]


@case
def integer_input_behind_dequantize():
    w = Writer(element=TensorProto.UINT8)
    y = w.add("DequantizeLinear", "x", np.float32(0.5), np.uint8(3))
    return w.model(w.conv(y, 3, 4)), "Sub Mul Quant Conv"


@pytest.mark.parametrize("batch", ["N", None, 5])
def test_batches_become_one(batch, tmp_path):
    w = Writer((batch, 3, 6, 8))
    y = w.conv(w.quant("x", 4.0, 6), 3, 4)
    shape = np.array([5, 96] if batch == 5 else [-1, 96])
    y = w.add("MatMul", w.add("Reshape", y, shape), w.weights(96, 4))
    model = w.model(y)
    onnx.save(model, tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    assert graph.shapes[graph.input] == (1, 3, 6, 8)
    frame = np.random.default_rng(1).integers(0, 256, (5, 3, 6, 8)).astype(np.float32)
    wanted = execute_model(model, {"x": frame})[y]
    got = [execute_graph(graph, one[np.newaxis])[0] for one in frame]
    np.testing.assert_array_equal(got, wanted)


# Tails.


@case
def top_k():
    w = Writer((1, 12))
    y = w.add("MatMul", w.quant("x", 4.0, 6), w.weights(12, 5))
    y = w.add("TopK", w.add("Softmax", y, axis=-1), np.array([3]), outputs=2)[1]
    return w.model(y), "Quant Quant MatMul Softmax TopK"


@case
def arg_max_as_floats():
    w = Writer((1, 12), opset=12)
    y = w.add("MatMul", w.quant("x", 4.0, 6), w.weights(12, 5))
    y = w.add("ArgMax", w.add("LogSoftmax", y), axis=1, keepdims=0)
    y = w.add("Reshape", w.add("Cast", y, to=TensorProto.FLOAT), np.array([1, 1]))
    model = w.model(y)
    return model, "Quant Quant MatMul LogSoftmax ArgMax"


def test_scores_of_several_outputs(tmp_path):
    w = Writer((1, 12))
    scores = w.add("MatMul", w.quant("x", 4.0, 6), w.weights(12, 5))
    values, indices = w.add("TopK", scores, np.array([2]), outputs=2)
    label = w.add("ArgMax", scores, axis=1)
    onnx.save(w.model(values, indices, label, scores), tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    assert graph.ops[-1].kind == "MatMul"
    assert graph.output == scores


# Operator sets and names.


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 21])
def test_operator_sets(opset, tmp_path):
    w = Writer(opset=opset)
    y = w.quant("x", 4.0, 6)
    if opset < 11:
        y = w.add("Clip", y, min=4.0, max=100.0)
        y = w.add("Pad", y, pads=[0, 0, 1, 1, 0, 0, 1, 1], value=4.0)
    else:
        y = w.add("Clip", y, np.float32(4), np.float32(100))
        y = w.add("Pad", y, np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(4))
    y = w.add("Dropout", y, outputs=2)[0]
    parameters = [w.const(v) for v in ([1, 2, 1], [0.5, 1, 2], [1, 0, 2], [4, 1, 4])]
    y = w.add("BatchNormalization", y, *parameters, epsilon=0.0)
    y = w.quant(y, 4.0, 6)
    y = w.conv(y, 3, 4)
    axes = [] if opset < 13 else [np.array([0])]
    old = {"axes": [0]} if opset < 13 else {}
    y = w.add("Squeeze", w.add("Unsqueeze", y, *axes, **old), *axes, **old)
    if opset < 18:
        y = w.add("ReduceMean", y, axes=[2, 3], keepdims=0)
    else:
        y = w.add("ReduceMean", y, np.array([2, 3]), keepdims=0)
    y = w.add("MatMul", y, w.weights(4, 5))
    y = w.add("Softmax", y)
    check(
        w.model(y),
        tmp_path / "m.onnx",
        "Quant Clip Pad BatchNormalization Quant Quant Conv GlobalAveragePool Flatten Quant "
        "MatMul Softmax",
    )


def test_batch_norm_lists_statistics_it_does_not_compute(tmp_path):
    w = Writer(opset=9)
    parameters = [w.const(v) for v in ([1, 2, 1], [0.5, 1, 2], [1, 0, 2], [4, 1, 4])]
    y = w.add("BatchNormalization", w.quant("x", 4.0, 6), *parameters, outputs=5)[0]
    onnx.save(w.model(w.conv(w.quant(y, 2.0), 3, 4)), tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    assert [op.kind for op in graph.ops][:2] == ["Quant", "BatchNormalization"]


def test_names_become_unique_and_printable(tmp_path):
    w = Writer()
    names = ["", "a b\n'c'", "a b\n'c'", "größe\t" + "x" * 200, "größe\t" + "x" * 200]
    y = w.quant("x", 4.0, 6)
    for name in names:
        y = w.add("Relu", y, name=name)
        w.nodes[-1].name = name
    for node in w.nodes:
        for field in (node.input, node.output):
            for index, tensor in enumerate(field):
                field[index] = f'{tensor} \n"é' if tensor not in ("", "x") else tensor
    for tensor in w.constants:
        tensor.name += ' \n"é'
    model = w.model(y + ' \n"é')
    graph = check(model, tmp_path / "m.onnx")
    every = [op.name for op in graph.ops] + list(graph.shapes)
    assert all(name.isascii() and name.isprintable() and len(name) <= 80 for name in every)
    assert all(not set(" '\"") & set(name) for name in every)
    assert "a_b_c_" in graph.ops[2].name
    assert len(set(graph.shapes)) == len(graph.shapes)


def test_external_data_beside_the_model(tmp_path):
    model, _ = CASES["quant_and_bipolar"]()
    path = tmp_path / "m.onnx"
    onnx.save(
        copy.deepcopy(model), path, save_as_external_data=True, location="m.data", size_threshold=0
    )
    assert (tmp_path / "m.data").exists()
    graph = read(path)
    frame = frames(model)[0]
    np.testing.assert_array_equal(
        execute_graph(graph, frame).ravel(),
        execute_model(model, {"x": frame})[model.graph.output[0].name].ravel(),
    )


def test_local_functions_are_inlined(tmp_path):
    w = Writer()
    y = w.quant("x", 4.0, 6)
    w.nodes.append(helper.make_node("Twice", [y], ["doubled"], "twice", domain="local"))
    model = w.model(w.conv("doubled", 3, 4))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(
        helper.make_function("local", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 13)])
    )
    onnx.save(model, tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    assert [op.kind for op in graph.ops] == ["Quant", "Add", "Quant", "Conv"]


def test_wide_and_narrow_floats_that_are_exact(tmp_path):
    w = Writer((1, 12))
    weights = w.const(w.integers(12, 5), np.float16)
    y = w.add("Quant", weights, np.float64(0.25), np.float32(0), np.float32(4),
              domain="qonnx.custom_op.general", signed=1, narrow=0)  # fmt: skip
    onnx.save(w.model(w.add("MatMul", w.quant("x", 4.0, 6), y)), tmp_path / "m.onnx")
    graph = read(tmp_path / "m.onnx")
    assert {array.dtype for array in graph.constants.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", CASES)
def test_same_values(name, tmp_path):
    model, expected = CASES[name]()
    check(model, tmp_path / "m.onnx", expected)


def test_path_may_be_relative(tmp_path, monkeypatch):
    model, _ = CASES["quant_and_bipolar"]()
    monkeypatch.chdir(tmp_path)
    onnx.save(model, "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    assert read(Path("m.onnx")).ops
