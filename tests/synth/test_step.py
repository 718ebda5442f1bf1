"""Every layer of a cascade synthesised, FINN's among them, and nothing twice."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dataflow.networks import SHAPE, tiny_design, tiny_nets, write_bundle

from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import load
from hwflow.config.folding import Folding
from hwflow.errors import ConfigError
from hwflow.synth.script import Part
from hwflow.synth.sources import Sources
from hwflow.synth.step import MEMORY_SUFFIX, synth
from hwflow.synth.yosys import Yosys

pytestmark = [pytest.mark.finn, pytest.mark.synth]

ONE = {"LUT2": 1, "FDRE": 1}


@pytest.fixture(scope="module")
def accelerator(tmp_path_factory):
    """A cascade with a layer in FINN's DSP unit."""
    from hwflow.dataflow.accelerator import build

    folder = tmp_path_factory.mktemp("synth")
    frames = np.random.default_rng(5).integers(0, 256, size=(8, *SHAPE), dtype=np.uint8)
    bundle = write_bundle(folder / "bundle", tiny_nets(), frames)
    build(tiny_design(400, 900), bundle, folder / "planned")
    folding = load(Folding, folder / "planned" / "folding.json").model_dump(exclude_none=True)
    layers = folding["stages"][1]["layers"]
    moved = next(x for x in layers.values() if x["op"] == "HwfMVAU_rtl" and x["simd"] < 8)
    moved["unit"] = "finn"
    moved.pop("ram_style", None)
    (folder / "folding.json").write_text(Folding(**folding).model_dump_json(exclude_none=True))
    asked = tiny_design("auto", "auto").model_copy(update={"folding": str(folder / "folding.json")})
    build(asked, bundle, folder / "accelerator")
    return folder / "accelerator"


@pytest.fixture
def design(accelerator):
    return load(Accelerator, accelerator / DESIGN_FILE)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def runs(cache, monkeypatch):
    """The modules that yosys is asked for; each takes ``ONE``."""
    tops = []

    def note(self, part, **_):
        tops.append(part.module)
        return ONE

    def note_group(self, parts, **_):
        tops.append(sorted(part.module for part in parts))
        return (ONE,) * len(parts)

    monkeypatch.setattr(Yosys, "map_part", note)
    monkeypatch.setattr(Yosys, "map_group", note_group)
    return tops


def test_each_layer_has_its_block_and_the_controller_too(accelerator, design, runs, tmp_path):
    found = synth(accelerator, tmp_path)
    layers = [(n, x.name) for n, stage in enumerate(design.stages) for x in stage.layers]
    assert [(x.stage, x.module) for x in found.blocks] == [(None, design.top), *layers]
    twice = [block for block in found.blocks if block.resources.lut == 2]
    assert [block.op for block in twice] == ["MVAU_rtl"]  # and its weight memory
    assert twice[0].module + MEMORY_SUFFIX in runs


def test_layers_without_weights_share_a_run_for_each_reader(accelerator, design, runs, tmp_path):
    synth(accelerator, tmp_path)
    groups = [run for run in runs if isinstance(run, list)]
    light = sorted(x.module for stage in design.stages for x in stage.layers if not x.macs)
    assert len(groups) == 2
    assert sorted(name for group in groups for name in group) == light


def test_a_second_run_needs_no_yosys(accelerator, runs, tmp_path):
    found = synth(accelerator, tmp_path)
    runs.clear()
    assert synth(accelerator, tmp_path) == found
    assert runs == []


def test_a_changed_memory_is_synthesised_again(accelerator, runs, tmp_path):
    synth(accelerator, tmp_path)
    folder = shutil.copytree(accelerator, tmp_path / "changed")
    path = next(folder.glob("rtl/*HwfXnorMVAU_rtl_weights.dat"))
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{int(first, 16) ^ 1:x}\n{rest}")
    runs.clear()
    synth(folder, tmp_path)
    assert runs == [path.stem.removesuffix("_weights")]


def test_a_missing_source_is_named(accelerator, tmp_path):
    folder = shutil.copytree(accelerator, tmp_path / "broken")
    (folder / "rtl" / "hwf_cascade.sv").unlink()
    with pytest.raises(ConfigError, match=r"hwf_cascade\.sv: missing from the accelerator"):
        synth(folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("op", "suffix", "dsps"),
    [
        ("ConvolutionInputGenerator_rtl", "", False),
        ("StreamingDataWidthConverter_rtl", "", False),
        ("Thresholding_rtl", "", False),
        ("MVAU_rtl", "", True),
        ("MVAU_rtl", MEMORY_SUFFIX, False),
    ],
)
def test_yosys_takes_finns_layers(accelerator, design, cache, tmp_path, op, suffix, dsps):
    from hwflow.synth.block import synthesise

    module = next(x.name for stage in design.stages for x in stage.layers if x.op == op) + suffix
    sources = Sources(accelerator, design.sources)
    found = synthesise(Part(module), sources, yosys=Yosys(), log_dir=tmp_path)
    assert found.lut > 0
    assert found.ff > 0
    assert (found.dsp > 0) is dsps
