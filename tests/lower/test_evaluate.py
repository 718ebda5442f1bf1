"""Each layer of the integer network against the definition in its docstring, element by element."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from hwflow.lower.evaluate import apply, evaluate, evaluate_all
from hwflow.lower.network import (
    Add,
    Affine,
    Conv,
    Depthwise,
    MaxPool,
    Network,
    Pad,
    Reshape,
    SumPool,
    Tensor,
    Threshold,
)

RANDOM = np.random.default_rng(7)
X = RANDOM.integers(-9, 10, (3, 7, 6, 4))
WIDE = 1 << 20


def out(*shape):
    return Tensor("y", shape, -WIDE, WIDE)


def run(layer, *inputs):
    return apply(layer, dict(zip(layer.inputs, inputs, strict=True)))


@pytest.mark.parametrize(("stride", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 2))])
def test_conv(stride, dilation):
    weights = RANDOM.integers(-3, 4, (5, 3, 2, 4))
    rows, columns = (7 - 3) // stride[0] + 1, (6 - dilation[1] - 1) // stride[1] + 1
    layer = Conv("c", "", ("x",), out(rows, columns, 5), weights, stride, dilation)
    got = run(layer, X)
    assert got.shape == (3, rows, columns, 5)
    for n, y, x, o in np.ndindex(*got.shape):
        total = sum(
            weights[o, i, j, c]
            * X[n, y * stride[0] + i * dilation[0], x * stride[1] + j * dilation[1], c]
            for i, j, c in np.ndindex(3, 2, 4)
        )
        assert got[n, y, x, o] == total


def test_depthwise():
    weights = RANDOM.integers(-3, 4, (4, 2, 3))
    got = run(Depthwise("d", "", ("x",), out(6, 4, 4), weights), X)
    for n, y, x, c in np.ndindex(*got.shape):
        assert got[n, y, x, c] == (weights[c] * X[n, y : y + 2, x : x + 3, c]).sum()


def windows(x, kernel, stride, dilation):
    """The windows (N, OH, OW, C, KH, KW) of ``x``."""
    span = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    view = sliding_window_view(x, span, axis=(1, 2))
    return view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


@pytest.mark.parametrize(("stride", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 2))])
def test_depthwise_of_wide_values_against_einsum(stride, dilation):
    x = RANDOM.integers(-(2**20), 2**20, (3, 7, 6, 4))
    weights = RANDOM.integers(-(2**20), 2**20, (4, 3, 2))
    expected = np.einsum("nyxcij,cij->nyxc", windows(x, (3, 2), stride, dilation), weights)
    bound = Tensor("y", expected.shape[1:], -(2**50), 2**50)
    layer = Depthwise("d", "", ("x",), bound, weights, stride, dilation)
    assert np.array_equal(run(layer, x), expected)


@pytest.mark.parametrize(
    ("largest", "norm"), [(241, 69_615), (97, 172_961)], ids=["2**24 - 1", "2**24 + 1"]
)
@pytest.mark.parametrize(
    ("shape", "kernel"),
    [((3, 4, 64), (2, 3)), ((1, 1, 384), (1, 1))],
    ids=["convolution", "matrix product"],
)
def test_sums_about_the_end_of_float32_against_einsum(shape, kernel, largest, norm):
    """``largest`` × ``norm`` is the largest sum, and met; no float32 holds 2**24 + 1."""
    fan_in = (*kernel, shape[2])
    weights = RANDOM.integers(1, norm // 384, (5, *fan_in))
    weights[0, 0, 0, 0] += norm - weights[0].sum()
    weights *= RANDOM.choice([-1, 1], weights.shape)
    weights[0] = -abs(weights[0])
    x = RANDOM.integers(-largest, largest // 4, (3, *shape))
    x[1, -kernel[0] :, -kernel[1] :] = -largest
    expected = np.einsum("nyxcij,oijc->nyxo", windows(x, kernel, (1, 1), (1, 1)), weights)
    bound = Tensor("y", expected.shape[1:], -largest * norm, largest * norm)
    got = run(Conv("c", "", ("x",), bound, weights), x)
    assert got[1, -1, -1, 0] == largest * norm
    assert np.array_equal(got, expected)


def test_products_beyond_float64_stay_exact():
    x = np.full((1, 1, 1, 3), 2**40)
    weights = np.array([2**15, 1, -(2**15)]).reshape(1, 1, 1, 3)
    layer = Conv("c", "", ("x",), Tensor("y", (1, 1, 1), -(2**60), 2**60), weights)
    assert run(layer, x + np.array([1, 3, 0])).item() == 2**15 + 2**40 + 3


def test_thresholds_count_from_the_lowest_level():
    thresholds = np.array([[-5, 0, 0], [9, 10, 10], [-9, -9, 3], [0, 1, 2]])
    layer = Threshold("t", "", ("x",), Tensor("y", (7, 6, 4), 2, 5), thresholds)
    got = run(layer, X)
    for n, y, x, c in np.ndindex(*got.shape):
        assert got[n, y, x, c] == 2 + sum(X[n, y, x, c] >= t for t in thresholds[c])


@pytest.mark.parametrize(("low", "bipolar"), [(0, False), (-3, False), (-1, True)])
def test_one_threshold_is_each_channels_own(low, bipolar):
    """Of sums beyond float32 too: what equals its threshold reaches it."""
    edges = np.array([-5, 9, 2**24 + 1, 2**53 + 1])
    x = edges + RANDOM.integers(-1, 2, (3, 7, 6, 4))
    high = 1 if bipolar else low + 1
    layer = Threshold("t", "", ("x",), Tensor("y", (7, 6, 4), low, high, bipolar), edges[:, None])
    got = run(layer, x)
    for n, y, column, c in np.ndindex(*got.shape):
        assert got[n, y, column, c] == (high if x[n, y, column, c] >= edges[c] else low)


def test_a_bipolar_threshold_steps_from_minus_one_to_one():
    layer = Threshold("t", "", ("x",), Tensor("y", (7, 6, 4), -1, 1, True), np.full((4, 1), 2))
    assert np.array_equal(run(layer, X), np.where(X >= 2, 1, -1))


def test_pools_drop_what_fills_no_window():
    largest = run(MaxPool("m", "", ("x",), out(3, 2, 4), (3, 3), (2, 2)), X)
    total = run(SumPool("s", "", ("x",), out(3, 2, 4), (3, 3), (2, 2)), X)
    for y, x in np.ndindex(3, 2):
        window = X[:, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
        assert np.array_equal(largest[:, y, x], window.max(axis=(1, 2)))
        assert np.array_equal(total[:, y, x], window.sum(axis=(1, 2)))


def test_pad_add_affine_reshape():
    padded = run(Pad("p", "", ("x",), out(8, 9, 4), (1, 2, 0, 1), -3), X)
    assert np.array_equal(padded[:, 1:, 2:8], X)
    assert (padded[:, 0] == -3).all()
    assert (padded[:, :, [0, 1, 8]] == -3).all()
    assert np.array_equal(
        run(Add("a", "", ("x", "z"), out(7, 6, 4), (2, -1)), X, X[::-1]), 2 * X - X[::-1]
    )
    m, b = np.array([1, -2, 3, 0]), np.array([0, 5, -5, 7])
    assert np.array_equal(run(Affine("f", "", ("x",), out(7, 6, 4), m, b), X), m * X + b)
    assert np.array_equal(run(Reshape("r", "", ("x",), out(1, 1, 168)), X).ravel(), X.ravel())


def identity(signed):
    low, high = (-128, 127) if signed else (0, 255)
    frame = Tensor("x", (1, 1, 3), low, high)
    layer = Conv(
        "c", "", ("x",), Tensor("y", (1, 1, 3), -255, 255), np.eye(3, dtype=int).reshape(3, 1, 1, 3)
    )
    return Network("n", frame, (layer,), "y", 1.0)


def test_bytes_of_a_signed_network_are_twos_complement():
    frames = np.array([[[[0, 127, 255]]]], dtype=np.uint8)
    assert evaluate(identity(True), frames).tolist() == [[0, 127, -1]]
    assert evaluate(identity(False), frames).tolist() == [[0, 127, 255]]


def test_many_frames_come_out_as_one_by_one():
    frames = RANDOM.integers(0, 256, (37, 1, 1, 3), dtype=np.uint8)
    assert np.array_equal(evaluate(identity(False), frames), frames.reshape(37, 3))


def test_a_value_outside_of_its_tensors_bounds_is_a_bug_of_ours():
    network = identity(False)
    narrow = Conv("c", "", ("x",), Tensor("y", (1, 1, 3), 0, 254), network.layers[0].weights)
    network = Network("n", network.input, (narrow,), "y", 1.0)
    with pytest.raises(AssertionError, match="254"):
        evaluate_all(network, np.full((1, 1, 1, 3), 255, np.uint8))


@pytest.mark.parametrize(
    ("low", "high", "bipolar", "expected"),
    [
        (0, 255, False, "UINT8"),
        (0, 1, False, "UINT1"),
        (0, 0, False, "UINT1"),
        (-1, 1, False, "INT2"),
        (-1, 1, True, "BINARY"),
        (-128, 127, False, "INT8"),
        (-128, 128, False, "INT9"),
        (-5, -3, False, "INT4"),
        (0, 256, False, "UINT9"),
        (-1, 0, False, "INT2"),
    ],
)
def test_stream_types(low, high, bipolar, expected):
    assert Tensor("t", (1, 1, 1), low, high, bipolar).datatype == expected
