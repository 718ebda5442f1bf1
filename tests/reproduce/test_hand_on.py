"""Trained parts of a study in its model's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny import recipe, stage_data

from hwflow.errors import ConfigError
from hwflow.reproduce.folder import settle
from hwflow.reproduce.hand_on import hand_on
from hwflow.reproduce.trainings import known_trainings, trainings
from hwflow.train import train

pytestmark = pytest.mark.train

FIRST = {"epochs": 1, "lr": 0.01}
OTHER = {"epochs": 1, "lr": 0.02}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two trainings with nothing in common, and one with joint results."""
    root = tmp_path_factory.mktemp("trained")
    train(recipe(stage_data(training=FIRST)), root / "first")
    train(recipe(stage_data(training=OTHER)), root / "other")
    both = recipe(
        stage_data(training=FIRST),
        stage_data(name="stage1", training=OTHER),
        joint={"epochs": 1, "lr": 0.003},
    )
    train(both, root / "both", known=[root / "first"])
    return root


def kept(model):
    return sorted(str(path.relative_to(model)) for path in model.rglob("*.safetensors"))


def test_two_folders_of_one_name_are_both_there(trained, tmp_path):
    root, model = tmp_path / "out", tmp_path / "model"
    shutil.copytree(trained / "first", root / "seed1" / "separate" / "train")
    shutil.copytree(trained / "other", model / "trained" / "seed1" / "separate")
    size = hand_on(model, root, [1])
    assert kept(model) == [
        "trained/seed1/separate-2/stage0.safetensors",
        "trained/seed1/separate/stage0.safetensors",
    ]
    assert hand_on(model, tmp_path / "none", [1]) == size, "what was there stays"
    assert hand_on(model, root, [1]) == size, "and is there once"


def test_what_is_no_training_stays(trained, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(trained / "first", model / "trained" / "first")
    (model / "trained" / "NOTES.md").write_text("mine")
    hand_on(model, tmp_path / "none", [])
    assert (model / "trained" / "NOTES.md").read_text() == "mine"
    shutil.rmtree(model / "trained")
    (model / "trained").write_text("a file")
    with pytest.raises(ConfigError, match="trained: not a folder; move it away"):
        hand_on(model, tmp_path / "none", [], [trained])
    assert (model / "trained").read_text() == "a file"


def test_junk_beside_trainings_is_no_training(trained, tmp_path):
    place = tmp_path / "joint"
    place.mkdir()
    (place / "x.safetensors").write_text("")
    for name, text in (("number", '{"weights": 5}'), ("list", "[1]"), ("broken", "{")):
        (place / f"{name}.json").write_text(text)
    (place / "folder.json").mkdir()
    assert trainings(tmp_path) == [place]


def test_other_seeds_are_left(trained, tmp_path):
    shutil.copytree(trained / "first", tmp_path / "out" / "seed1" / "separate" / "train")
    with pytest.raises(ConfigError, match="nothing of it is trained yet"):
        hand_on(tmp_path / "model", tmp_path / "out", [2])


def test_a_folder_of_joint_results_belongs_to_its_training(trained):
    assert trainings(trained) == [trained / "both", trained / "first", trained / "other"]
    assert trainings(trained / "both" / "joint") == [trained / "both"]


def test_a_training_may_be_called_joint(trained, tmp_path):
    for name in ("first", "both"):
        own = tmp_path / name / "joint"
        shutil.copytree(trained / name, own)
        assert known_trainings(own) == [own]
        assert known_trainings(tmp_path / name) == [own]


def test_joint_results_alone_are_found_where_they_belong(trained, tmp_path):
    root = tmp_path / "out" / "seed1"
    shutil.copytree(trained / "first", root / "a" / "train")
    shutil.copytree(trained / "both", root / "joint" / "train")
    hand_on(tmp_path / "model", tmp_path / "out", [1])
    place = tmp_path / "model" / "trained"
    assert trainings(place) == [place / "seed1" / "a", place / "seed1" / "joint"]
    size = hand_on(tmp_path / "model", tmp_path / "none", [])
    assert size == sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def test_joint_results_named_themselves_are_taken_with_their_training(trained, tmp_path):
    hand_on(tmp_path / "model", tmp_path / "none", [], [trained / "both" / "joint"])
    assert kept(tmp_path / "model")[0].startswith("trained/both/")


def test_a_misspelt_folder_is_named(trained, tmp_path):
    with pytest.raises(ConfigError, match=r"--known .*nowhere: no trained stages below it"):
        hand_on(tmp_path / "model", trained, [], [trained, tmp_path / "nowhere"])


@pytest.mark.parametrize("killed", ["rename", "rmtree"])
def test_a_kill_loses_nothing(trained, tmp_path, monkeypatch, killed):
    model = tmp_path / "model"
    shutil.copytree(trained / "first", model / "trained" / "first")
    shutil.copytree(trained / "other", tmp_path / "out" / "seed1" / "separate" / "train")
    calls = []

    class KilledError(Exception):
        pass

    def second(*_, **__):
        calls.append(1)
        if len(calls) == 2:
            raise KilledError

    if killed == "rename":
        real = Path.rename

        def rename(self, target):
            second()
            return real(self, target)

        monkeypatch.setattr(Path, "rename", rename)
    else:
        monkeypatch.setattr("hwflow.reproduce.hand_on.shutil.rmtree", second)
    with pytest.raises(KilledError):
        hand_on(model, tmp_path / "out", [1])
    monkeypatch.undo()
    settle(model)
    assert "trained/first/stage0.safetensors" in kept(model)
    hand_on(model, tmp_path / "none", [])
    assert "trained/first/stage0.safetensors" in kept(model)
