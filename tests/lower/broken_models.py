"""Deliberately broken and exotic ONNX files, for reading and for the command line.

``BROKEN``: name → a builder that writes the file into a folder and returns its path, and the words
that the typed error must hold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from model_writer import QONNX, Writer
from onnx import TensorProto, helper

from hwflow.errors import ConfigError, UnsupportedModelError


@dataclass(frozen=True)
class Broken:
    """``build(folder)`` writes the file; ``error`` and ``words``: what reading it must raise."""

    build: Callable[[Path], Path]
    error: type[Exception]
    words: tuple[str, ...]


BROKEN: dict[str, Broken] = {}


def file_case(*words):
    """Register a builder of a file that is no complete ONNX model."""

    def register(function):
        BROKEN[function.__name__] = Broken(function, ConfigError, words)
        return function

    return register


def model_case(*words):
    """Register a builder of a ``ModelProto`` that hwflow refuses."""

    def register(function):
        def build(folder):
            path = folder / "model.onnx"
            path.write_bytes(function().SerializeToString())
            return path

        BROKEN[function.__name__] = Broken(build, UnsupportedModelError, words)
        return function

    return register


def good(**options):
    """Return a writer, and the tensor behind its first quantiser."""
    writer = Writer(**options)
    return writer, writer.quant("x", 4.0, 6)


def quantised(value=None, *, scale=0.25, bits=4.0, zero=0.0, **attributes):
    """Return a small network whose weights have a quantiser with these parameters."""
    w, y = good()
    values = w.integers(4, 3, 2, 2)
    if value is not None:
        values[1, 2, 0, 1] = value
    return w.model(w.add("Conv", y, w.quant(w.const(values), scale, bits, zero, **attributes)))


def around(op, *inputs, domain="", opset=13, outputs=1, shape=(1, 3, 6, 8), **attributes):
    """Return a quantised network with one more operator behind its quantiser."""
    w, y = good(opset=opset, shape=shape)
    y = w.add(op, y, *inputs, domain=domain, outputs=outputs, **attributes)
    y = y if isinstance(y, str) else y[0]
    return w.model(w.conv(y, 3, 4))


# Files.


@file_case("cannot be read", "No such file")
def missing(folder):
    return folder / "nowhere.onnx"


@file_case("is a folder")
def is_a_folder(folder):
    return folder


@file_case("no ONNX model")
def empty(folder):
    path = folder / "model.onnx"
    path.touch()
    return path


@file_case("no ONNX file")
def text(folder):
    path = folder / "model.onnx"
    path.write_text("import torch\n# this is not a model\n")
    return path


@file_case("truncated")
def truncated(folder):
    path = folder / "model.onnx"
    content = quantised().SerializeToString()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path


@file_case("no ONNX")
def other_protobuf(folder):
    path = folder / "model.onnx"
    path.write_bytes(helper.make_node("Conv", ["a", "b"], ["c"]).SerializeToString())
    return path


@file_case("at most")
def too_long(folder):
    path = folder / "model.onnx"
    with path.open("wb") as stream:
        stream.truncate(2**31 + 1)  # sparse: takes no space
    return path


def _external(folder, location, **keys):
    path = folder / "model.onnx"
    onnx.save(quantised(), path, save_as_external_data=True, location="data", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = {"location": location, **keys}.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())
    return path


@file_case("beside the model", "gone")
def external_data_missing(folder):
    return _external(folder, "gone")


@file_case("outside the model's folder")
def external_data_elsewhere(folder):
    return _external(folder, "../data")


@file_case("outside the model's folder")
def external_data_absolute(folder):
    return _external(folder, "/etc/hostname")


@file_case("beyond the end")
def external_data_short(folder):
    path = _external(folder, "data")
    (folder / "data").write_bytes(b"123")
    return path


@file_case("proper location")
def external_data_offset(folder):
    return _external(folder, "data", offset="six")


# Float networks.


@model_case("not quantised", "Conv", "float weights", "Brevitas", "QCDQ")
def float_network():
    w = Writer()
    y = w.add("Relu", w.add("Conv", "x", w.integers(4, 3, 2, 2)), name="act")
    return w.model(w.add("Softmax", w.add("Flatten", y)))


@model_case("not quantised")
def float_network_without_layers():
    w = Writer()
    return w.model(w.add("Relu", "x"))


@model_case("not quantised", "float weights", "the_layer")
def one_float_layer():
    w, y = good()
    y = w.quant(w.conv(y, 3, 4), 4.0)
    return w.model(w.add("Conv", y, w.integers(4, 4, 2, 2), name="the_layer"))


@model_case("not quantised", "Gemm")
def float_gemm():
    w, y = good(shape=(1, 12))
    return w.model(w.add("Gemm", y, w.integers(12, 4), w.integers(4)))


# Values.


@model_case("holds nan", "(1, 2, 0, 1)")
def nan_weight():
    return quantised(np.nan)


@model_case("holds inf")
def infinite_weight():
    return quantised(np.inf)


@model_case("scale", "holds nan")
def nan_scale():
    return quantised(scale=np.nan)


@model_case("scale is -0.5", "positive")
def negative_scale():
    return quantised(scale=-0.5)


@model_case("scale is 0", "positive")
def zero_scale():
    scale = np.full((4, 1, 1, 1), 0.25)
    scale[2] = 0
    return quantised(scale=scale)


@model_case("bit width is 0")
def no_bits():
    return quantised(bits=0)


@model_case("bit width is 33")
def too_many_bits():
    return quantised(bits=33)


@model_case("bit width is 3.5")
def half_a_bit():
    return quantised(bits=3.5)


@model_case("bit width differs")
def bits_per_channel():
    return quantised(bits=np.array([4, 4, 5, 4]).reshape(4, 1, 1, 1))


@model_case("zero point 0.5", "not an integer")
def half_a_zero_point():
    return quantised(zero=0.5)


@model_case("rounding_mode", "STOCHASTIC")
def stochastic_rounding():
    return quantised(rounding_mode="STOCHASTIC")


@model_case("signed", "2")
def signed_twice():
    return quantised(signed=2)


@model_case("unknown attribute", "axis")
def quantiser_with_axis():
    return quantised(axis=1)


@model_case("single level")
def a_bit_of_one_level():
    return quantised(bits=1, signed=0, narrow=1)


@model_case("Conv", "holds nan")
def nan_bias():
    w, y = good()
    return w.model(w.conv(y, 3, 4, bias=np.full(4, np.nan, np.float32)))


@model_case("variance", "not positive")
def negative_variance():
    parameters = [np.array(v, np.float32) for v in ([1] * 3, [0] * 3, [0] * 3, [1, -1, 1])]
    return around("BatchNormalization", *parameters)


@model_case("training_mode")
def batch_norm_in_training():
    parameters = [np.full(3, v, np.float32) for v in (1, 0, 0, 1)]
    return around("BatchNormalization", *parameters, opset=15, outputs=3, training_mode=1)


@model_case("float32 cannot")
def doubles():
    return quantised_with(np.float64(0.1))


def quantised_with(scale):
    """Return a network whose weight scale has another type."""
    w, y = good()
    weights = w.add(
        "Quant", w.integers(4, 3, 2, 2), scale, np.float32(0), np.float32(4),
        domain=QONNX, signed=1, narrow=0,
    )  # fmt: skip
    return w.model(w.add("Conv", y, weights))


@model_case("annotated INT3", "holds")
def annotation_that_lies():
    w, y = good()
    weights = w.const(w.integers(4, 3, 2, 2, scale=1))
    w.annotate(weights, finn_datatype="INT3")
    return w.model(w.add("Conv", y, weights))


@model_case("no data type", "INT?")
def annotation_of_no_type():
    w, y = good()
    weights = w.const(w.integers(4, 3, 2, 2, scale=1))
    w.annotate(weights, finn_datatype="INT?")
    return w.model(w.add("Conv", y, weights))


@model_case("empty", "(1, 0, 6, 8)")
def zero_channels():
    w, y = good(shape=(1, 0, 6, 8))
    return w.model(w.conv(y, 3, 4))


@model_case("no values")
def zero_outputs():
    w, y = good()
    return w.model(w.add("Conv", y, w.quant(w.const(np.zeros((0, 3, 2, 2))))))


@model_case("constant of shape", "too large")
def huge_constant():
    w, y = good()
    zeros = w.add("ConstantOfShape", np.array([2**20, 2**20, 64]))
    return w.model(w.conv(w.add("Add", y, zeros), 3, 4))


@model_case("has the shape", "at most")
def huge_weights():
    model = quantised()
    del model.graph.initializer[3].dims[:]
    model.graph.initializer[3].dims.extend([2**20, 2**20])
    return model


@model_case("damaged")
def weights_shorter_than_their_shape():
    model = quantised()
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    tensor.dims[0] = 400
    return model


@model_case("at most")
def huge_feature_map():
    w, y = good(shape=(1, 3, 4000, 4000))
    return w.model(w.conv(y, 3, 100, (1, 1)))


@model_case("spans", "padded elements")
def kernel_larger_than_the_map():
    w, y = good()
    return w.model(w.conv(y, 3, 4, (9, 9)))


# Shapes.


@model_case("unknown beyond the batch", "(1, 3, ?, ?)")
def dynamic_height_and_width():
    w, y = good(shape=(1, 3, "height", "width"))
    return w.model(w.conv(y, 3, 4))


@model_case("no shape")
def input_without_shape():
    model = quantised()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


@model_case("expected (N, K)")
def volumes():
    w, y = good(shape=(1, 3, 4, 5, 6))
    return w.model(w.add("Conv", y, w.weights(4, 3, 2, 2, 2)))


@model_case("do not fit", "channels")
def wrong_channels():
    w, y = good()
    return w.model(w.conv(y, 4, 4))


@model_case("does not fit into")
def impossible_reshape():
    return around("Reshape", np.array([1, 5, 7, 3]))


@model_case("made of a vector")
def vector_becomes_an_image():
    w, y = good(shape=(1, 48))
    y = w.add("Reshape", w.add("MatMul", y, w.weights(48, 48)), np.array([1, 3, 4, 4]))
    return w.model(w.conv(y, 3, 4))


@model_case("transpose of a reshaped")
def channel_shuffle():
    w, y = good(shape=(1, 4, 6, 8))
    y = w.add("Reshape", y, np.array([1, 2, 2, 6, 8]))
    y = w.add("Transpose", y, perm=[0, 2, 1, 3, 4])
    return w.model(w.conv(w.add("Reshape", y, np.array([1, 4, 6, 8])), 4, 4))


@model_case("is no permutation")
def wrong_permutation():
    return around("Transpose", perm=[0, 1, 1, 3])


@model_case("equal shapes")
def squeeze_and_excite():
    w, y = good()
    return w.model(w.conv(w.add("Mul", y, w.add("GlobalAveragePool", y)), 3, 4))


@model_case("enlarges")
def broadcast_enlarges():
    return around("Add", np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1, 1))


# Operators.


@model_case("no operator of ONNX", "Convolute")
def unknown_operator():
    return around("Convolute")


@model_case("domain 'acme.ops'")
def unknown_domain():
    return around("Relu", domain="acme.ops")


@model_case("unknown attribute", "colour")
def unknown_attribute():
    return around("Relu", colour="red")


@model_case("has the wrong type")
def attribute_of_another_type():
    return around("Softmax", axis="last")


@model_case("not supported", "Resize")
def resize():
    return around("Resize", np.float32([]), np.float32([1, 1, 2, 2]))


@model_case("not supported", "ConvTranspose")
def transposed_convolution():
    w, y = good()
    return w.model(w.add("ConvTranspose", y, w.weights(3, 4, 2, 2)))


@model_case("not supported", "LSTM")
def recurrent():
    w, y = good(shape=(1, 4, 3))
    weights, recurrence = w.const(np.ones((1, 8, 3))), w.const(np.ones((1, 8, 2)))
    return w.model(w.add("LSTM", y, weights, recurrence, hidden_size=2))


@model_case("control flow", "If")
def control_flow():
    w, y = good()
    branch = helper.make_graph(
        [helper.make_node("Relu", [y], ["inner"])], "b", [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )  # fmt: skip
    condition = w.const(True, bool)
    y = w.add("If", condition, then_branch=branch, else_branch=branch)
    return w.model(w.conv(y, 3, 4))


@model_case("operators on integers")
def integer_operators():
    w = Writer(element=TensorProto.UINT8)
    return w.model(w.add("ConvInteger", "x", np.ones((4, 3, 2, 2), np.int8)))


@model_case("integer weights", "DequantizeLinear")
def integer_weights_on_floats():
    w, y = good()
    return w.model(w.add("Conv", y, np.ones((4, 3, 2, 2), np.int8)))


@model_case("FINN graph", "MultiThreshold")
def finn_graph():
    return around("MultiThreshold", np.zeros((3, 1), np.float32), domain=QONNX)


@model_case("mode 'reflect'")
def reflected_padding():
    return around("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect")


@model_case("crop")
def cropping():
    return around("Pad", np.array([0, 0, -1, 0, 0, 0, 0, 0]))


@model_case("only rows and columns")
def padded_channels():
    return around("Pad", np.array([0, 1, 0, 0, 0, 0, 0, 0]))


@model_case("depends on the frame", "constant")
def computed_scale():
    w = Writer()
    scale = w.add("GlobalMaxPool", "x")
    y = w.add("Quant", "x", scale, np.float32(0), np.float32(4), domain=QONNX, signed=1, narrow=0)
    return w.model(w.conv(y, 3, 4))


@model_case("layers need constant weights")
def attention():
    w, y = good(shape=(1, 4, 4))
    return w.model(w.add("MatMul", y, y))


@model_case("differs from that of the QuantizeLinear")
def mismatched_scales():
    w = Writer()
    y = w.add("QuantizeLinear", "x", np.float32(2), np.uint8(0))
    y = w.add("DequantizeLinear", y, np.float32(4), np.uint8(0))
    return w.model(w.conv(y, 3, 4))


@model_case("block_size")
def blocked_scales():
    w, y = good(opset=21)
    weights = w.add(
        "DequantizeLinear", w.const(np.ones((4, 3, 2, 2)), np.int8), np.ones((4, 3, 1, 2), "f4"),
        axis=3, block_size=2,
    )  # fmt: skip
    return w.model(w.add("Conv", y, weights))


@model_case("computes with integers", "DequantizeLinear")
def integer_input_used_as_floats():
    w = Writer(element=TensorProto.UINT8)
    return w.model(w.conv("x", 3, 4))


@model_case("elements of type INT64")
def input_of_wide_integers():
    w = Writer(element=TensorProto.INT64)
    return w.model(w.conv(w.add("Cast", "x", to=TensorProto.FLOAT), 3, 4))


@model_case("Cast", "FLOAT16")
def half_precision():
    return around("Cast", to=TensorProto.FLOAT16)


@model_case("must end the network")
def labels_computed_with():
    w, y = good(shape=(1, 12))
    label = w.add("ArgMax", w.add("MatMul", y, w.weights(12, 4)), axis=1)
    return w.model(w.add("Add", w.add("Cast", label, to=TensorProto.FLOAT), np.float32(1)))


@model_case("largest 0")
def lowest_scores():
    w, y = good(shape=(1, 12))
    y = w.add("MatMul", y, w.weights(12, 4))
    return w.model(w.add("TopK", y, np.array([1]), outputs=2, largest=0)[1])


def _layer(op, *shape, bias=None, x=(1, 3, 6, 8), **attributes):
    w, y = good(shape=x)
    extra = [] if bias is None else [np.zeros(bias, np.float32)]
    return w.model(w.add(op, y, w.weights(*shape), *extra, **attributes))


@model_case("do not fit an input")
def conv_of_another_rank():
    return _layer("Conv", 4, 3, 2)


@model_case("kernel_shape (3, 3)")
def kernel_that_lies():
    return _layer("Conv", 4, 3, 2, 2, kernel_shape=[3, 3])


@model_case("bias has the shape (5,)")
def bias_of_another_size():
    return _layer("Conv", 4, 3, 2, 2, bias=5)


@model_case("must be positive")
def no_stride():
    return _layer("Conv", 4, 3, 2, 2, strides=[0, 1])


@model_case("auto_pad 'SAME'")
def unknown_auto_pad():
    return _layer("Conv", 4, 3, 2, 2, auto_pad="SAME")


@model_case("3 numbers")
def strides_of_another_rank():
    return _layer("Conv", 4, 3, 2, 2, strides=[1, 1, 1])


@model_case("flatten the feature map first")
def matmul_of_a_map():
    w, y = good()
    return w.model(w.add("MatMul", w.conv(y, 3, 4), w.weights(6, 4)))


@model_case("do not fit", "(11, 4)")
def matmul_of_another_size():
    return _layer("MatMul", 11, 4, x=(1, 12))


@model_case("weights are its first input")
def weights_first():
    w, y = good(shape=(1, 12))
    return w.model(w.add("MatMul", w.weights(4, 1), y))


@model_case("not two matrices")
def gemm_of_a_map():
    return _layer("Gemm", 8, 4)


@model_case("storage_order")
def column_major_pool():
    return around("MaxPool", kernel_shape=[2, 2], storage_order=1)


@model_case("dilations")
def dilated_average():
    return around("AveragePool", kernel_shape=[2, 2], dilations=[2, 2], opset=19)


@model_case("ceil_mode")
def average_beyond_its_padding():
    return around(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1
    )


@model_case("rows and columns together")
def mean_over_channels():
    return around("ReduceMean", axes=[1])


@model_case("its mean has the shape (2,)")
def statistics_of_another_size():
    sizes = (3, 3, 2, 3)
    return around("BatchNormalization", *(np.ones(size, np.float32) for size in sizes))


@model_case("min 5.0 is above its max 3.0")
def empty_clip():
    return around("Clip", np.float32(5), np.float32(3))


@model_case("its max is nan")
def clip_at_nothing():
    return around("Clip", np.float32(5), np.float32(np.nan))


@model_case("attribute alpha is nan")
def leak_of_nothing():
    return around("LeakyRelu", alpha=float("nan"))


@model_case("divides by 0")
def division_by_zero():
    return around("Div", np.array([1, 0, 2], np.float32).reshape(3, 1, 1))


@model_case("do not fit together")
def addition_of_another_size():
    return around("Add", np.arange(5, dtype=np.float32))


@model_case("powers")
def squares():
    return around("Pow", np.float32(2))


@model_case("more than two")
def sum_of_three():
    w, y = good()
    return w.model(w.conv(w.add("Sum", y, y, y), 3, 4))


@model_case("expected one vector")
def softmax_of_a_map():
    return around("Softmax", axis=1)


@model_case("ties go to the lowest")
def last_of_the_best():
    w, y = good(shape=(1, 12))
    y = w.add("MatMul", y, w.weights(12, 4))
    return w.model(w.add("ArgMax", y, axis=1, select_last_index=1))


@model_case("k (7,) does not fit 4 classes")
def more_than_all_classes():
    w, y = good(shape=(1, 12))
    y = w.add("MatMul", y, w.weights(12, 4))
    return w.model(w.add("TopK", y, np.array([7]), outputs=2)[1])


@model_case("not that of the classes")
def best_row():
    w, y = good()
    return w.model(w.add("ArgMax", w.conv(y, 3, 4), axis=2))


@model_case("zero points differ")
def zero_points_per_channel():
    w = Writer()
    scale, zero = np.float32([2, 2, 2]), np.uint8([0, 3, 5])
    y = w.add("QuantizeLinear", "x", scale, zero, axis=1)
    return w.model(w.conv(w.add("DequantizeLinear", y, scale, zero, axis=1), 3, 4))


@model_case("need one scale")
def odd_zero_point_with_scales_per_channel():
    w = Writer()
    scale, zero = np.float32([2, 4, 2]), np.uint8([3, 3, 3])
    y = w.add("QuantizeLinear", "x", scale, zero, axis=1)
    return w.model(w.conv(w.add("DequantizeLinear", y, scale, zero, axis=1), 3, 4))


@model_case("bipolar quantiser", "zero point 0")
def bipolar_with_zero_point():
    return quantised(bits=1, zero=1)


@model_case("does not fit")
def scale_of_another_size():
    return quantised(scale=np.array([1, 2, 3]).reshape(3, 1, 1, 1))


@model_case("expected (3,)")
def linear_scale_of_another_size():
    w = Writer()
    y = w.add("QuantizeLinear", "x", np.float32([2, 2]), np.uint8([0, 0]), axis=1)
    return w.model(y)


@model_case("reads floats")
def dequantised_floats():
    return around("DequantizeLinear", np.float32(2), np.uint8(0))


@model_case("quantised integers", "DequantizeLinear in its place")
def integers_cast_to_floats():
    w = Writer()
    y = w.add("QuantizeLinear", "x", np.float32(2), np.uint8(0))
    return w.model(w.conv(w.add("Cast", y, to=TensorProto.FLOAT), 3, 4))


@model_case("is integers", "DequantizeLinear behind")
def output_of_integers():
    w, y = good(shape=(1, 12))
    y = w.add("MatMul", y, w.weights(12, 4))
    return w.model(w.add("QuantizeLinear", y, np.float32(2), np.uint8(0)))


@model_case("does not depend on the input")
def output_of_a_constant():
    w, y = good()
    return w.model(w.conv(y, 3, 4), w.add("Relu", np.float32([1, 2])))


@model_case("an output that is not supported")
def dropout_mask():
    w, y = good()
    y, mask = w.add("Dropout", y, outputs=2)
    y = w.add("Where", mask, y, y)
    return w.model(w.conv(y, 3, 4))


@model_case("training mode")
def dropout_in_training():
    return around("Dropout", np.float32(0.5), np.array(True))


@model_case("pads with nan")
def padding_of_nothing():
    return around("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.float32(np.nan))


@model_case("3 pads")
def padding_of_another_rank():
    return around("Pad", np.array([0, 1, 1]))


@model_case("do not fit a tensor of 4 dimensions")
def axes_out_of_range():
    return around("ReduceMean", axes=[2, 7])


@model_case("not all of size 1")
def squeezed_rows():
    return around("Squeeze", np.array([2]))


@model_case("cannot be evaluated")
def constants_that_do_not_fit():
    w, y = good()
    bad = w.add("Concat", np.ones((2, 3), np.float32), np.ones((3, 4), np.float32), axis=0)
    return w.model(w.conv(w.add("Add", y, bad), 3, 4))


@model_case("computing constants")
def random_weights():
    w, y = good()
    noise = w.add("RandomNormal", shape=[3, 1, 1])
    return w.model(w.conv(w.add("Add", y, noise), 3, 4))


@model_case("BIPOLAR but holds 0")
def bipolar_annotation_that_lies():
    w, y = good()
    weights = w.const(np.zeros((4, 3, 2, 2)))
    w.annotate(weights, finn_datatype="BIPOLAR")
    return w.model(w.add("Conv", y, weights))


# Graphs.


@model_case("2 outputs", "one, the scores")
def two_outputs():
    w, y = good()
    return w.model(w.conv(y, 3, 4), w.conv(y, 3, 5))


@model_case("reads 2 inputs", "expected one")
def two_inputs():
    w, y = good()
    other = helper.make_tensor_value_info("other", TensorProto.FLOAT, (1, 3, 6, 8))
    return w.model(w.conv(w.add("Add", y, "other"), 3, 4), inputs=[*w.inputs, other])


@model_case("reads 0 inputs")
def no_input():
    w = Writer()
    y = w.quant(w.const(w.integers(1, 3, 6, 8)))
    return w.model(w.conv(y, 3, 4), inputs=[])


@model_case("no output")
def no_output():
    w, y = good()
    w.conv(y, 3, 4)
    return w.model()


@model_case("computed by no node")
def output_of_nothing():
    w, y = good()
    return w.model(w.conv(y, 3, 4), "nothing")


@model_case("cycle")
def cyclic():
    w, y = good()
    w.nodes[-1].input[0] = "later"
    y = w.add("Add", y, "x")
    w.nodes[-1].output[0] = "later"
    return w.model(w.conv("later", 3, 4))


@model_case("already made elsewhere")
def made_twice():
    w, y = good()
    y = w.conv(y, 3, 4)
    w.add("Relu", "x")
    w.nodes[-1].output[0] = y
    return w.model(y)


@model_case("neither computed nor stored", "Quant")
def missing_initialiser():
    model = quantised()
    keep = [t for t in model.graph.initializer if len(t.dims) != 4]
    del model.graph.initializer[:]
    model.graph.initializer.extend(keep)
    return model


@model_case("no tensor", "sequences")
def sequence_input():
    model = around("Identity")
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, (1, 3, 6, 8))
    model.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(kind))
    return model


@model_case("elements of type STRING")
def strings():
    w, y = good()
    w.constants.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"cat"]))
    return w.model(w.conv(w.add("Add", y, "words"), 3, 4))


@model_case("operator set 6", "opset 13")
def ancient():
    return around("Relu", opset=6)


@model_case("operator set 99")
def from_the_future():
    return around("Relu", opset=99)


@model_case("node 'a_b_c_d_'", "colour")
def names_with_quotes_and_newlines():
    w, y = good()
    y = w.add("Relu", y, name="a b\n'c' \"d\"", colour="red")
    return w.model(w.conv(y, 3, 4))
