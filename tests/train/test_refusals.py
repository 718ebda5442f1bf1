"""What cannot be trained is told before anything is; what was trained is not lost unnoticed."""

from __future__ import annotations

import logging
import math
import shutil

import pytest
import torch
from fitting import run, training
from tiny import recipe, stage_data

from hwflow.config.base import parse
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import DeviceKind
from hwflow.errors import ConfigError
from hwflow.train import TrainOptions, check, train
from hwflow.train.checkpoint import last_checkpoint
from hwflow.train.key import differences, hashed, stage_inputs, stage_key
from hwflow.train.launch import float32_in_order
from hwflow.train.state import Settings

pytestmark = pytest.mark.train

NET = {"name": "vgg_tiny", "features": [8, "pool"]}
OFTEN = TrainOptions(checkpoint_seconds=0)
TOLD = recipe(stage_data(net=NET, training={"epochs": 3, "lr": 0.01}))
TWO = recipe(
    stage_data(net=NET, training={"epochs": 2, "lr": 0.01}),
    stage_data(name="stage1", net=NET, training={"epochs": 2, "lr": 0.01}),
)


class StopError(Exception):
    pass


def interrupted(told: Recipe, folder, options=OFTEN, *, step: int = 40, stage: int = 0) -> None:
    def progress(what: str, done: int, total: int) -> None:
        if done == step and what.startswith(f"train stage{stage}"):
            raise StopError

    with pytest.raises(StopError):
        train(told, folder, options=options, progress=progress)


def test_another_number_of_threads_does_not_destroy_an_unfinished_run(tmp_path):
    interrupted(TOLD, tmp_path)
    before = contents(tmp_path)
    other = TrainOptions(threads=2, checkpoint_seconds=0)
    said = r"stage0\.checkpoint\.pt: .*\(threads: 1 there, 2 here\).*.*--out.* delete .*\*"
    with pytest.raises(ConfigError, match=said):
        train(TOLD, tmp_path, options=other)
    assert contents(tmp_path) == before
    steps = []
    train(TOLD, tmp_path, options=OFTEN, progress=lambda *step: steps.append(step[1]))
    assert min(steps) >= 39, "it goes on from where it was"


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def in_stage1(tmp_path_factory):
    """A folder in which stage0 is finished and stage1 is not."""
    folder = tmp_path_factory.mktemp("in_stage1")
    interrupted(TWO, folder, step=20, stage=1)
    return folder


@pytest.fixture
def begun(in_stage1, tmp_path):
    return shutil.copytree(in_stage1, tmp_path / "begun")


def test_another_number_of_threads_does_not_destroy_a_finished_stage(begun):
    before = contents(begun)
    other = TrainOptions(threads=2, checkpoint_seconds=0)
    said = r"stage0\.json: .*\(threads: 1 there, 2 here\).*--out.* delete .*stage0\.json"
    with pytest.raises(ConfigError, match=said):
        train(TWO, begun, options=other)
    assert contents(begun) == before
    (begun / "stage0.json").unlink()  # stage1 is refused before stage0 is trained
    before = contents(begun)
    with pytest.raises(ConfigError, match=r"stage1\.checkpoint\.pt: "):
        train(TWO, begun, options=other)
    assert contents(begun) == before


def test_another_seed_says_which_stages_it_throws_away(begun, caplog):
    finished = (begun / "stage0.safetensors").read_bytes()
    seen = []

    def progress(what: str, done: int, total: int) -> None:
        seen.append(caplog.messages[:])
        raise StopError

    with caplog.at_level(logging.WARNING), pytest.raises(StopError):
        train(TWO.model_copy(update={"seed": 2}), begun, options=OFTEN, progress=progress)
    (results, checkpoint) = seen[0]
    assert results.endswith("trained anew: stage0")
    assert "stage1.checkpoint.pt: " in checkpoint
    assert "(seed: 1 there, 2 here), 1 epochs into its phase 1, is thrown away" in checkpoint
    assert (begun / "stage0.safetensors").read_bytes() == finished


