"""Reading YAML and JSON files: keys given twice, tabs, truths, nesting; no traceback for any."""

from __future__ import annotations

import pytest

from hwflow.config.base import load
from hwflow.config.design import Design
from hwflow.config.folding import Folding, read_folding
from hwflow.errors import ConfigError

_LAYER = '{"op": "Pad", "pe": 1}'


def folding(layers: str, *, version: str = "1") -> str:
    stage = f'{{"name": "stage0", "layers": {{{layers}}}}}'
    return f'{{"schema_version": {version}, "stages": [{stage}]}}'


def read(tmp_path, text: str, name: str = "mine.json") -> Folding:
    path = tmp_path / name
    path.write_text(text)
    return read_folding(path)


def test_json_may_be_indented_by_tabs(tmp_path):
    text = folding(f'"conv1": {_LAYER}').replace(" ", "\n\t")
    assert read(tmp_path, text).stages[0].layers["conv1"].pe == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            folding(f'"conv1": {_LAYER}, "conv1": {_LAYER}'),
            "stages.0.layers.conv1: there twice; keep one",
        ),
        (
            folding('"conv1": {"op": "Pad", "pe": 1, "pe": 2}'),
            "stages.0.layers.conv1.pe: there twice",
        ),
        (folding(f'"conv1": {_LAYER}', version="true"), "schema_version: expected a number"),
        (
            folding('"w": {"op": "Window", "simd": 1, "parallel_window": false}'),
            "stages.0.layers.w.parallel_window: expected a number, got true or false",
        ),
        (folding('"conv1": {"op": "Pad", "pe": 0b11}'), "not a JSON file"),
        (folding('"conv1": {"op": "Pad", "pe": ' + "1" * 5000 + "}"), "digits"),
        ("[" * 100_000, "nested too deep"),
        ('{"stages": ' + "[" * 900 + "]" * 900 + "}", "mine.json: nested too deep"),
    ],
    ids=["layer", "field", "version", "window", "binary", "digits", "deep", "deep and closed"],
)
def test_a_json_file_that_says_something_else_than_it_seems_to(tmp_path, text, told):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert told in str(caught.value)
    assert "mine.json" in str(caught.value)


_DESIGN = "schema_version: 1\nname: d\nboard: pynq-z2\n"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("board: pynq-z1\n", "board: there twice, again at line 4; keep one"),
        ("fill: {lut: 0.5, lut: 0.6}\n", "lut: there twice, again at line 4"),
        ("model: &self\n  kind: *self\n", "within itself"),
        (f"name2: {'[' * 3000}{']' * 3000}\n", "nested too deep"),
        ("name2: 2026-99-99\n", "write the value in quotes"),
        ("\tfill: auto\n", "not a YAML file"),
    ],
    ids=["key", "inner key", "itself", "deep", "no date", "tab"],
)
def test_a_yaml_file_that_cannot_be_meant(tmp_path, more, told):
    path = tmp_path / "design.yaml"
    path.write_text(_DESIGN + more)
    with pytest.raises(ConfigError, match=r"design\.yaml") as caught:
        load(Design, path)
    assert told in str(caught.value)


def test_a_merged_key_may_be_said_again(tmp_path):
    path = tmp_path / "design.yaml"
    path.write_text(_DESIGN + "golden: &a {count: 5, seed: 1}\nfill: auto\n")
    load(Design, path)
    path.write_text("base: &a {count: 5}\nother: {<<: *a, count: 6}\n")
    with pytest.raises(ConfigError, match="unknown key") as caught:
        load(Design, path)
    assert "twice" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            "escalation_rate: 7\n",
            "  escalation_rate: Input should be less than or equal to 1 or 'auto' (got 7)",
        ),
        (
            "retention_frames: many\n",
            "  retention_frames: Input should be a valid integer or 'auto' (got 'many')",
        ),
        ("fill: {lut: 0}\n", "  fill.lut: Input should be greater than 0 (got 0)"),
        ("fill: {luts: 0.5}\n", "  fill.luts: unknown key; did you mean lut? (got 0.5)"),
        (
            "escalation_rates: 0.1\n",
            "  escalation_rates: unknown key; did you mean escalation_rate? (got 0.1)",
        ),
        ("colour: red\n", "  colour: unknown key (got 'red')"),
        (
            "model: {kind: onnx, path: a.onnx, input: {dtyp: int8}}\n",
            "  model.input.dtyp: unknown key; did you mean dtype? (got 'int8')",
        ),
        ("model: {kind: onnx}\n", "  model.path: Field required"),
        (
            "target_ii: 9\ntarget_fps: 9\n",
            "  (top level): target_ii and target_fps exclude each other; keep one",
        ),
    ],
)
def test_each_problem_is_one_plain_line(tmp_path, more, line):
    path = tmp_path / "design.yaml"
    path.write_text(_DESIGN + more)
    with pytest.raises(ConfigError) as caught:
        load(Design, path)
    assert str(caught.value).splitlines()[1:] == [line]


def test_a_value_of_the_command_line_is_told_as_such(tmp_path):
    path = tmp_path / "design.yaml"
    path.write_text(_DESIGN + "burst_frames: 0\n")
    with pytest.raises(ConfigError) as caught:
        load(Design, path, overrides=("fill.lut=-1", "fill.bram=0.5"))
    assert str(caught.value).splitlines()[1:] == [
        "  burst_frames: Input should be greater than or equal to 1 (got 0)",
        "  fill.lut: Input should be greater than 0 (got -1), from --set fill.lut=-1",
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_is_called_so(tmp_path, text):
    path = tmp_path / "design.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"design\.yaml: is empty"):
        load(Design, path)


@pytest.mark.parametrize("value", ["2026-99-99", "[" * 3000, "1" * 5000])
def test_a_value_on_the_command_line_that_is_none(tmp_path, value):
    path = tmp_path / "design.yaml"
    path.write_text(_DESIGN)
    with pytest.raises(ConfigError, match="--set name="):
        load(Design, path, overrides=(f"name={value}",))
