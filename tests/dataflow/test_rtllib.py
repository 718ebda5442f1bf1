"""Edits of FINN's RTL library are checked: a changed file stops the build."""

from __future__ import annotations

import pytest

from hwflow.dataflow.rtllib import EDITS, Edit, copy_library
from hwflow.errors import ToolFailedError

EDIT = Edit("a/b.sv", "old text", "new text", "a test needs it")


def library(folder, text):
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b.sv").write_text(text)
    return folder


def test_edit_is_applied_to_the_copy_only(tmp_path):
    source = library(tmp_path / "source", "x old text y")
    copy_library(source, tmp_path / "copy", (EDIT,))
    assert (tmp_path / "copy" / "a" / "b.sv").read_text() == "x new text y"
    assert (source / "a" / "b.sv").read_text() == "x old text y"


@pytest.mark.parametrize("text", ["something else", "old text and old text"])
def test_missing_or_ambiguous_text_is_named(tmp_path, text):
    source = library(tmp_path / "source", text)
    with pytest.raises(ToolFailedError, match=r"a/b\.sv.*'old text'.*a test needs it"):
        copy_library(source, tmp_path / "copy", (EDIT,))


def test_missing_file_is_named(tmp_path):
    (tmp_path / "source").mkdir()
    with pytest.raises(ToolFailedError, match=r"a/b\.sv"):
        copy_library(tmp_path / "source", tmp_path / "copy", (EDIT,))


@pytest.mark.finn
def test_edits_fit_the_installed_library(tmp_path):
    from hwflow.dataflow.finn import _package

    copy_library(_package() / "finn-rtllib", tmp_path / "copy")
    assert len({edit.path for edit in EDITS}) >= 2
