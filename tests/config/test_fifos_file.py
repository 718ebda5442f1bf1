"""``fifos.json``: what no FIFO can be is refused, by name."""

from __future__ import annotations

import json

import pytest

from hwflow.config.fifos import MAX_DEPTH_WORDS, load_fifos
from hwflow.errors import ConfigError

FIFO = {"name": "conv_in0_fifo", "depth_words": 4}


def written(folder, *stages):
    told = [{"name": name, "fifos": list(fifos)} for name, fifos in stages]
    file = folder / "mine.json"
    file.write_text(json.dumps({"schema_version": 1, "stages": told}))
    return file


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("depth_words", 0),
        ("depth_words", MAX_DEPTH_WORDS + 1),
        ("bits", -5),
        ("peak_words", -3),
        ("memory", "moon"),
    ],
)
def test_what_no_fifo_can_be(tmp_path, field, value):
    file = written(tmp_path, ("stage0", [FIFO | {field: value}]))
    with pytest.raises(ConfigError, match=rf"mine\.json.*\n.*conv_in0_fifo: {field} is .*{value}"):
        load_fifos(file)


def test_what_is_there_twice(tmp_path):
    with pytest.raises(ConfigError, match="stage stage0: FIFO conv_in0_fifo is there twice"):
        load_fifos(written(tmp_path, ("stage0", [FIFO, FIFO | {"depth_words": 9}])))
    with pytest.raises(ConfigError, match="stage stage0 is there twice"):
        load_fifos(written(tmp_path, ("stage0", [FIFO]), ("stage0", [])))
    assert load_fifos(written(tmp_path, ("stage0", [FIFO]))).stages[0].fifos[0].depth_words == 4
