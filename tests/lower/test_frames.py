"""Golden frames of models without data."""

import numpy as np
import pytest

from hwflow.errors import ConfigError
from hwflow.lower.evaluate import evaluate_all
from hwflow.lower.frames import make_frames, read_frames
from hwflow.lower.network import Conv, Network, Reshape, Tensor

SHAPE = (5, 4, 2)


def network(signed=False, flat=False):
    random = np.random.default_rng(3)
    low, high = (-128, 127) if signed else (0, 255)
    frame = Tensor("x", SHAPE, low, high)
    if flat:
        layers = [
            Reshape("r", "", ("x",), Tensor("r", (1, 1, 40), low, high)),
            Conv(
                "c",
                "",
                ("r",),
                Tensor("y", (1, 1, 6), -(2**20), 2**20),
                random.integers(-3, 4, (6, 1, 1, 40)),
            ),
        ]
    else:
        weights = random.integers(-3, 4, (6, 3, 2, 2))
        layers = [Conv("c", "", ("x",), Tensor("y", (3, 3, 6), -(2**20), 2**20), weights)]
    return Network("n", frame, tuple(layers), "y", 1.0)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("flat", [False, True])
def test_accumulators_are_driven_to_their_ends(signed, flat):
    net = network(signed, flat)
    frames = make_frames(net, 32, seed=5)
    assert frames.shape == (32, *SHAPE)
    assert frames.dtype == np.uint8
    assert not frames[0].any()
    assert (frames[1] == 255).all()
    sums = evaluate_all(net, frames)["y"]
    weights = net.layers[-1].weights
    worst = int(np.abs(weights).sum(axis=(1, 2, 3)).argmax())
    low, high = net.input.low, net.input.high
    positive = np.where(weights[worst] > 0, weights[worst], 0).sum()
    negative = np.where(weights[worst] < 0, weights[worst], 0).sum()
    assert sums[..., worst].max() == positive * high + negative * low
    assert sums[..., worst].min() == positive * low + negative * high


def test_frames_are_those_of_their_seed():
    assert np.array_equal(make_frames(network(), 9, seed=1), make_frames(network(), 9, seed=1))
    assert not np.array_equal(make_frames(network(), 9, seed=1), make_frames(network(), 9, seed=2))


def test_frames_from_files(tmp_path):
    frames = np.zeros((3, *SHAPE), np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    np.savez(tmp_path / "frames.npz", frames=frames.view(np.int8), label=[1, 2, 3])
    assert read_frames(tmp_path / "frames.npy", SHAPE)[1] is None
    got, label = read_frames(tmp_path / "frames.npz", SHAPE)
    assert got.dtype == np.uint8
    assert label.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"frames": np.zeros((3, 4, 5, 2), np.uint8)}, r"expected bytes of shape \(N, 5, 4, 2\)"),
        ({"frames": np.zeros((3, *SHAPE), np.float32)}, "got float32"),
        ({"frames": np.zeros((1, *SHAPE), np.uint8)}, "at least 2 frames"),
        ({"images": np.zeros((3, *SHAPE), np.uint8)}, "expected an array 'frames'"),
        ({"frames": np.zeros((3, *SHAPE), np.uint8), "label": np.zeros(2, int)}, "3 integers"),
        ({"frames": np.zeros((3, *SHAPE), np.uint8), "labels": np.zeros(3, int)}, "'labels'"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, arrays, words):
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(ConfigError, match=words):
        read_frames(tmp_path / "f.npz", SHAPE)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut", None])
def test_what_is_no_array_file_is_named(tmp_path, content):
    path = tmp_path / "f.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"expected a \.npy or \.npz file"):
        read_frames(path, SHAPE)
