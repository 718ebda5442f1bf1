"""Networks of many shapes: QONNX and hardware graph agree on every integer, or a node is named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from hwflow.dataflow import finn
from hwflow.dataflow.stage import HARDWARE_GRAPH, STEPS, StageConfig, convert
from hwflow.dataflow.verify import compare, execute
from hwflow.errors import ConfigError, UnsupportedModelError, VerificationError

from .networks import Net, qonnx_scores

pytestmark = pytest.mark.finn

FRAMES = 8


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


def to_hardware(net: Net, folder, *, target=3000):
    path = net.save(folder / "net.onnx")
    config = StageConfig("stage0", "xc7z020clg400-1", 10.0, target)
    return path, convert(path, config, folder / "graphs")


NETS = {
    "binary": lambda: Net((8, 8, 1), True, 1).conv(4).conv(8).pool().linear(8).scores(3),
    "binary-scores-only": lambda: Net((6, 6, 3), True, 2).conv(8).scores(4),
    "binary-pool-3": lambda: Net((9, 11, 1), True, 3).conv(4).pool(3).scores(3),
    "binary-stride-2": lambda: Net((9, 9, 1), True, 4).conv(4).conv(4, stride=2).scores(3),
    "binary-two-linear": lambda: Net((6, 6, 1), True, 5).conv(4).linear(9).linear(7).scores(2),
    "binary-1x1": lambda: Net((6, 6, 2), True, 6).conv(4).conv(6, kernel=1).scores(3),
    "multi": lambda: Net((8, 8, 1), False, 7).conv(4).conv(6).pool().scores(3),
    "multi-rgb": lambda: Net((8, 6, 3), False, 8).conv(4).pool().linear(6).scores(5),
    "multi-stride-2": lambda: Net((9, 9, 1), False, 9).conv(4, stride=2).scores(3),
    "multi-padded": lambda: Net((6, 6, 2), False, 10).conv(4, pads=1).pool().scores(3),
    "multi-odd-pool": lambda: Net((9, 9, 1), False, 11).conv(3).pool().scores(3),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("target", [250, 100_000])
def test_scores_are_equal(tmp_path, name, target):
    net = NETS[name]()
    path, model = to_hardware(net, tmp_path, target=target)
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, *net.shape), dtype=np.uint8)
    frames[0], frames[1] = 0, 255
    expected = qonnx_scores(path, frames, net.scale)
    assert len(np.unique(expected, axis=0)) >= FRAMES // 2  # else it would prove little
    link = compare("qonnx-finn", expected, execute(model, frames))
    assert (link.compared, link.mismatches) == (expected.size, 0)
    assert all((tmp_path / "graphs" / file).is_file() for file, _ in STEPS)


def test_a_flipped_weight_names_the_first_frame(tmp_path):
    net = NETS["binary-scores-only"]()
    path, model = to_hardware(net, tmp_path)
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, *net.shape), dtype=np.uint8)
    expected = qonnx_scores(path, frames, net.scale)
    last = model.graph.node[-1].input[1]
    weights = model.get_initializer(last).copy()
    weights[0, 0] *= -1
    model.set_initializer(last, weights)
    got = execute(model, frames)
    first = int(np.flatnonzero((got != expected).any(axis=1))[0])
    with pytest.raises(VerificationError, match=f"first at frame {first}:"):
        compare("qonnx-finn", expected, got)


def test_a_too_narrow_stream_is_found(tmp_path):
    """Python would not wrap where the RTL does, so ranges are checked."""
    net = NETS["multi"]()
    _, model = to_hardware(net, tmp_path)
    from qonnx.custom_op.registry import getCustomOp

    getCustomOp(model.graph.node[-1]).set_nodeattr("outputDataType", "INT8")
    frames = np.full((1, *net.shape), 255, dtype=np.uint8)
    with pytest.raises(VerificationError, match="integers of type INT8"):
        execute(model, frames)


def replace_constant(net: Net, name: str, change) -> None:
    for index, tensor in enumerate(net.weights):
        if tensor.name == name:
            value = np.asarray(change(onnx.numpy_helper.to_array(tensor)), dtype=np.float32)
            net.weights[index] = onnx.numpy_helper.from_array(value, name)


def test_layer_without_rtl_is_named(tmp_path):
    """Weights wider than a DSP's port: FINN falls back to HLS, hwflow names the layer."""
    net = NETS["multi"]()
    quantiser = next(node for node in net.nodes if node.op_type == "Quant")
    replace_constant(net, quantiser.input[0], lambda weights: weights * 2**19)
    replace_constant(net, quantiser.input[3], lambda bits: 27)
    with pytest.raises(UnsupportedModelError, match=r"node 'MVAU.*no RTL.*Vitis HLS"):
        to_hardware(net, tmp_path)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"strides": [1, 1]}, "stride as large as the window"),
        ({"pads": [1, 1, 1, 1]}, "no padding"),
        ({"kernel_shape": [2, 1]}, "square window"),
    ],
)
def test_unsupported_pool_is_named(tmp_path, attributes, message):
    net = Net((8, 8, 1), True, 1).conv(4).pool(2, **attributes)
    net.height, net.width = {"strides": (5, 5), "pads": (4, 4), "kernel_shape": (3, 6)}[
        next(iter(attributes))
    ]
    with pytest.raises(UnsupportedModelError, match=f"node 'MaxPool.*{message}"):
        to_hardware(net.scores(3), tmp_path)


def test_zero_gamma_is_named_and_does_not_hang(tmp_path):
    net = NETS["binary"]()
    factor = next(node.input[1] for node in net.nodes if node.op_type == "Mul")
    replace_constant(
        net, factor, lambda gains: np.where(np.arange(4)[:, None, None] == 2, 0, gains)
    )
    with pytest.raises(UnsupportedModelError, match=r"node 'Mul.*channel 2 .*γ = 0"):
        to_hardware(net, tmp_path)


def test_zero_padding_of_bits_is_refused(tmp_path):
    net = Net((8, 8, 1), True, 1).conv(4).conv(4, pads=1)
    with pytest.raises(UnsupportedModelError, match=r"node 'Im2Col.*pads with 0"):
        to_hardware(net.scores(3), tmp_path)


def test_bias_on_the_scores_is_refused(tmp_path):
    net = NETS["binary-scores-only"]()
    net.tensor = net._node("Add", net.tensor, net._constant(np.arange(4.0)))
    with pytest.raises(UnsupportedModelError, match="without bias"):
        to_hardware(net, tmp_path)


def test_unreachable_target_says_what_is_reachable(tmp_path):
    with pytest.raises(ConfigError, match=r"target_ii_cycles = 3 is too low: layer .* needs"):
        to_hardware(NETS["binary"](), tmp_path, target=3)


def test_not_an_onnx_file(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\xff\xfe not a model")
    config = StageConfig("stage0", "xc7z020clg400-1", 10.0, 100)
    with pytest.raises(ConfigError, match=r"broken\.onnx"):
        convert(path, config, tmp_path / "graphs")


def test_hardware_graph_is_kept(tmp_path):
    _, model = to_hardware(NETS["multi"](), tmp_path)
    saved = onnx.load(tmp_path / "graphs" / HARDWARE_GRAPH)
    assert [node.op_type for node in saved.graph.node] == [n.op_type for n in model.graph.node]
    assert all(node.domain.endswith(".rtl") for node in saved.graph.node)
