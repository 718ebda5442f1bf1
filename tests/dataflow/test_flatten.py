"""The activated input as one vector, and threshold units whose rows are all the same."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.flatten import THRESHOLDING, flatten_input, share_equal_thresholds
from hwflow.lower.evaluate import evaluate
from hwflow.lower.network import Reshape, Threshold
from hwflow.simulate.nodes import verify_nodes

from .integer_nets import Builder, random_frames, write_stage


def connected_only(shape=(6, 4, 1), *, rows="equal"):
    """A fully connected network that activates its map of pixels first."""
    b = Builder(shape, seed=3)
    x = b.threshold("frame", 3)
    layer = b.layers[-1]
    if rows == "equal":
        layer.thresholds[:] = layer.thresholds[0]
    x = b._append(Reshape, [x], (1, 1, int(np.prod(shape))), 0, b.tensors[x].high)
    x = b.threshold(b.conv(x, 8, (1, 1), bits=2), 3)
    return b.network(b.scores(x, 4, bits=2))


def thresholding(model):
    from qonnx.custom_op.registry import getCustomOp

    return getCustomOp(next(n for n in model.graph.node if n.op_type == THRESHOLDING))


def test_the_reshape_moves_in_front_and_nothing_else_changes():
    network = connected_only((6, 4, 2))
    flat = flatten_input(network)
    assert [type(layer) for layer in network.layers[:2]] == [Threshold, Reshape]
    assert [type(layer) for layer in flat.layers[:2]] == [Reshape, Threshold]
    assert len(flat.layers) == len(network.layers)
    frames = random_frames(network, 20)
    np.testing.assert_array_equal(evaluate(flat, frames), evaluate(network, frames))


def test_channels_of_their_own_thresholds_stay():
    network = connected_only((6, 4, 2), rows="own")
    first = network.layers[0]
    first.thresholds[1] = first.thresholds[0] + 1
    assert flatten_input(network).layers == network.layers


@pytest.mark.finn
@pytest.mark.parametrize("lanes", [1, 6, 24])
def test_each_lane_keeps_one_row(lanes):
    model = to_hardware(connected_only())
    operator = thresholding(model)
    assert operator.get_nodeattr("NumChannels") == 24
    operator.set_nodeattr("PE", lanes)
    cycles = operator.get_exp_cycles()
    share_equal_thresholds(model)
    operator = thresholding(model)
    assert operator.get_nodeattr("NumChannels") == lanes
    assert operator.get_exp_cycles() == cycles == 24 // lanes
    assert model.get_initializer(operator.onnx_node.input[1]).shape[0] == lanes


@pytest.mark.finn
@pytest.mark.sim
def test_every_beat_of_a_frame_in_a_few_beats(tmp_path):
    network = connected_only()
    folder = write_stage(network, tmp_path / "a", target=8)
    links = verify_nodes(folder, random_frames(network, 8), seed=2)
    assert all(link.mismatches == 0 for link in links)
