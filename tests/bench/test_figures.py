"""A figure holds where its goal says so, and records keep what they had."""

import pytest

from hwflow.bench import generator
from hwflow.bench.figures import figure
from hwflow.bench.generator import Bench, Result
from hwflow.bench.record import Record, read_record, write_record
from hwflow.bench.sections import measure
from hwflow.errors import ConfigError


@pytest.mark.parametrize(
    ("goal", "value", "holds"),
    [
        (("≤", 1.02), 1.02, True),
        (("≤", 1.02), 1.0201, False),
        (("≥", 5), 5, True),
        (("≥", 5), 4.99, False),
        (("=", 0), 1, False),
        (None, 3, None),
    ],
)
def test_goals(goal, value, holds):
    found = figure("x", value, "s", provenance="measured", goal=goal)
    assert found.holds is holds
    assert found.goal == (None if goal is None else f"{goal[0]} {goal[1]:g}")


def test_sections_are_recorded_one_by_one(tmp_path, monkeypatch):
    def section(value):
        return lambda _bench: Result((figure("x", value, "s", provenance="measured"),))

    monkeypatch.setattr(generator, "SECTIONS", {"a": section(1), "b": section(2)})
    file = tmp_path / "deep" / "record.json"
    bench = Bench(builds=tmp_path, root=tmp_path)
    generator.run(bench, file)
    monkeypatch.setattr(generator, "SECTIONS", {"a": section(3), "b": section(4)})
    generator.run(bench, file, only=["b"])
    found = read_record(file, "generator")
    assert {name: one.figures[0].value for name, one in found.sections.items()} == {"a": 1, "b": 4}
    assert found.sections["b"].command == "hwflow bench generator --only b"


def untouched(_progress):
    raise AssertionError("measured in vain")


@pytest.mark.parametrize(
    ("record", "out", "told"),
    [
        ("folder", "out", r"folder: a folder; name a file with --record"),
        ("file/record.json", "out", r"file: cannot be written .*--record"),
        ("record.json", "file/deep", r"deep: cannot be written .*--out"),
        ("other.json", "out", r"other.json: holds what `hwflow bench other` measured.*--record"),
        ("file", "out", r"delete it, or name another file with --record"),
    ],
)
def test_places_are_tried_before_anything_is_measured(tmp_path, record, out, told):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("{")
    write_record(Record(bench="other", sections={}), tmp_path / "other.json")
    with pytest.raises(ConfigError, match=told):
        measure("x", {"a": untouched}, tmp_path / record, out=tmp_path / out)
    assert (tmp_path / "file").read_text() == "{"


def test_what_is_not_there_is_named(tmp_path):
    bench = Bench(builds=tmp_path, root=tmp_path)
    with pytest.raises(ConfigError, match="no section 'speed'; there are pace, area"):
        generator.run(bench, tmp_path / "record.json", only=["speed"])
    with pytest.raises(ConfigError, match=r"design\.yaml: not found.*--builds"):
        bench.design("cnv")
