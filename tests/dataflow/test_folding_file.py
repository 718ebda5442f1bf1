"""Folding files: written, read back, edited; every broken one is refused by name."""

from __future__ import annotations

import copy
import json

import pytest

from hwflow.config.folding import read_folding, render_folding
from hwflow.dataflow import finn
from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.folding import read_plan, solve_plan
from hwflow.dataflow.folding.file import from_file, to_file
from hwflow.dataflow.folding.space import space_of
from hwflow.dataflow.stage import StageConfig, connected
from hwflow.dataflow.verify import execute
from hwflow.errors import ConfigError
from hwflow.lower.evaluate import evaluate

from .integer_nets import NETWORKS, random_frames

pytestmark = pytest.mark.finn


@pytest.fixture(scope="module", autouse=True)
def session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work") as running:
        yield running


@pytest.fixture(scope="module")
def space():
    return space_of([to_hardware(NETWORKS["separable"]())])


@pytest.fixture(scope="module")
def written(space) -> str:
    """The slowest folding: one lane everywhere."""
    slowest = [
        max(range(len(layer.options)), key=lambda i, layer=layer: layer.options[i].cycles)
        for layer in space.layers
    ]
    return render_folding(to_file(space, slowest))


@pytest.mark.parametrize("target", [300, 3000])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_was_written_is_read_back(tmp_path, name, target):
    model = to_hardware(NETWORKS[name]())
    plan = solve_plan([model], StageConfig("stage0", "xc7z020", 10.0, target).request())
    path = tmp_path / "folding.json"
    path.write_text(render_folding(plan.folding))
    again = read_plan([to_hardware(NETWORKS[name]())], read_folding(path), source=str(path))
    assert again.choice == plan.choice
    assert again.folding.stages == plan.folding.stages


def test_what_the_solver_said_is_written_and_not_taken_from_a_file(tmp_path):
    """A file may have been edited since."""
    models = [to_hardware(NETWORKS["wide"]())]
    plan = solve_plan(models, StageConfig("stage0", "xc7z020", 10.0, 300).request())
    path = tmp_path / "folding.json"
    path.write_text(render_folding(plan.folding))
    solved = read_folding(path).solved
    assert solved == plan.folding.solved
    assert solved.target_ii_cycles == (300,)
    assert 0 < solved.cost < 1
    assert solved.gap == 0
    assert solved.undecided_ii_cycles == ()
    assert read_plan(models, read_folding(path), source="file").folding.solved is None


def test_a_line_per_layer(written, space):
    lines = [line for line in written.splitlines() if '"op"' in line]
    assert len(lines) == len(space.layers)
    assert any('"depthwise4.window": {"op":"ConvolutionInputGenerator_rtl"' in x for x in lines)


def edited(written: str, edit) -> dict:
    data = json.loads(written)
    edit(data, data["stages"][0]["layers"])
    return data


def read(tmp_path, space, data):
    path = tmp_path / "mine.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return from_file(space, read_folding(path), source=str(path))


def refusal(tmp_path, space, data) -> str | None:
    try:
        read(tmp_path, space, data)
    except ConfigError as error:
        return str(error)
    return None