def test_a_changed_stage_leaves_the_others_without_a_word(begun, caplog):
    (_, second) = TWO.stages
    changed = recipe(stage_data(net=NET, training={"epochs": 2, "lr": 0.02}))
    told = TWO.model_copy(update={"stages": (changed.stages[0], second)})
    with caplog.at_level(logging.WARNING):
        interrupted(told, begun, step=10)
    (said,) = caplog.messages
    assert said.endswith("trained anew: stage0")
    steps = []
    train(told, begun, options=OFTEN, progress=lambda *step: steps.append(step))
    assert min(done for what, done, _ in steps if what.startswith("train stage1")) >= 19


def test_a_damaged_checkpoint_is_told_of_once(begun, caplog):
    (begun / "stage1.checkpoint.pt").write_bytes(b"torn")
    steps = []
    with caplog.at_level(logging.WARNING):
        train(TWO, begun, options=OFTEN, progress=lambda *step: steps.append(step[1]))
    (said,) = caplog.messages
    assert "stage1.checkpoint.pt: damaged checkpoint" in said
    assert min(steps) == 18, "it goes on from the one before"


def test_another_recipe_says_what_it_throws_away(tmp_path, caplog):
    interrupted(TOLD, tmp_path)
    changed = recipe(stage_data(net=NET, training={"epochs": 3, "lr": 0.02}))
    with caplog.at_level(logging.WARNING):
        train(changed, tmp_path, options=OFTEN)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "(stage.training.lr: 0.01 there, 0.02 here), 2 epochs into its phase 1" in said


def test_the_same_recipe_goes_on_without_a_word(tmp_path, caplog):
    interrupted(TOLD, tmp_path)
    renamed = TOLD.model_copy(update={"name": "other"})
    with caplog.at_level(logging.WARNING):
        train(renamed, tmp_path, options=OFTEN)
    assert caplog.records == []


def test_differences_name_the_field():
    there = {"seed": 1, "stage": {"net": {"width": 1}, "lr": 0.1}, "device": "cpu"}
    here = {"seed": 2, "stage": {"net": {"width": 1}, "lr": 0.1, "flip": True}, "device": "cpu"}
    assert list(differences(there, here)) == [
        "seed: 1 there, 2 here",
        "stage.flip: not given there, True here",
    ]


def test_the_key_holds_the_data_set():
    other = TOLD.dataset.model_copy(update={"validation": 310})
    again = TOLD.dataset.model_copy(update={"split_seed": 3})
    keys = {
        stage_key(TOLD.model_copy(update={"dataset": dataset}), 0, threads=1)
        for dataset in (TOLD.dataset, other, again)
    }
    assert len(keys) == 3


def version(**changes) -> int:
    data = {"net": NET, "weight_bit_width": 4, "act_bit_width": 4, **changes}
    inputs = stage_inputs(recipe(stage_data(**data)), 0, TrainOptions(), splits=None)
    assert hashed(inputs) == stage_key(recipe(stage_data(**data)), 0, threads=1)
    return inputs["version"]


@pytest.mark.parametrize(
    ("training", "learned", "wanted"),
    [
        ({}, True, 2),
        ({"weight_decay": 0.1}, False, 2),
        ({"weight_decay": 0.1}, True, 3),
        ({"ema_decay": 0.9}, False, 2),
        ({"frozen_epochs": 1}, False, 2),
        ({"frozen_epochs": 1, "ema_decay": 0.9}, False, 3),
        ({"frozen_epochs": 1, "patience": 1}, False, 3),
        ({"precision": "bf16"}, False, 2),
        ({"precision": "bf16"}, True, 3),
    ],
)
def test_only_trainings_that_changed_are_done_again(training, learned, wanted):
    quantisers = {"weight_quantiser": "learned_step", "scale": "float"} if learned else {}
    assert version(training={"epochs": 2, "lr": 0.01, **training}, **quantisers) == wanted


def test_other_steps_of_hwgq_ask_for_new_training():
    assert version(act_quantiser="hwgq") == 3


DIVERGING = {"epochs": 3, "lr": 3e38, "optimiser": {"kind": "sgd"}}


