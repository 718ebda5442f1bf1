"""Files of other exporters: onnxruntime's quantisation, Brevitas' QCDQ, torch's new exporter."""

import numpy as np
import onnx
import pytest
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from model_writer import Writer
from onnx_execution import as_graph_input, execute_graph, execute_model
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from hwflow.lower.evaluate import evaluate
from hwflow.lower.lowering import InputSpec, lower
from hwflow.lower.read import read
from hwflow.nets.examples import example

UNIT = np.float32(1 / 255)


class Frames(CalibrationDataReader):
    """Eight random frames of 0 … 1."""

    def __init__(self, random):
        self.frames = iter(random.random((8, 1, 3, 12, 12)).astype(np.float32))

    def get_next(self):
        frame = next(self.frames, None)
        return None if frame is None else {"x": frame}


def float_network(path):
    w = Writer((1, 3, 12, 12))

    def floats(*shape):
        return w.const(w.random.normal(scale=0.3, size=shape))

    y = w.add("Relu", w.add("Conv", "x", floats(8, 3, 3, 3), floats(8), pads=[1, 1, 1, 1]))
    y = w.add("Relu", w.add("Conv", y, floats(8, 8, 3, 3), floats(8), pads=[1, 1, 1, 1]))
    y = w.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = w.add("Gemm", w.add("Flatten", w.add("GlobalAveragePool", y)), floats(8, 5), floats(5))
    onnx.save(w.model(y), path)
    return w.random


@pytest.mark.parametrize(
    ("activations", "weights", "per_channel", "symmetric"),
    [
        (QuantType.QUInt8, QuantType.QInt8, True, False),
        (QuantType.QInt8, QuantType.QInt8, True, True),
        (QuantType.QUInt8, QuantType.QUInt8, False, False),
    ],
)
def test_quantised_by_onnxruntime(activations, weights, per_channel, symmetric, tmp_path):
    path = tmp_path / "quantised.onnx"
    random = float_network(tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        path,
        Frames(random),
        activation_type=activations,
        weight_type=weights,
        per_channel=per_channel,
        extra_options={"ActivationSymmetric": symmetric},
    )
    model, graph = onnx.load(path), read(path)
    network = lower(graph, InputSpec(scale=(1 / 255,)))
    frames = random.integers(0, 256, (20, 12, 12, 3))
    images = (frames.transpose(0, 3, 1, 2) * UNIT).astype(np.float32)
    (output,) = (info.name for info in model.graph.output)
    wanted = np.concatenate([execute_model(model, {"x": image[None]})[output] for image in images])
    assert np.ptp(wanted) > 0
    got = np.concatenate([execute_graph(graph, image[None]) for image in images])
    np.testing.assert_array_equal(got, wanted)
    scores = evaluate(network, frames) * network.score_scale + network.score_offset
    # The file's last quantiser makes scores multiples of its scale; less than half a step is none.
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=network.score_scale / 4)


@pytest.mark.parametrize(
    ("name", "export", "dynamo"),
    [
        ("tfc_w2a2", export_onnx_qcdq, False),
        ("resnet8_w8a8", export_onnx_qcdq, False),
        pytest.param("tfc_w1a1", export_qonnx, True, marks=pytest.mark.slow),
        pytest.param("resnet8_w8a8", export_onnx_qcdq, True, marks=pytest.mark.slow),
    ],
)
def test_other_exporters(name, export, dynamo, tmp_path):
    network, entry = example(name, seed=1)
    path = tmp_path / "model.onnx"
    frame = torch.zeros(1, *entry.shape)
    export(network, frame, str(path), dynamo=dynamo, opset_version=18)
    model, graph = onnx.load(path), read(path)
    image = np.random.default_rng(2).integers(0, 256, (1, *entry.shape))
    image = (image * np.float32(entry.input_scale)).astype(np.float32)
    wanted = execute_model(model, {model.graph.input[0].name: image})[model.graph.output[0].name]
    np.testing.assert_array_equal(execute_graph(graph, as_graph_input(graph, image)), wanted)


def test_quantisation_in_the_runtimes_own_domain(tmp_path):
    w = Writer()
    y = w.add("QuantizeLinear", "x", np.float32(2), np.uint8(0), domain="com.microsoft")
    y = w.add("DequantizeLinear", y, np.float32(2), np.uint8(0), domain="com.microsoft")
    onnx.save(w.model(w.conv(y, 3, 4)), tmp_path / "m.onnx")
    assert [op.kind for op in read(tmp_path / "m.onnx").ops] == ["Quant", "Quant", "Conv"]
