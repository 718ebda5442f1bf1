"""The link QONNX ↔ FINN graph on a built accelerator."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from hwflow.config.bundle import BUNDLE_FILE, GOLDEN_FILE, sha256
from hwflow.dataflow.verify import verify_graph
from hwflow.errors import ConfigError, VerificationError

pytestmark = pytest.mark.finn


@pytest.fixture
def bundle(tiny_bundle, tmp_path):
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


def edit_bundle(folder, change) -> None:
    path = folder / BUNDLE_FILE
    data = json.loads(path.read_text())
    change(data)
    data["golden_sha256"] = sha256(folder / GOLDEN_FILE)
    path.write_text(json.dumps(data))


def test_every_score_of_every_frame_is_compared(tiny_bundle, tiny_accelerator, frames):
    links = verify_graph(tiny_bundle, tiny_accelerator / "graphs")
    assert [link.link for link in links] == [f"stage{k} qonnx-finn scores" for k in (0, 1)]
    for link in links:
        assert (link.compared, link.mismatches, link.ties) == (len(frames) * 5, 0, 0)


def test_one_wrong_score_names_its_frame(bundle, tiny_accelerator):
    with np.load(bundle / GOLDEN_FILE) as data:
        golden = dict(data)
    golden["scores_1"][7, 3] += 1
    np.savez(bundle / GOLDEN_FILE, **golden)
    edit_bundle(bundle, lambda data: None)
    with pytest.raises(
        VerificationError, match=r"stage1 qonnx-finn scores: 1 of .*first at frame 7"
    ):
        verify_graph(bundle, tiny_accelerator / "graphs")


def test_other_score_scale_is_refused(bundle, tiny_accelerator):
    edit_bundle(bundle, lambda data: data["stages"][1].update(score_scale=0.5))
    with pytest.raises(ConfigError, match="score_scale"):
        verify_graph(bundle, tiny_accelerator / "graphs")


def test_missing_graph_is_named(bundle, tmp_path):
    with pytest.raises(ConfigError, match=r"hardware\.onnx: missing"):
        verify_graph(bundle, tmp_path)
