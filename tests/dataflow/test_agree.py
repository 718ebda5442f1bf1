"""Brevitas, QONNX, integer network and FINN graph on every layer's integers, and planted faults."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from families import family_stage, random_frames, trained
from onnx import numpy_helper

from hwflow.dataflow import finn
from hwflow.dataflow.agree import GraphComparison
from hwflow.dataflow.stage import StageConfig, convert
from hwflow.dataflow.verify import execute_all
from hwflow.errors import VerificationError
from hwflow.export.proof import Proof, write
from hwflow.export.verify import Comparison, act_scales
from hwflow.lower.agree import NetworkComparison
from hwflow.lower.lowering import InputSpec, trace
from hwflow.lower.network import Threshold
from hwflow.lower.read import read

pytestmark = [pytest.mark.finn, pytest.mark.train]

COUNT = 5
CHAINS = {"vgg_tiny w1a1": ("vgg_tiny", 1), "resnet8 w4a4": ("resnet8", 4)}


@pytest.fixture(scope="module", params=CHAINS.values(), ids=CHAINS)
def chain(request, tmp_path_factory):
    """A trained network in all its forms, and the frames they are compared on."""
    family, bits = request.param
    folder = tmp_path_factory.mktemp("chain")
    recipe, shape = family_stage(family, weight_bit_width=bits, act_bit_width=bits)
    proof = write(trained(recipe, shape), folder / "net.onnx", name="test")
    lowered = trace(read(proof.path), InputSpec())
    config = StageConfig("stage0", "xc7z020clg400-1", 10.0, target_ii_cycles=20_000)
    with finn.session(folder / "finn"):
        model = convert(lowered.network, config, folder / "graphs")
        yield SimpleNamespace(
            proof=proof, lowered=lowered, model=model, frames=random_frames(shape, COUNT)
        )


def against_network(chain, lowered):
    """Compare the file with the integer network of ``lowered``."""
    proof = chain.proof
    fresh = Proof(proof.network, proof.units, proof.path, Comparison("test"))
    comparison = NetworkComparison("test", lowered, act_scales(proof.network))
    for frames, executed in fresh.run(chain.frames):
        comparison.add(frames, executed)
    return fresh, comparison


def against_graph(chain, model):
    comparison = GraphComparison("test", model, chain.lowered.network)
    comparison.run(chain.frames)
    return comparison


def test_every_integer_of_every_layer(chain):
    fresh, network = against_network(chain, chain.lowered)
    activations, scores = fresh.comparison.close()
    assert (activations.ties, scores.compared) == (0, COUNT * 10)
    assert network.activations.close().compared == activations.compared > 0
    assert network.scores.close().compared == COUNT * 10
    graph = against_graph(chain, chain.model)
    layers = graph.layers.close()
    assert graph.scores.close().compared == COUNT * 10
    # Every activation is there, a unit of its own or part of one; only sums may be inside.
    made = chain.lowered.network.layers
    thresholds = [layer.output for layer in made if isinstance(layer, Threshold)]
    assert not {tensor.name for tensor in thresholds} & set(graph.absent)
    assert layers.compared >= COUNT * sum(int(np.prod(tensor.shape)) for tensor in thresholds)


def test_a_comparison_of_nothing_is_a_bug_of_ours(chain):
    """No frames, or the graph of a network whose tensors have other names."""
    with pytest.raises(AssertionError, match="no frames to compare"):
        GraphComparison("test", chain.model, chain.lowered.network).run(chain.frames[:0])
    network = chain.lowered.network
    layers = tuple(
        replace(
            layer,
            inputs=tuple(f"other {name}" for name in layer.inputs),
            output=replace(layer.output, name=f"other {layer.output.name}"),
        )
        for layer in network.layers
    )
    source = replace(network.input, name=f"other {network.input.name}")
    other = replace(network, input=source, layers=layers, scores=f"other {network.scores}")
    with pytest.raises(AssertionError, match=r"no tensor of .* is in the graph"):
        GraphComparison("test", chain.model, other)


def graph_tensors(chain):
    """Every tensor of the integer network that the graph holds, (N, 1, H, W, C)."""
    contexts = [
        {name: np.array(value) for name, value in context.items()}
        for context in execute_all(chain.model, chain.frames)
    ]
    names = [layer.output.name for layer in chain.lowered.network.layers]
    return {
        name: np.stack([each[name] for each in contexts]) for name in names if name in contexts[0]
    }


def moved(constant):
    """Yield copies of ``constant`` with one integer changed by the least that its type has."""
    for place in np.ndindex(constant.shape):
        wrong = constant.copy()
        binary = np.array_equal(np.abs(constant), np.ones_like(constant))
        wrong[place] = -wrong[place] if binary else wrong[place] - 1
        yield wrong


@pytest.mark.parametrize(
    ("unit", "port"), [("MVAU", 1), ("threshold", None)], ids=["weight", "threshold"]
)
def test_one_wrong_integer_in_the_graph_is_named(chain, unit, port):
    """Not in the first such layer, so that layers in front of it are right."""
    model, before = chain.model, graph_tensors(chain)
    if port is not None:
        taken = [(node, node.input[port]) for node in model.graph.node if unit in node.op_type]
    else:  # the units' own, and those inside XNOR units
        taken = [
            (node, name)
            for node in model.graph.node
            for name in node.input
            if name.endswith("__thresholds")
        ]
    node, constant = taken[1]
    right = model.get_initializer(constant)
    try:
        for wrong in moved(right):
            model.set_initializer(constant, wrong)
            after = graph_tensors(chain)
            # Of some thresholds no sum of these frames lies beside.
            if not np.array_equal(before[node.output[0]], after[node.output[0]]):
                break
        comparison = against_graph(chain, model)
    finally:
        model.set_initializer(constant, right)
    first = int(
        np.argmax((before[node.output[0]] != after[node.output[0]]).reshape(COUNT, -1).any(1))
    )
    with pytest.raises(VerificationError, match=f"layer {node.output[0]}: ") as caught:
        comparison.layers.close()
    assert caught.value.sample == first
    assert caught.value.mismatches == sum(
        int((values != after[name]).sum()) for name, values in before.items()
    )


def test_one_wrong_weight_in_the_file_is_named(chain, tmp_path):
    """By Brevitas' own name of the layer; the network made of the right file finds it too."""
    model = onnx.load(chain.proof.path)
    made = {output: node for node in model.graph.node for output in node.output}
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "MatMul")]
    latent = made[layers[1].input[1]].input[0]
    (tensor,) = (each for each in model.graph.initializer if each.name == latent)
    weights = numpy_helper.to_array(tensor).copy()
    # Zero has the code +1 of one bit, and another code of four.
    weights[0] = np.where(weights[0] < 0, 0, -np.abs(weights).max())
    tensor.CopyFrom(numpy_helper.from_array(weights, latent))
    path = tmp_path / "wrong.onnx"
    onnx.save(model, path)
    proof = chain.proof
    wrong = Proof(proof.network, proof.units, path, Comparison("test"))
    network = NetworkComparison("test", chain.lowered, act_scales(proof.network))
    for frames, executed in wrong.run(chain.frames):
        network.add(frames, executed)
    name = list(proof.network.units())[1].name
    with pytest.raises(VerificationError, match=rf"layer {name}: .* first at frame 0") as caught:
        wrong.comparison.activations.close()
    with pytest.raises(VerificationError, match=r"activations, layer .* first at frame 0") as other:
        network.activations.close()
    assert other.value.mismatches == caught.value.mismatches
