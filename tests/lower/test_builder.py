"""Exact bounds per channel, and the types of tensors that padding and readers need."""

import numpy as np
import pytest

from hwflow.errors import UnsupportedModelError
from hwflow.lower.evaluate import evaluate_all
from hwflow.lower.lowering.builder import Bounds, Builder
from hwflow.lower.network import Network, Tensor


def start(height=4, width=4, channels=2):
    return Builder(Tensor("input", (height, width, channels), 0, 255))


def signs(builder):
    """Append bipolar thresholds of the input at 128."""
    bounds = Bounds(np.full(2, -1), np.full(2, 1))
    return builder.threshold("signs", "input", np.full((2, 1), 128), bounds, bipolar=True)


def finished(builder, scores):
    layers = builder.finish(scores)
    return Network("net", builder.input, layers, scores, 1.0)


def test_bounds_are_reached_and_not_exceeded():
    builder, random = start(1, 1, 6), np.random.default_rng(0)
    name = builder.conv("n", "input", random.integers(-7, 8, (5, 1, 1, 6)), (1, 1), (1, 1))
    weights = builder.finish(name)[0].weights[:, 0, 0]
    bounds = builder.bounds(name)
    for channel, row in enumerate(weights):
        frame = np.where(row > 0, 255, 0).astype(np.uint8).reshape(1, 1, 1, 6)
        network = finished(builder, name)
        assert evaluate_all(network, frame)[name][0, 0, 0, channel] == bounds.highs[channel]
        assert evaluate_all(network, 255 - frame)[name][0, 0, 0, channel] == bounds.lows[channel]


def test_flipping_turns_weights_and_bounds():
    builder = start()
    name = builder.depthwise("n", "input", np.array([[[3]], [[-2]]]))
    turned = builder.flip("n", name, np.array([True, False]), owned=True)
    assert turned == name
    assert builder.finish(name)[0].weights.ravel().tolist() == [-3, -2]
    assert builder.bounds(name).lows.tolist() == [-765, -510]
    assert builder.flip("n", name, np.array([True, False]), owned=False) != name


@pytest.mark.parametrize(("value", "bits"), [(-1, True), (1, True), (0, False), (3, False)])
def test_padding_decides_whether_signs_stay_bits(value, bits):
    builder = start()
    pooled = builder.max_pool("pool", signs(builder), (2, 2), (2, 2))
    padded = builder.pad("pad", pooled, (1, 1, 1, 1), value)
    name = builder.conv("conv", padded, np.ones((3, 4, 4, 2), np.int64), (1, 1), (1, 1))
    network = finished(builder, name)
    tensors = list(network.tensors.values())[1:4]
    assert [tensor.bipolar for tensor in tensors] == [bits] * 3
    assert len({tensor.datatype for tensor in tensors}) == 1
    frames = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 2), dtype=np.uint8)
    expected = np.pad(
        np.where(frames < 128, -1, 1).reshape(3, 2, 2, 2, 2, 2).max(axis=(2, 4)),
        ((0, 0), (1, 1), (1, 1), (0, 0)),
        constant_values=value,
    )
    np.testing.assert_array_equal(evaluate_all(network, frames)[padded], expected)


def test_a_reader_that_needs_integers_makes_all_of_a_group_integers():
    builder = start()
    name = signs(builder)
    builder.conv("conv", name, np.ones((3, 1, 1, 2), np.int64), (1, 1), (1, 1))
    pooled = builder.max_pool("pool", name, (4, 4), (4, 4))
    scores = builder.sum_pool("sum", pooled, (1, 1), (1, 1))
    assert not any(tensor.bipolar for tensor in finished(builder, scores).tensors.values())


def test_bytes_that_are_padded_with_no_byte_are_widened_behind_a_pool_too():
    builder = start()
    pooled = builder.max_pool("pool", "input", (2, 2), (2, 2))
    padded = builder.pad("pad", pooled, (1, 0, 0, 0), -3)
    network = finished(builder, padded)
    pad = network.layers[-1]
    assert network.tensors[pad.inputs[0]].datatype == pad.output.datatype == "INT9"
    assert network.tensors[pooled].datatype == "UINT8"


def test_windows_larger_than_the_map_are_refused():
    with pytest.raises(UnsupportedModelError, match=r"node 'n'.*larger than the map of 4 × 4"):
        start().max_pool("n", "input", (5, 1), (1, 1))
