"""The example networks: made by name and seed, exported as their own projects do."""

import numpy as np
import onnx
import pytest
import torch

from hwflow.errors import ConfigError
from hwflow.export.example import write_example
from hwflow.nets.examples import EXAMPLES, example

pytestmark = pytest.mark.train


def test_every_network_of_the_field_is_there():
    assert len(EXAMPLES) == 16
    for family in ("tfc", "sfc", "lfc", "cnv"):
        assert {f"{family}_w1a1", f"{family}_w1a2", f"{family}_w2a2"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", ["tfc_w1a1", "keyword_w4a8", "vgg_w4a4", "resnet8_w8a8"])
def test_answers_depend_on_the_frame(name):
    network, entry = example(name, seed=1)
    random = np.random.default_rng(0)
    blocks = (12, *(-(-size // 4) for size in entry.shape))  # noise of one pixel averages out
    coarse = random.integers(0, 256, blocks)
    for axis, size in enumerate(entry.shape, start=1):
        coarse = coarse.repeat(4, axis=axis).take(range(size), axis=axis)
    frames = torch.from_numpy(coarse.astype(np.float32))
    with torch.no_grad():
        scores = network(frames * entry.input_scale)
    assert len(torch.unique(scores, dim=0)) == 12
    assert len(torch.unique(scores.argmax(dim=1))) > 1


def test_a_quarter_of_the_channels_is_negative():
    network, _ = example("vgg_w4a4", seed=1)
    gammas = torch.cat([m.weight for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)])
    assert 0.1 < float((gammas < 0).float().mean()) < 0.4


def test_the_file_depends_on_name_and_seed_alone(tmp_path):
    for path, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(3)  # other users of the generator do not matter
        write_example("tfc_w2a2", tmp_path / path, seed=seed)
    a, b, c = ((tmp_path / path).read_bytes() for path in "abc")
    assert a == b
    assert a != c
    model = onnx.load(tmp_path / "a")
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ConfigError, match="no example network 'alexnet'; there are: cnv_w1a1"):
        example("alexnet", seed=0)
