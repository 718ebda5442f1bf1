"""The comparison with the file's own execution bites, and tells ties from errors."""

import re
from dataclasses import replace

import numpy as np
import pytest
from chain import Chain, frames_of
from onnx import TensorProto, helper, load, save

from hwflow.errors import VerificationError
from hwflow.lower import compare
from hwflow.lower.compare import check_qonnx
from hwflow.lower.execute_file import FileExecution, arrangements
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
    assert [link.compared for link in links] == [16 * 36, 16 * 5, 16, 16 * (36 + 5 + 1)]
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


def small(classes, tail):
    """Layers of vectors, the first quantised to few levels; ``tail``: end in labels."""
    net = Chain(6, seed=3).quant(1.0, bits=8)
    net.op("MatMul", net.weights(6, 4)).quant(8.0, bits=4)
    net.scores(4, classes)
    return net.op("ArgMax", axis=1) if tail else net


def misread(graph, axis):
    """Return ``graph`` with the first row (or column) of its first weights negated."""
    name = next(key for key, values in graph.constants.items() if values.ndim == 2)
    weights = graph.constants[name].copy()
    np.moveaxis(weights, axis, 0)[0] *= -1
    return replace(graph, constants={**graph.constants, name: weights})


@pytest.mark.parametrize("tail", [True, False])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("named", [True, False])
def test_a_misread_weight_is_found(tmp_path, monkeypatch, tail, classes, axis, named):
    path = small(classes, tail).save(tmp_path)
    graph = misread(read(path), axis)
    network = lower(graph)
    if not named:
        forget_quantisers(monkeypatch)
    with pytest.raises(VerificationError, match="file ↔ its normal form: activations and scores"):
        check_qonnx(path, graph, network, InputSpec(), frames_of(network, 32))


def forget_quantisers(monkeypatch):
    """Take from executions of the file the tensors behind its quantisers, as without names."""
    run = FileExecution.run

    def without(self, inputs):
        tensors, result = run(self, inputs)
        quantised = {op.output for op in self._graph.ops if op.kind == "Quant"}
        return {key: tensors[key] for key in tensors if key not in quantised}, result

    monkeypatch.setattr(FileExecution, "run", without)


def test_ties_of_tensors_without_a_name_are_allowed_for(tmp_path, monkeypatch):
    forget_quantisers(monkeypatch)
    *_, own = every_byte(byte_network(0.1, rounding="FLOOR"), tmp_path)
    assert own.compared == 86 * (2 + 1)
    assert 0 < own.ties < 120
    *_, own = every_byte(byte_network(0.1), tmp_path)
    assert own.ties == 0


def test_another_function_behind_the_scores_is_found(tmp_path):
    path = small(3, tail=True).save(tmp_path)
    graph = read(path)
    network = lower(graph)
    proto = load(path)
    last = proto.graph.node[-1]
    negated = helper.make_node("Neg", list(last.input), ["negated"])
    last.input[0] = "negated"
    proto.graph.node.insert(len(proto.graph.node) - 1, negated)
    save(proto, path)
    with pytest.raises(VerificationError, match=r"file ↔ its normal form.*class \d"):
        check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))


def test_labels_declared_as_floats_are_labels(tmp_path):
    path = small(3, tail=True).save(tmp_path)
    proto = load(path)
    assert proto.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    graph = read(path)
    network = lower(graph)
    *_, own = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert own.compared == 8 * (4 + 6 + 3 + 1)


def test_largest_scores_alone_are_no_labels(tmp_path):
    net = small(3, tail=False)
    path = net.op("TopK", net.const([3], np.int64), axis=1).save(tmp_path)
    proto = load(path)
    proto.graph.node[-1].output.append("classes")
    save(proto, path)
    graph = read(path)
    network = lower(graph)
    *_, own = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert own.compared == 8 * (4 + 6 + 3)


def test_a_batch_that_shapes_rely_on_is_kept(tmp_path):
    net = Chain(2, 3, 3)
    net.conv(net.weights(4, 2, 3, 3)).quant(16.0)
    net.op("Reshape", net.const([5, 4], np.int64)).op("MatMul", net.weights(4, 3))
    path = net.save(tmp_path)
    proto = load(path)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    save(proto, path)
    graph = read(path)
    network = lower(graph)
    *_, own = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert (own.compared, own.ties) == (8 * (4 + 3 + 1), 0)


def test_nodes_out_of_order_are_executed(tmp_path):
    path = model().save(tmp_path)
    proto = load(path)
    nodes = list(proto.graph.node)[::-1]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    save(proto, path)
    graph = read(path)
    network = lower(graph)
    *_, own = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert (own.compared, own.ties) == (8 * 42, 0)


def test_tensors_are_found_in_any_order_of_axes():
    values = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    found = [list(map(tuple, seen)) for seen in arrangements(values, (1, 5, 3, 4))]
    assert found[0] == list(map(tuple, values.reshape(2, -1)))
    assert found[1:] == [list(map(tuple, values.transpose(0, 3, 1, 2).reshape(2, -1)))]
    assert not list(arrangements(values, (1, 5, 3, 5)))


def test_batches_are_put_together(tmp_path, monkeypatch):
    whole = check(model(), tmp_path)
    monkeypatch.setattr(compare, "BATCH", 5)
    assert check(model(), tmp_path) == whole


@pytest.mark.parametrize("batch", ["N", 4])
def test_files_for_other_batches_are_executed(tmp_path, batch):
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
    assert [(link.compared, link.ties) for link in links[2:]] == [(8, 0), (8 * 42, 0)]


def test_a_file_that_qonnx_cannot_execute_is_compared_in_normal_form(tmp_path):
    path = model().save(tmp_path)
    graph = read(path)
    network = lower(graph)
    proto = load(path)
    proto.graph.node[0].domain = "onnx.unknown"
    save(proto, path)
    links = check_qonnx(path, graph, network, InputSpec(), frames_of(network, 8))
    assert links[3].link.startswith("file ↔ its normal form: not executed by qonnx (")
    assert "onnx.unknown" in links[3].link
    assert links[3].compared == 0