# The dense unit conv1 reads 27 inputs for 6 outputs; depthwise4 has 6 channels, windows of 9.
BROKEN = {
    "no such layer": (
        lambda d, x: x.update(conv99=x["conv1"]),
        "stage0: layer 'conv99': no such layer; its layers are pad0, conv1.window, conv1",
    ),
    "a layer missing": (lambda d, x: x.pop("conv1"), "stage0: layer 'conv1' is missing"),
    "another type": (
        lambda d, x: x["conv1"].update(op="HwfXnorMVAU_rtl"),
        "layer 'conv1': op: expected 'HwfMVAU_rtl', got 'HwfXnorMVAU_rtl'",
    ),
    "PE does not divide": (
        lambda d, x: x["conv1"].update(pe=4),
        "layer 'conv1': pe: expected a divisor of MH = 6: 1, 2, 3, 6, got 4",
    ),
    "SIMD does not divide": (
        lambda d, x: x["conv1"].update(simd=2),
        "layer 'conv1': simd: expected a divisor of MW = 27: 1, 3, 9, 27, got 2",
    ),
    "lanes do not divide": (
        lambda d, x: x["threshold2"].update(pe=4),
        "layer 'threshold2': pe: expected a divisor of the channels = 6: 1, 2, 3, 6, got 4",
    ),
    "window lanes": (
        lambda d, x: x["conv1.window"].update(simd=2),
        "layer 'conv1.window': simd: expected a divisor of the channels = 3: 1, 3, got 2",
    ),
    "whole windows of some channels": (
        lambda d, x: x["conv1.window"].update(parallel_window=1),
        "layer 'conv1.window': parallel_window: expected 0 with SIMD 1, got 1",
    ),
    "unit that cannot stand": (
        lambda d, x: x["conv1"].update(pe=6, simd=27, unit="finn"),
        "layer 'conv1': unit: expected lut or dsp with PE 6 and SIMD 27, got 'finn'",
    ),
    "no such unit": (
        lambda d, x: x["conv1"].update(unit="hls"),
        "stages.0.layers.conv1.unit: Input should be 'lut', 'dsp' or 'finn' (got 'hls')",
    ),
    "depthwise lanes": (
        lambda d, x: x["depthwise4"].update(pe=3),
        "layer 'depthwise4': pe: expected 1, the simd of layer 'depthwise4.window'",
    ),
    "depthwise positions": (
        lambda d, x: x["depthwise4"].update(simd=3),
        "layer 'depthwise4': simd: expected 1, since layer 'depthwise4.window' gives its windows",
    ),
    "a field too many": (
        lambda d, x: x["threshold2"].update(simd=1),
        "layer 'threshold2': simd: Thresholding_rtl has no such field, only pe",
    ),
    "a field missing": (
        lambda d, x: x["conv1"].pop("simd"),
        "layer 'conv1': simd: missing; HwfMVAU_rtl needs pe, simd, unit",
    ),
    "an unknown field": (
        lambda d, x: x["conv1"].update(lanes=3),
        "stages.0.layers.conv1.lanes: unknown key",
    ),
    "memory of a unit without": (
        lambda d, x: x["threshold2"].update(ram_style="block"),
        "layer 'threshold2': ram_style: Thresholding_rtl has no such field, only pe",
    ),
    "memory of FINN's unit": (
        lambda d, x: x["conv1"].update(unit="finn", ram_style="block"),
        "layer 'conv1': ram_style: expected none or 'auto' with unit 'finn'",
    ),
    "no such memory": (
        lambda d, x: x["conv1"].update(ram_style="ultra"),
        "stages.0.layers.conv1.ram_style: Input should be 'auto', 'lut' or 'block'",
    ),
    "zero lanes": (
        lambda d, x: x["conv1"].update(pe=0),
        "stages.0.layers.conv1.pe: Input should be greater than or equal to 1 (got 0)",
    ),
    "negative lanes": (
        lambda d, x: x["conv1"].update(simd=-3),
        "stages.0.layers.conv1.simd: Input should be greater than or equal to 1 (got -3)",
    ),
    "half a lane": (
        lambda d, x: x["conv1"].update(pe=1.5),
        "stages.0.layers.conv1.pe: Input should be a valid integer",
    ),
    "a number in quotes": (
        lambda d, x: x["conv1"].update(pe="2"),
        "stages.0.layers.conv1.pe: Input should be a valid integer",
    ),
    "a stage too many": (
        lambda d, x: d["stages"].append(copy.deepcopy(d["stages"][0])),
        "stages: expected stage0 in this order, got stage0, stage0",
    ),
    "no stage": (lambda d, x: d.update(stages=[]), "stages: expected stage0 in this order, got"),
    "another stage": (
        lambda d, x: d["stages"][0].update(name="stage7"),
        "stages: expected stage0 in this order, got stage7",
    ),
    "another version": (lambda d, x: d.update(schema_version=2), "schema_version: Input should"),
    "a list of layers": (
        lambda d, x: d["stages"][0].update(layers=[]),
        "stages.0.layers: Input should be a mapping",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_names_stage_layer_and_field(tmp_path, space, written, case):
    edit, told = BROKEN[case]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, space, edited(written, edit))
    message = str(caught.value)
    assert str(tmp_path / "mine.json") in message
    assert told in message


@pytest.mark.parametrize("cut", [1, 40, 200, -3])
def test_half_a_file_is_no_file(tmp_path, space, written, cut):
    with pytest.raises(ConfigError, match=r"mine\.json: (not a JSON file|expected keys)"):
        read(tmp_path, space, written[:cut] + "{")


def test_every_single_edit_is_taken_or_refused_by_name(tmp_path, space, written):
    """Any number in any field of any layer: a legal folding, or an error naming that layer."""
    taken = refused = 0
    names = [layer.name for layer in space.layers]
    for name in names:
        for field in ("pe", "simd", "parallel_window"):
            for value in range(1, 10):
                data = edited(written, lambda d, x: x[name].update({field: value}))  # noqa: B023
                told = refusal(tmp_path, space, data)
                if told is None:
                    taken += 1
                    continue
                base = name.removesuffix(".window")
                assert f"layer '{base}" in told or f"layers.{base}" in told
                assert f"{field}: " in told or "pe: expected" in told  # of the depthwise unit
                refused += 1
    assert taken > 20
    assert refused > 100


def test_an_edited_folding_is_built_and_computes_the_same(tmp_path, written, session):
    def edit(data, layers):
        layers["depthwise4.window"].update(simd=3)
        layers["depthwise4"].update(pe=3)
        layers["conv1"].update(pe=2, simd=9, unit="dsp", ram_style="block")

    network = NETWORKS["separable"]()
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(edited(written, edit)))
    model = to_hardware(network)
    plan = read_plan([model], read_folding(path), source=str(path))
    model = connected(model, plan, 0, StageConfig("stage0", "xc7z020", 10.0), graphs=tmp_path)
    from qonnx.custom_op.registry import getCustomOp

    unit = next(
        getCustomOp(node) for node in model.graph.node if node.name.endswith("conv1_HwfMVAU_rtl")
    )
    assert [unit.get_nodeattr(name) for name in ("PE", "SIMD", "mulStyle", "ram_style")] == [
        2,
        9,
        "dsp",
        "block",
    ]
    frames = random_frames(network, 4)
    assert (execute(model, frames) == evaluate(network, frames)).all()
