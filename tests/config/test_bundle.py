"""What is refused of a bundle.json that was edited."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import ROOT

from hwflow.config.bundle import BUNDLE_FILE, load_bundle
from hwflow.errors import ConfigError


@pytest.mark.parametrize(("value", "bound"), [(-1, "or equal to 0"), (2**32, "than 4294967296")])
def test_a_threshold_that_its_register_cannot_hold_is_named(tmp_path, value, bound):
    folder = shutil.copytree(ROOT / "models" / "digits_cascade" / "bundle", tmp_path / "bundle")
    load_bundle(folder)
    path = folder / BUNDLE_FILE
    data = json.loads(path.read_text())
    data["policy"]["threshold_int"] = [value]
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=rf"policy\.threshold_int\.0: .*{bound}") as caught:
        load_bundle(folder)
    assert str(path) in str(caught.value)
