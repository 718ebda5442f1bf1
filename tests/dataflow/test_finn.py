"""The FINN session leaves nothing behind: no environment, no stdout, no files, no settings."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from hwflow.dataflow import finn
from hwflow.errors import ToolNotFoundError

pytestmark = pytest.mark.finn


def test_nothing_leaks(tmp_path, capsys):
    environment = dict(os.environ)
    home_had_finn = (Path.home() / ".finn").exists()
    with finn.session(tmp_path / "work") as running:
        import finn.util.settings as holder
        from finn.util.basic import make_build_dir

        assert Path(make_build_dir("x_")).parent == running.build_dir.resolve()
        assert Path(holder.get_settings().finn_rtllib) == running.rtllib.resolve()
        print("a pass that prints")
        logging.getLogger("finn_logger").warning("a pass that warns")
    assert capsys.readouterr().out == ""
    text = running.log.read_text()
    assert "a pass that prints" in text
    assert "a pass that warns" in text
    assert dict(os.environ) == environment
    assert (Path.home() / ".finn").exists() == home_had_finn
    assert holder._SETTINGS is None
    assert not logging.getLogger("finn_logger").handlers


def test_settings_come_back_after_an_error(tmp_path):
    import finn.util.settings as holder

    with pytest.raises(RuntimeError, match="inside"), finn.session(tmp_path / "work"):
        raise RuntimeError("inside")
    assert holder._SETTINGS is None


def test_our_operators_are_registered(tmp_path):
    with finn.session(tmp_path / "work"):
        from finn.custom_op.fpgadataflow.rtl import custom_op

        assert {"HwfXnorMVAU_rtl", "HwfPool_rtl"} <= custom_op.keys()


def test_missing_finn_says_how_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(finn, "find_spec", lambda name: None)
    with (
        pytest.raises(ToolNotFoundError, match=r"finn-plus was not found.*hwflow\[finn\]"),
        finn.session(tmp_path / "work"),
    ):
        pass