def test_a_diverged_training_is_an_error_and_keeps_its_checkpoint(tmp_path):
    told = recipe(stage_data(net=NET, weight_bit_width=4, act_bit_width=4, training=DIVERGING))
    said = r"stage 'stage0', phase w4a4, epoch 1: the mean loss is nan.*lr \(now 3e\+38\)"
    for _ in range(2):  # again from the checkpoint, which is of a finite loss
        with pytest.raises(ConfigError, match=said):
            train(told, tmp_path, options=OFTEN)
        inputs = stage_inputs(told, 0, OFTEN, splits=None)
        kept = last_checkpoint(tmp_path / "stage0.checkpoint.pt")
        assert kept is not None
        assert kept.key == hashed(inputs)
        assert math.isfinite(kept.content["fit"]["summed"])
    assert not (tmp_path / "stage0.json").exists()


@pytest.mark.slow
def test_an_error_comes_out_of_its_process(tmp_path):
    told = recipe(stage_data(net=NET, weight_bit_width=4, act_bit_width=4, training=DIVERGING))
    with pytest.raises(ConfigError, match=r"epoch 1: the mean loss is nan"):
        train(told, tmp_path, options=TrainOptions(devices=2))


def test_a_huge_loss_is_warned_of(caplog):
    told = training(epochs=2, lr=1000.0, optimiser={"kind": "sgd", "momentum": 0.0})
    with caplog.at_level(logging.WARNING):
        run(Settings(training=told, epochs=2, lr=1000.0, where="stage 'a'"))
    assert "stage 'a', epoch 1: the mean loss is" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        run(Settings(training=training(epochs=1), epochs=1, lr=0.01))
    assert caplog.text == ""


def test_a_later_stage_that_does_not_fit_stops_the_first_one(tmp_path):
    told = recipe(
        stage_data(net=NET), stage_data(name="stage1", net={**NET, "features": [8, "pool"] * 3})
    )
    with pytest.raises(ConfigError, match="stage 'stage1'"):
        train(told, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_check_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check(TOLD, OFTEN)
    assert torch.equal(torch.rand(3), expected)


def flags() -> tuple[bool, ...]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    order = torch.are_deterministic_algorithms_enabled()
    return cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, matmul.allow_tf32, order


def test_a_gpu_computes_float32_in_order_and_the_settings_come_back():
    """What the flags do needs a GPU; that they are set does not."""
    before = flags()
    with float32_in_order(DeviceKind.CUDA):
        assert flags() == (False, False, True, False, True)
    assert flags() == before
    assert before != (False, False, True, False, True)
    with float32_in_order(DeviceKind.CPU):
        assert flags() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_shift": 8}, r"stages\.0\.training\.max_shift = 8: .* 8×8"),
        ({"cutout": 500}, r"stages\.0\.training\.cutout = 500: .* 8×8"),
    ],
)
def test_a_change_leaves_something_of_a_frame(changes, said):
    with pytest.raises(ConfigError, match=said):
        recipe(stage_data(net=NET, training={"epochs": 1, "lr": 0.01, **changes}))
    recipe(stage_data(net=NET, training={"epochs": 1, "lr": 0.01, next(iter(changes)): 7}))


@pytest.mark.parametrize("name", ["train", "run"])
def test_a_stage_is_not_called_as_a_file_of_the_training(name):
    with pytest.raises(ConfigError, match=rf"stages\.0: name: '{name}' is taken"):
        recipe(stage_data(name=name))


def test_as_many_exit_rates_as_decisions():
    stages = [stage_data(), stage_data(name="stage1")]
    rates = {"kind": "exit_rate", "exit_rate": [0.5, 0.5, 0.5]}
    with pytest.raises(ConfigError, match=r"calibration\.exit_rate has 3 entries, .* a list of 1 "):
        recipe(*stages, calibration=rates)
    recipe(*stages, calibration={"kind": "exit_rate", "exit_rate": [0.5]})
    recipe(*stages, calibration={"kind": "exit_rate", "exit_rate": 0.5})


def test_a_translation_of_the_calibration_leaves_something_of_a_frame():
    data = recipe().model_dump(mode="json")
    data["calibration"]["max_shift"] = 8
    with pytest.raises(ConfigError, match=r"calibration\.max_shift = 8"):
        parse(Recipe, data, source="test")
