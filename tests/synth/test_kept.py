"""The cache of results: keyed by content, shared by modules that differ in their names alone."""

from __future__ import annotations

import pytest

from hwflow.synth.kept import keep, key, recall

FOUND = ({"LUT2": 3, "RAM32M": 1}, {})


def name_of(module, *, script="synth", version="1", text="module {}; endmodule", memory=b"12"):
    files = {f"rtl/{module}.v": text.format(module).encode(), f"rtl/{module}_rom.dat": memory}
    return key(module, script=f"{script} {module}", version=version, files=files)


def test_modules_that_differ_by_name_share_an_entry():
    assert name_of("stage0_a") == name_of("stage1_bc")


@pytest.mark.parametrize(
    "change",
    [{"script": "other"}, {"version": "2"}, {"text": "module {}(); endmodule"}, {"memory": b"13"}],
)
def test_each_input_changes_the_key(change):
    assert name_of("a", **change) != name_of("a")


def test_what_is_kept_is_recalled(tmp_path, monkeypatch):
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path))
    name = name_of("a")
    assert recall(name) is None
    keep(name, FOUND)
    assert recall(name) == FOUND
    assert [path.name for path in (tmp_path / "synth").iterdir()] == [name]


def test_an_unreadable_entry_counts_as_none(tmp_path, monkeypatch):
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path))
    keep("entry", FOUND)
    (tmp_path / "synth" / "entry").write_text("{")
    assert recall("entry") is None
