"""The network that an accelerator keeps is the one that was built."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.dataflow.network_file import load_network, save_network
from hwflow.errors import ConfigError
from hwflow.lower.evaluate import evaluate_all

from .integer_nets import NETWORKS, random_frames

pytestmark = pytest.mark.finn  # the networks' module builds stages too


@pytest.mark.parametrize("name", NETWORKS)
def test_round_trip(tmp_path, name):
    network = NETWORKS[name]()
    save_network(network, tmp_path / "network.npz")
    loaded = load_network(tmp_path / "network.npz")
    assert loaded.tensors == network.tensors
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in network.layers]
    assert (loaded.scores, loaded.score_scale) == (network.scores, network.score_scale)
    frames = random_frames(network, 2)
    expected, got = evaluate_all(network, frames), evaluate_all(loaded, frames)
    for tensor, values in expected.items():
        np.testing.assert_array_equal(got[tensor], values)


def test_missing_and_damaged_files_are_named(tmp_path):
    path = tmp_path / "network.npz"
    with pytest.raises(ConfigError, match=r"network\.npz: missing"):
        load_network(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(ConfigError, match=r"network\.npz: not a network"):
        load_network(path)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ConfigError, match=r"network\.npz: not a network"):
        load_network(path)
