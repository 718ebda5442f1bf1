"""Documents say what the records say."""

import pytest
from conftest import ROOT

from hwflow.bench import train
from hwflow.bench.document import fill
from hwflow.bench.generator import BENCH, SECTIONS
from hwflow.bench.record import Record, read_record
from hwflow.errors import ConfigError

RECORD = ROOT / "builds" / "generator.json"


def test_the_readme_shows_the_record():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    record = read_record(RECORD, BENCH)
    assert set(record.sections) == set(SECTIONS)
    assert fill(text, record, source="README.md") == text


def test_the_training_page_shows_the_record():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    record = read_record(ROOT / "builds" / "train.json", train.BENCH)
    assert set(record.sections) == set(train.SECTIONS)
    assert fill(text, record, source="docs/training.md") == text


def test_an_edited_figure_is_noticed():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    record = read_record(RECORD, BENCH)
    one = record.sections["area"].figures[0]
    changed = one.model_copy(update={"value": one.value + 0.001})
    record.sections["area"] = record.sections["area"].model_copy(update={"figures": (changed,)})
    assert fill(text, record, source="README.md") != text


def test_a_document_without_the_place_is_named():
    with pytest.raises(ConfigError, match=r"x\.md: expected one <!-- generator figures -->"):
        fill("nothing", read_record(RECORD, BENCH), source="x.md")
    with pytest.raises(ConfigError, match="no section area"):
        fill("nothing", Record(bench=BENCH, sections={}), source="x.md")
