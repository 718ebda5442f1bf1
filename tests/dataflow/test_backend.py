"""Integer networks as hardware graphs: every score equal, every layer an RTL unit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hwflow.dataflow import finn
from hwflow.dataflow.backend import SCORE_SCALE, to_hardware
from hwflow.dataflow.stage import STEPS, StageConfig, convert
from hwflow.dataflow.stitch import KNOWN
from hwflow.dataflow.verify import execute
from hwflow.errors import ConfigError, UnsupportedModelError, VerificationError
from hwflow.lower.evaluate import evaluate

from .integer_nets import NETWORKS, Builder, random_frames

pytestmark = pytest.mark.finn

FRAMES = 6
PART = "xc7z020clg400-1"


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


def check(network, graphs, target="auto"):
    """Convert ``network`` and compare scores; return the hardware graph."""
    model = convert(network, StageConfig("stage0", PART, 10.0, target), graphs)
    frames = random_frames(network, FRAMES)
    expected = evaluate(network, frames)
    assert len(np.unique(expected, axis=0)) >= FRAMES // 2  # else it would prove little
    np.testing.assert_array_equal(execute(model, frames), expected)
    return model


def kinds(model) -> list[str]:
    wiring = ("HwfFIFO", "StreamingDataWidth")
    return [n.op_type for n in model.graph.node if not n.op_type.startswith(wiring)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [400, 60_000])
def test_scores_are_equal(tmp_path, name, target):
    network = NETWORKS[name]()
    model = check(network, tmp_path, target)
    assert set(kinds(model)) <= KNOWN
    assert all(node.domain.endswith(".rtl") for node in model.graph.node)
    assert float(model.get_metadata_prop(SCORE_SCALE)) == network.score_scale
    assert all((tmp_path / file).is_file() for file in STEPS)


def test_automatic_target_needs_no_number(tmp_path):
    check(NETWORKS["separable"](), tmp_path)


def test_binary_layers_take_their_thresholds_in(tmp_path):
    model = check(NETWORKS["binary"](), tmp_path)
    assert kinds(model).count("Thresholding_rtl") == 1  # of the bytes
    assert kinds(model).count("HwfXnorMVAU_rtl") == 4


def test_a_read_accumulator_keeps_its_threshold_apart(tmp_path):
    """The same binary layer's sum goes into a threshold and into an addition."""
    b = Builder((6, 6, 1), seed=7)
    sums = b.conv(b.threshold("frame"), 4)
    b.tensors[sums] = dataclasses.replace(b.tensors[sums], low=-9, high=9)
    b.layers[-1] = dataclasses.replace(b.layers[-1], output=b.tensors[sums])
    x = b.threshold(sums, 2)
    x = b.threshold(b.add(x, sums, (3, -1)), 2)
    model = check(b.network(b.scores(x, 3, bits=2)), tmp_path)
    assert "HwfDup_rtl" in kinds(model)
    assert kinds(model).count("Thresholding_rtl") == 3


def test_sum_of_a_tensor_with_itself(tmp_path):
    b = Builder((4, 4, 2), seed=8)
    x = b.threshold("frame", 3)
    x = b.threshold(b.add(x, x, (2, -1)), 3)
    check(b.network(b.scores(x, 3, bits=3)), tmp_path)


def test_padding_outside_the_type_widens_the_stream(tmp_path):
    b = Builder((5, 5, 1), seed=9)
    x = b.pad(b.threshold("frame", 2), value=-1)
    model = check(b.network(b.scores(x, 3, bits=2)), tmp_path)
    assert kinds(model)[:3] == ["Thresholding_rtl", "HwfRequant_rtl", "HwfPad_rtl"]


@pytest.mark.parametrize(
    ("bits", "low", "steps"), [(2, 0, 2), (3, 2, 4), (3, -4, 7), (4, -3, 9), (5, -1, 2), (2, 0, 0)]
)
def test_any_range_of_levels(tmp_path, bits, low, steps):
    """FINN's unit wants all levels of the output's type; the missing ones are never reached."""
    b = Builder((4, 4, 2), seed=10)
    y = b.threshold("frame", 2)
    x = b.threshold(b.conv("frame", 3, (2, 2), bits=3), bits, low=low, steps=steps)
    x, y = b.flatten(x), b.flatten(b.max_pool(y, (2, 2), (1, 1)))
    check(b.network(b.add(b.scores(x, 3, bits=3), b.scores(y, 3, bits=3))), tmp_path)


def test_thresholds_that_the_top_of_the_type_never_reaches(tmp_path):
    b = Builder((4, 4, 1), seed=11)
    x = b.threshold("frame", 2)
    layer = b.layers[-1]
    b.layers[-1] = dataclasses.replace(layer, thresholds=np.array([[100, 255, 256]]))
    model = check(b.network(b.scores(x, 3, bits=2)), tmp_path)
    assert kinds(model)[0] == "Thresholding_rtl"


def test_thresholds_beyond_float_are_named(tmp_path):
    b = Builder((1, 1, 4), seed=12)
    x = b.affine("frame")
    layer = b.layers[-1]
    out = dataclasses.replace(layer.output, low=0, high=255 * 2**18)
    b.layers[-1] = dataclasses.replace(
        layer, multiplier=np.full(4, 2**18), offset=np.zeros(4, np.int64), output=out
    )
    b.tensors[x] = out
    b.values[x] = b.values["frame"] * 2**18
    x = b.threshold(x, 2)
    with pytest.raises(UnsupportedModelError, match=r"node 'node threshold1': thresholds up to"):
        to_hardware(b.network(b.scores(x, 3, bits=2)))


def test_windows_that_finn_miscounts_are_named(tmp_path):
    """One window in a corner of the map: FINN's generator loses its place after a frame."""
    b = Builder((9, 2, 1), seed=13)
    x = b.threshold(b.conv(b.threshold("frame", 2), 2, (3, 1), bits=2, stride=(2, 2)), 2)
    network = b.network(b.scores(x, 3, bits=2))
    with pytest.raises(UnsupportedModelError, match=r"node 'conv1_.*kernel \[3, 1\], map \[9, 2\]"):
        convert(network, StageConfig("stage0", PART, 10.0, 20_000), tmp_path)


def test_unreachable_target_says_what_is_reachable(tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"target of 3 cycles per frame cannot be met: layer stage0/.* needs at least",
    ):
        convert(NETWORKS["binary"](), StageConfig("stage0", PART, 10.0, 3), tmp_path)


def test_a_flipped_weight_changes_a_score(tmp_path):
    network = NETWORKS["binary"]()
    model = convert(network, StageConfig("stage0", PART, 10.0, 400), tmp_path)
    frames = random_frames(network, FRAMES)
    last = next(n for n in reversed(model.graph.node) if "MVAU" in n.op_type).input[1]
    weights = model.get_initializer(last).copy()
    weights[0, 0] *= -1
    model.set_initializer(last, weights)
    assert (execute(model, frames) != evaluate(network, frames)).any()


def test_a_too_narrow_stream_is_found(tmp_path):
    """Python would not wrap where the RTL does, so ranges are checked."""
    network = NETWORKS["wide"]()
    model = convert(network, StageConfig("stage0", PART, 10.0, 1000), tmp_path)
    from qonnx.custom_op.registry import getCustomOp

    getCustomOp(model.graph.node[-1]).set_nodeattr("outputDataType", "INT8")
    with pytest.raises(VerificationError, match="integers of type INT8"):
        execute(model, random_frames(network, 2))
