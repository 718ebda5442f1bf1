"""The comparison with the file's own execution bites, and tells ties from errors."""

import re
from dataclasses import replace

import numpy as np
import pytest
from chain import Chain, frames_of
from onnx import load, save

from hwflow.errors import VerificationError
from hwflow.lower import compare
from hwflow.lower.compare import check_qonnx
from hwflow.lower.lowering import InputSpec, lower
from hwflow.lower.network import Affine, Conv, Network, Threshold
from hwflow.lower.read import read


def model(*, scale=0.25, gamma=1 / 64):
    net = Chain(2, 5, 5)
    net.conv(net.weights(4, 2, 3, 3, scale=scale))
    net.norm(np.full(4, gamma), [0.125, 0.25, 0.375, 0.5]).op("Relu").quant(0.25, bits=4)
    net.scores(36, 5).op("Add", net.const([[1.5, 2.5, 0.5, 0.0, 0.25]]))
    return net


def changed(network, kind, **changes):
    layers = [
        replace(layer, **{name: change(layer) for name, change in changes.items()})
        if layer is next(one for one in network.layers if isinstance(one, kind))
        else layer
        for layer in network.layers
    ]
    return Network(
        network.name,
        network.input,
        tuple(layers),
        network.scores,
        network.score_scale,
        network.score_offset,
    )


def check(chain, folder, change=lambda network: network, seed=0):
    path = chain.save(folder)
    graph = read(path)
    network = lower(graph)
    return check_qonnx(path, graph, change(network), InputSpec(), frames_of(network, 16, seed))


def test_links_count_what_was_compared(tmp_path):
    links = check(model(), tmp_path)
    assert [link.compared for link in links] == [16 * 36, 16 * 5, 16, 16]
    assert [(link.mismatches, link.ties) for link in links] == [(0, 0)] * 4


def test_a_threshold_that_is_off_by_one_is_found(tmp_path):
    def shifted(layer):
        thresholds = layer.thresholds.copy()
        thresholds[2, :] += 8
        return thresholds

    with pytest.raises(VerificationError, match=re.escape("thresholds of node 'Quant_")) as error:
        check(model(), tmp_path, lambda network: changed(network, Threshold, thresholds=shifted))
    assert "differ; first at frame" in str(error.value)


def test_a_weight_that_is_off_is_found(tmp_path):
    with pytest.raises(VerificationError, match="activations of node 'Quant_"):
        check(
            model(),
            tmp_path,
            lambda network: changed(network, Conv, weights=lambda layer: -layer.weights),
        )


def test_a_score_that_is_off_is_found(tmp_path):
    with pytest.raises(VerificationError, match="integer network: scores"):
        check(
            model(),
            tmp_path,
            lambda network: changed(network, Affine, offset=lambda layer: layer.offset[::-1]),
        )


def byte_network(scale, **quant):
    """Quantised 3 · byte, weights a float ``scale``."""
    net = Chain(1, 1, 1)
    net.conv(net.weights(1, 1, 1, 1, values=np.full((1, 1, 1, 1), 3), scale=scale), (1, 1))
    net.op("Mul", net.const(1.0 / (3 * scale))).quant(1.0, bits=8, **quant)
    return net.op("Flatten", axis=1).op("MatMul", net.weights(1, 2, values=np.array([[1, -1]])))


def every_byte(chain, folder):
    path = chain.save(folder)
    graph = read(path)
    frames = np.arange(0, 256, 3, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return check_qonnx(path, graph, lower(graph), InputSpec(), frames)


def test_differences_of_rounding_are_ties(tmp_path):
    # All floats are integers but for the rounding of float32, and FLOOR switches at integers.
    activations, *_ = every_byte(byte_network(0.1, rounding="FLOOR"), tmp_path)
    assert activations.compared == 86
    assert 0 < activations.ties < 60
    # Half a step away from the boundaries there is nothing to explain.
    activations, *_ = every_byte(byte_network(0.1), tmp_path)
    assert activations.ties == 0


def test_differences_beyond_rounding_are_no_ties(tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "_ROUNDING", 2.0**-30)
    with pytest.raises(VerificationError, match="activations of node 'Quant_"):
        every_byte(byte_network(0.1, rounding="FLOOR"), tmp_path)


def test_another_file_is_found(tmp_path):
    (tmp_path / "other").mkdir()
    path = model(scale=0.5).save(tmp_path / "other")
    graph = read(model().save(tmp_path))
    network = lower(graph)
    with pytest.raises(VerificationError, match="file ↔ its normal form"):
        check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))


def test_batches_are_put_together(tmp_path, monkeypatch):
    whole = check(model(), tmp_path)
    monkeypatch.setattr(compare, "BATCH", 5)
    assert check(model(), tmp_path) == whole


@pytest.mark.parametrize("batch", ["N", 4])
def test_files_for_other_batches_are_executed_a_frame_at_a_time(tmp_path, batch):
    path = model().save(tmp_path)
    proto = load(path)
    dim = proto.graph.input[0].type.tensor_type.shape.dim[0]
    if isinstance(batch, str):
        dim.dim_param = batch
    else:
        dim.dim_value = batch
    save(proto, path)
    graph = read(path)
    network = lower(graph)
    links = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert [(link.compared, link.ties) for link in links[2:]] == [(8, 0), (8, 0)]


def test_a_file_that_qonnx_cannot_execute_is_compared_in_normal_form(tmp_path, caplog):
    path = model().save(tmp_path)
    graph = read(path)
    network = lower(graph)
    proto = load(path)
    proto.graph.node[0].domain = "onnx.unknown"
    save(proto, path)
    links = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert len(links) == 3
    assert "qonnx cannot execute the file" in caplog.text
