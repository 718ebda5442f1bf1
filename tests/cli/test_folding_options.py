"""--target-ii, --target-fps, --fill and --folding: what they replace, refuse and build."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import DESIGN, ROOT

from hwflow.cli.folding_options import FoldingOptions
from hwflow.cli.model_options import ModelOptions, read_source
from hwflow.config.design import Design, Fill, TargetCycles
from hwflow.config.folding import FOLDING_FILE, read_folding
from hwflow.errors import ConfigError

BUNDLE = ROOT / "models" / "digits_cascade" / "bundle"


@pytest.fixture
def design() -> Design:
    return read_source(DESIGN, ModelOptions(), overrides=())


def test_nothing_given_leaves_the_design_as_it_is(design):
    assert FoldingOptions().applied(design) == design


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"target_ii": 900}, {"target_ii": 900}),
        ({"target_fps": 5e4}, {"target_fps": 5e4}),
        ({"fill": "auto"}, {"fill": "auto"}),
        ({"fill": "lut=0.3, dsp=0.1"}, {"fill": Fill(lut=0.3, dsp=0.1)}),
        ({"target_ii": 900, "fill": "bram=2"}, {"target_ii": 900, "fill": Fill(bram=2.0)}),
    ],
)
def test_an_option_replaces_the_targets_of_the_design(design, given, said):
    told = FoldingOptions(**given).applied(design)
    assert told.stages == (TargetCycles(), TargetCycles())
    assert told.model_copy(update={"stages": design.stages}) == design.model_copy(update=said)


def test_a_folding_file_replaces_targets_and_fill(design, tmp_path):
    filled = FoldingOptions(target_ii=900, fill="auto").applied(design)
    told = FoldingOptions(folding=tmp_path / "mine.json").applied(filled)
    assert (told.target_ii, told.fill) == (None, None)
    assert told.folding == str(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--target-ii", "9", "--target-fps", "9"], "--target-ii and --target-fps exclude each"),
        (["--target-ii", "9", "--folding", "f.json"], "--target-ii and --folding exclude each"),
        (["--target-fps", "9", "--folding", "f.json"], "--target-fps and --folding exclude each"),
        (["--fill", "auto", "--folding", "f.json"], "--folding and --fill exclude each other"),
        (["--fill", "lut"], "--fill lut: expected shares such as --fill lut=0.6"),
        (["--fill", "lut=much"], "--fill lut=much: expected shares"),
        (["--fill", "ff=0.5"], "--fill ff=0.5: expected each of lut, bram, dsp at most once"),
        (["--fill", "lut=1,lut=2"], "expected each of lut, bram, dsp at most once"),
        (["--fill", "lut=0"], "lut: Input should be greater than 0"),
        (["--fill", "dsp=nan"], "dsp: Input should be"),
        (["--folding", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--target-ii", "0"], "--target-ii"),
        (["--target-fps", "-1"], "--target-fps"),
        (["--target-ii", "10"], "target_ii = 10 cannot be met: a frame arrives in 32 beats"),
    ],
)
def test_what_cannot_be_is_told_without_a_traceback(hwflow, tmp_path, arguments, told):
    done = hwflow(
        "build", DESIGN, "--bundle", BUNDLE, "--out", tmp_path / "out", *arguments, "--json"
    )
    assert done.code == 2, done.err
    assert told in done.data["error"]["message"]
    assert "Traceback" not in done.err
    assert not (tmp_path / "out" / "design.json").exists()


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ({"target_ii": 900}, "target_ii and stages.target_ii_cycles exclude each other"),
        ({"target_fps": 9.0}, "target_fps and stages.target_ii_cycles exclude each other"),
        ({"folding": "f.json"}, "folding and stages.target_ii_cycles exclude each other"),
        (
            {"stages": [{}, {}], "folding": "f.json", "fill": "auto"},
            "folding and fill exclude each other",
        ),
        ({"stages": [{}, {}], "target_ii": 5, "target_fps": 5.0}, "target_ii and target_fps"),
        ({"fill": {"lut": -1}}, "fill.lut: Input should be greater than 0"),
        ({"fill": {"ff": 1}}, "fill.ff: unknown key"),
        ({"target_fps": 0}, "target_fps: Input should be greater than or equal to 0.001"),
        ({"target_fps": 1.0e-320}, "target_fps: Input should be greater than or equal to 0.001"),
    ],
)
def test_a_design_with_two_goals_names_both(tmp_path, edit, told):
    data = yaml.safe_load(DESIGN.read_text()) | edit
    path = tmp_path / "design.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError) as caught:
        read_source(path, ModelOptions(), overrides=())
    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_the_path_of_a_folding_is_relative_to_the_design(tmp_path):
    data = yaml.safe_load(DESIGN.read_text()) | {"stages": [{}, {}], "folding": "mine.json"}
    path = tmp_path / "design.yaml"
    path.write_text(yaml.safe_dump(data))
    assert read_source(path, ModelOptions(), overrides=()).folding == str(tmp_path / "mine.json")


@pytest.fixture(scope="module")
def built(hwflow, tmp_path_factory):
    """The digits cascade for 20,000 frames per second."""
    folder = tmp_path_factory.mktemp("folded") / "accelerator"
    done = hwflow(
        "build", DESIGN, "--bundle", BUNDLE, "--target-fps", 20_000, "--out", folder, "--json"
    )
    assert done.code == 0, done.err
    return folder, done.data


@pytest.mark.finn
def test_stages_keep_up_with_their_share_of_the_frames(built):
    _, data = built
    first, second = data["ii_bound_cycles"]
    assert first <= 5000
    assert 5000 < second <= 5000 / (1.25 * 0.15)  # the design's escalation_rate, with a margin


@pytest.mark.finn
def test_a_written_folding_builds_the_same_again_and_an_edited_one_another(hwflow, built, tmp_path):
    folder, data = built
    mine = tmp_path / "mine.json"
    mine.write_text((folder / FOLDING_FILE).read_text())
    command = ("build", DESIGN, "--bundle", BUNDLE, "--folding", mine, "--json")
    again = hwflow(*command, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert again.data["ii_bound_cycles"] == data["ii_bound_cycles"]
    assert (tmp_path / "again" / "rtl.f").read_text() == (folder / "rtl.f").read_text()
    first, second = (read_folding(place / FOLDING_FILE) for place in (folder, tmp_path / "again"))
    assert first.stages == second.stages
    assert first.solved.target_ii_cycles == (5000, 26_666)
    assert second.solved is None  # nobody solved it
    edited = json.loads(mine.read_text())
    layers = edited["stages"][1]["layers"]
    name = next(name for name, layer in layers.items() if layer["op"] == "HwfMVAU_rtl")
    layers[name]["pe"] = 7
    mine.write_text(json.dumps(edited))
    refused = hwflow(*command, "--out", tmp_path / "again")
    assert refused.code == 2
    assert f"mine.json: stage1: layer '{name}': pe: expected a divisor of MH" in refused.err
    layers[name]["pe"] = 1
    mine.write_text(json.dumps(edited))
    other = hwflow(*command, "--out", tmp_path / "again")
    assert other.code == 0, other.err
    assert other.data["reused"] is False
    assert other.data["mismatches"] == 0
    assert read_folding(tmp_path / "again" / FOLDING_FILE).stages[1].layers[name].pe == 1
