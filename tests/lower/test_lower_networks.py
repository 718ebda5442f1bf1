"""Whole networks: the committed ones, the field's, and random ones, against qonnx and golden."""

from pathlib import Path

import numpy as np
import pytest
from chain import compare_exactly
from random_chain import RandomChain

from hwflow.export.example import write_example
from hwflow.lower.compare import check_qonnx
from hwflow.lower.evaluate import evaluate
from hwflow.lower.frames import make_frames
from hwflow.lower.lowering import InputSpec, lower, lower_file
from hwflow.lower.read import read

BUNDLE = Path(__file__).parents[2] / "models" / "digits_cascade" / "bundle"
# Brevitas' own examples read 0 … 1, ours read bytes.
UNIT = InputSpec("uint8", (1 / 255,))


@pytest.mark.parametrize("stage", [0, 1])
def test_committed_stages_have_their_golden_scores(stage):
    golden = np.load(BUNDLE / "golden.npz")
    path = BUNDLE / f"stage{stage}.onnx"
    network = lower_file(path)
    frames = golden["frames"][:64]
    np.testing.assert_array_equal(evaluate(network, frames), golden[f"scores_{stage}"][:64])
    links = check_qonnx(path, read(path), network, InputSpec(), frames[:16])
    assert [link.ties for link in links] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("tfc_w1a1", UNIT),
        ("tfc_w1a2", UNIT),
        ("tfc_w2a2", UNIT),
        ("cnv_w1a1", UNIT),
        pytest.param("cnv_w2a2", UNIT, marks=pytest.mark.slow),
        pytest.param("vgg_w4a4", InputSpec(), marks=pytest.mark.slow),
        ("resnet8_w8a8", InputSpec()),
        ("keyword_w4a8", InputSpec()),
        pytest.param("mobilenet_w4a4", InputSpec(), marks=pytest.mark.slow),
    ],
)
def test_networks_of_the_field(tmp_path, name, spec):
    path = tmp_path / "model.onnx"
    write_example(name, path, seed=5)
    graph = read(path)
    network = lower(graph, spec)
    links = check_qonnx(path, graph, network, spec, make_frames(network, 4, seed=5))
    assert [link.mismatches for link in links] == [0, 0, 0, 0]
    # With float scales some values lie on a boundary to float32's rounding, as constant frames
    # repeat them; power-of-two scales leave nothing to round.
    floats = spec is UNIT or name == "keyword_w4a8"
    assert sum(link.ties for link in links) <= (links[0].compared // 1000 if floats else 0)


@pytest.mark.parametrize("seed", range(24))
def test_random_networks(tmp_path, seed):
    compare_exactly(RandomChain(seed), tmp_path, count=8)
