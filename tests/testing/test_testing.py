"""``hwflow.testing``: what a user's test opens, and what it says when something is wrong."""

import importlib.util
import shutil

import numpy as np
import pytest
from small_network import TARGET_II, tamper, write_network

from hwflow.cascade.decision import top2
from hwflow.errors import ConfigError, ToolNotFoundError
from hwflow.simulate.reference import load_reference
from hwflow.testing import Pauses, open_accelerator

pytestmark = [pytest.mark.finn, pytest.mark.sim]


def random_frames(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)


def test_infer_gives_the_integers_of_the_network(small_accelerator):
    frames = random_frames(40)
    result = small_accelerator.infer(frames)
    reference = load_reference(small_accelerator.folder, small_accelerator.design)
    np.testing.assert_array_equal(result.scores, reference.scores(frames)[0])
    label, margin = top2(result.scores)
    np.testing.assert_array_equal(result.label, label)
    np.testing.assert_array_equal(result.margin, margin)
    assert not result.exit_stage.any()


def test_cycles_are_those_of_the_last_run(small_accelerator):
    small_accelerator.infer(random_frames(64))
    cycles = small_accelerator.cycles
    assert cycles.accepted[0] == 0
    assert cycles.total == cycles.finished[-1] + 1
    assert (cycles.latency > 0).all()
    assert cycles.ii <= 1.05 * TARGET_II
    small_accelerator.infer(random_frames(64), pauses=Pauses(0.05, 0.5, 400, 1))
    assert small_accelerator.cycles.total > cycles.total


def test_assert_exact_counts_what_it_compares(small_accelerator):
    assert small_accelerator.assert_exact() == 128 * (5 + 4)
    assert small_accelerator.assert_exact(images=7) == 7 * 9
    assert small_accelerator.assert_exact(images=200, pauses=Pauses(0.1, 0.3, 9, 2)) == 200 * 9
    own = small_accelerator.folder / "bundle"
    assert small_accelerator.assert_exact(own, images=5) == 45
    with pytest.raises(ConfigError, match="expected at least 1"):
        small_accelerator.assert_exact(images=0)


def test_a_tampered_weight_fails_also_beyond_the_golden_frames(small_accelerator, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(small_accelerator.folder, broken)
    tamper(broken)
    with open_accelerator(broken, images=300) as accelerator:
        assert accelerator.from_cache
        with pytest.raises(AssertionError, match=r"golden ↔ stage 0 RTL, scores: .*first at frame"):
            accelerator.assert_exact()


def test_the_same_content_elsewhere_is_not_built_again(small_accelerator, tmp_path):
    model = write_network(tmp_path / "model.onnx")
    with open_accelerator(model, board="pynq-z2", target_ii=TARGET_II) as again:
        assert again.from_cache
        assert again.folder == small_accelerator.folder


def test_a_bundle_is_built_too(small_accelerator):
    bundle = small_accelerator.folder / "bundle"
    with open_accelerator(bundle, board="pynq-z2", target_ii=TARGET_II) as accelerator:
        assert accelerator.folder != small_accelerator.folder
        assert accelerator.design.classes == 5
        accelerator.assert_exact()


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.zeros((2, 8, 8), np.uint8), r"expected bytes of shape \(N, 8, 8, 1\)"),
        (np.zeros((2, 8, 8, 1), np.float32), "got float32"),
        (np.zeros((0, 8, 8, 1), np.uint8), "expected at least one"),
    ],
)
def test_frames_of_another_kind_are_refused(small_accelerator, frames, words):
    with pytest.raises(ConfigError, match=words):
        small_accelerator.infer(frames)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"thresholds": [1, 2, 3]}, "thresholds: expected 0, one per decision of 1 stage.*got 3"),
        ({"stage": 1}, "stage: expected 0 to 0 of 1, got 1"),
        ({"stage": -1}, "stage: expected 0 to 0 of 1, got -1"),
        ({"stage": 99}, "got 99"),
    ],
)
def test_thresholds_and_stages_that_are_not_there_are_refused(small_accelerator, told, words):
    with pytest.raises(ConfigError, match=words):
        small_accelerator.infer(random_frames(2), **told)


def test_few_frames_have_no_ii(small_accelerator):
    pace = small_accelerator.design.stages[0].ii_bound_cycles
    small_accelerator.infer(random_frames(64))
    steady = small_accelerator.cycles.ii
    assert 0.95 * pace <= steady <= 1.05 * pace
    told = []
    for count in range(2, 17):
        small_accelerator.infer(random_frames(count))
        told.append(small_accelerator.cycles.ii)
    assert told[0] is None
    assert set(told) == {None, steady}


def test_what_cannot_be_opened_is_named(small_accelerator, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="nothing there"):
        open_accelerator(tmp_path / "gone.onnx", board="pynq-z2")
    with pytest.raises(ConfigError, match="none of them in it"):
        open_accelerator(tmp_path)
    model = write_network(tmp_path / "model.onnx")
    with pytest.raises(ConfigError, match="needs a board"):
        open_accelerator(model)
    with pytest.raises(ConfigError, match=r"bord: no option; there are board"):
        open_accelerator(model, bord="pynq-z2")
    with pytest.raises(ConfigError, match="takes no build options"):
        open_accelerator(small_accelerator.folder, board="pynq-z2")
    with pytest.raises(ConfigError, match="needs a board"):
        open_accelerator(small_accelerator.folder / "bundle")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "finn" else found(name)
    )
    with pytest.raises(ToolNotFoundError, match=r"'finn' was not found.*hwflow\[finn\]"):
        open_accelerator(model, board="pynq-z2")
