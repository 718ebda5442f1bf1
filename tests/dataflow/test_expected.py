"""What a network is expected to take against what a build estimates for it.

Seen at the same target, LUTs of the expectation over those of the build: digits cascade 1.003 and
1.005, CNV W1A1 1.034, VGG-small W8A8 1.021, ResNet-8 W4A4 1.025; cycles equal in all five.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from families import trained
from tiny import stage

from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.recipe import Recipe
from hwflow.cost.network import estimate
from hwflow.dataflow import finn
from hwflow.dataflow.resources import estimate as of_graph
from hwflow.dataflow.stage import StageConfig, convert
from hwflow.export.canonical import canonical
from hwflow.export.freeze import freeze
from hwflow.export.qonnx_file import write_qonnx
from hwflow.lower.lowering import InputSpec, lower
from hwflow.lower.read import read
from hwflow.nets import build
from hwflow.nets.hardware import hardware

pytestmark = pytest.mark.finn

DIGITS = Path(__file__).parents[2] / "models" / "digits_cascade"
INPUT = load_bundle(DIGITS / "bundle").input
PART = "xc7z020clg400-1"


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


def built(path, target, graphs):
    """Return the cycles and resources of the hardware graph of a QONNX file."""
    from qonnx.custom_op.registry import getCustomOp

    network = lower(read(path), InputSpec(INPUT.dtype, INPUT.scale, INPUT.shift))
    model = convert(network, StageConfig("stage0", PART, 10.0, target), graphs)
    cycles = max(int(getCustomOp(node).get_exp_cycles()) for node in model.graph.node)
    return cycles, of_graph(model)


def check(steps, target, cycles, resources, within):
    found = estimate(steps, target_ii=target)
    assert found.ii_cycles == cycles
    assert found.resources.lut == pytest.approx(resources.lut, rel=within)
    assert found.resources.bram36 == pytest.approx(resources.bram36, rel=0.1)


@pytest.mark.parametrize(("index", "target"), [(0, 1200), (1, 4800)])
def test_the_digits_cascade(tmp_path, index, target):
    bundle = load_bundle(DIGITS / "bundle")
    cycles, resources = built(DIGITS / "bundle" / bundle.stages[index].qonnx, target, tmp_path)
    recipe = load(Recipe, DIGITS / "recipe.yaml").stages[index]
    network = build(recipe, bundle.input.shape, len(bundle.classes))
    check(hardware(network), target, cycles, resources, 0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bits", "target"),
    [("cnv", 1, 32_768), ("vgg_small", 8, 147_456), ("resnet8", 4, 65_536)],
)
def test_networks_for_colour_pictures(tmp_path, name, bits, target):
    recipe = stage(net={"name": name}, weight_bit_width=bits, act_bit_width=bits)
    network = canonical(trained(recipe, (32, 32, 3), steps=1))
    freeze(network)
    write_qonnx(network, network.frame_shape, tmp_path / "net.onnx")
    cycles, resources = built(tmp_path / "net.onnx", target, tmp_path)
    check(hardware(build(recipe, (32, 32, 3), 10)), target, cycles, resources, 0.05)
