"""What several trainings hold, each once, and as good as where it came from."""

from __future__ import annotations

import pytest
from tiny import recipe, stage_data

from hwflow.train import train
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


def test_what_is_damaged_or_half_done_is_left(trainings, tmp_path):
    broken = tmp_path / "broken"
    train(recipe(FIRST, LAST), broken, known=[trainings["alone"]])
    with (broken / "stage1.safetensors").open("ab") as file:
        file.write(b"x")
    (broken / "stage0.json").unlink()
    collect({"x": broken}, tmp_path / "kept")
    assert {name.split(".")[0] for name in names(tmp_path / "kept")} <= {"x/stage0"}
    assert not any(name == "x/stage0.safetensors" for name in names(tmp_path / "kept"))
