"""What several trainings hold, each once, and as good as where it came from."""

from __future__ import annotations

import shutil

import pytest
from tiny import recipe, stage_data

from hwflow.train import TrainOptions, train
from hwflow.train.collect import collect

pytestmark = pytest.mark.train

START = {"kind": "float", "epochs": 1, "lr": 0.01}
FIRST = stage_data(
    weight_bit_width=8, act_bit_width=8, training={"epochs": 1, "lr": 0.01, "start": START}
)
LAST = stage_data(name="stage1", training={"epochs": 1, "lr": 0.02})
JOINT = {"epochs": 1, "lr": 0.003}


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """One recipe alone, and the same trained on together."""
    root = tmp_path_factory.mktemp("trainings")
    found = {"alone": root / "alone", "together": root / "together"}
    train(recipe(FIRST, LAST), found["alone"])
    train(recipe(FIRST, LAST, joint=JOINT), found["together"], known=[found["alone"]])
    return found


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_result_is_there_once(trainings, tmp_path):
    size = collect(trainings, tmp_path)
    kinds = (".csv", ".json", ".safetensors")
    alone = [f"alone/{name}" for name in ("stage0", "stage0.start", "stage1")]
    together = [f"together/joint/{name}" for name in ("stage0", "stage1")]
    assert names(tmp_path) == sorted(x + kind for x in (*alone, *together) for kind in kinds)
    assert size == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())


def test_nothing_is_trained_again_from_a_collection(trainings, tmp_path):
    collect(trainings, tmp_path / "kept")
    said = []
    known = [tmp_path / "kept" / name for name in trainings]
    told = train(
        recipe(FIRST, LAST, joint=JOINT),
        tmp_path / "new",
        known=known,
        progress=lambda what, *_: said.append(what),
    )
    assert not any("epoch" in what for what in said)
    for stage in told.stages:
        theirs = trainings["together"] / stage.weights
        assert (tmp_path / "new" / stage.weights).read_bytes() == theirs.read_bytes()


def test_a_start_is_taken_for_other_bits(trainings, tmp_path):
    collect(trainings, tmp_path / "kept")
    said = []
    train(
        recipe(FIRST | {"weight_bit_width": 4, "act_bit_width": 4}),
        tmp_path / "new",
        known=[tmp_path / "kept" / "alone"],
        progress=lambda what, *_: said.append(what),
    )
    assert any("epoch 2 of 2" in what for what in said)
    assert not any("epoch 1 of 2" in what for what in said)


class StopError(Exception):
    """In the middle of a training."""


def stopped(told, folder, at, **more):
    """Train until the progress says ``at``."""

    def stop(what, *_):
        if at in what:
            raise StopError

    with pytest.raises(StopError):
        train(told, folder, options=TrainOptions(checkpoint_seconds=0), progress=stop, **more)


def weights(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.safetensors"))
        if not path.stem.endswith(".start")
    }


def rows(path):
    """The log without wall times."""
    return [row.split(",")[:5] for row in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("at", "log"),
    [
        ("train stage0: epoch 2 of 2", "stage0.csv"),
        ("train stage1: epoch 3 of 3", "stage1.csv"),
        ("train joint: epoch 2 of 2", "joint/stage1.csv"),
    ],
)
def test_what_was_interrupted_goes_on_elsewhere(tmp_path, at, log):
    told = recipe(
        FIRST, LAST | {"training": {"epochs": 3, "lr": 0.02}}, joint=JOINT | {"epochs": 2}
    )
    train(told, tmp_path / "whole")
    stopped(told, tmp_path / "stopped", at)
    collect({"stopped": tmp_path / "stopped"}, tmp_path / "kept")
    said = []
    train(
        told,
        tmp_path / "other",
        known=[tmp_path / "kept" / "stopped"],
        progress=lambda what, *_: said.append(what),
    )
    assert next(what for what in said if "epoch" in what).startswith(at)
    assert weights(tmp_path / "other") == weights(tmp_path / "whole")
    assert rows(tmp_path / "other" / log) == rows(tmp_path / "whole" / log)


def test_the_furthest_run_is_taken_ones_own_among_them(tmp_path):
    told = recipe(LAST | {"training": {"epochs": 3, "lr": 0.02}})
    for epoch in (2, 3):
        stopped(told, tmp_path / str(epoch), f"epoch {epoch} of 3")
    both = [tmp_path / "2", tmp_path / "3"]
    collect({"less": both[0], "more": both[1]}, tmp_path / "kept")
    assert [path.parent.name for path in (tmp_path / "kept").rglob("*.pt")] == ["more"]
    shutil.copytree(both[1], tmp_path / "own")
    for name, known, first in (
        ("new", both, "epoch 3"),
        ("own", both[:1], "epoch 3"),
        ("2", both[1:], "epoch 3"),
    ):
        said = []
        train(told, tmp_path / name, known=known, progress=lambda what, *_, s=said: s.append(what))
        assert first in next(what for what in said if "epoch" in what)


def test_a_run_of_another_recipe_is_not_taken(tmp_path):
    stopped(recipe(LAST | {"training": {"epochs": 3, "lr": 0.02}}), tmp_path / "a", "epoch 3 of 3")
    said = []
    train(
        recipe(LAST), tmp_path / "b", known=[tmp_path / "a"], progress=lambda w, *_: said.append(w)
    )
    assert any("epoch 1 of 1" in what for what in said)


def test_a_run_that_another_has_finished_is_left(trainings, tmp_path):
    told = recipe(FIRST, LAST)
    stopped(told, tmp_path / "stopped", "train stage1: epoch 1 of 1")
    (tmp_path / "stopped" / "stage0.checkpoint.pt").unlink(missing_ok=True)
    collect({"a": tmp_path / "stopped", "b": trainings["alone"]}, tmp_path / "kept")
    assert not list((tmp_path / "kept").rglob("*.pt"))
    assert (tmp_path / "kept" / "b" / "stage1.safetensors").is_file()


def test_what_is_damaged_or_half_done_is_left(trainings, tmp_path):
    broken = tmp_path / "broken"
    train(recipe(FIRST, LAST), broken, known=[trainings["alone"]])
    with (broken / "stage1.safetensors").open("ab") as file:
        file.write(b"x")
    (broken / "stage0.csv").unlink()
    (broken / "stage0.start.csv").unlink(missing_ok=True)
    assert collect({"x": broken}, tmp_path / "kept") == 0
    said = []
    train(
        recipe(FIRST, LAST),
        tmp_path / "new",
        known=[broken],
        progress=lambda what, *_: said.append(what),
    )
    assert {what.split(":")[0] for what in said if "epoch" in what} == {
        "train stage0",
        "train stage1",
    }
