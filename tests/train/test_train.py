from __future__ import annotations

import os
import re

import pytest
import torch
from tiny import recipe, stage_data

from hwflow.config.base import parse
from hwflow.config.recipe import Recipe
from hwflow.data import load
from hwflow.errors import ConfigError
from hwflow.nets import Form, build
from hwflow.train import (
    TrainOptions,
    TrainResult,
    read_train_result,
    read_weights,
    stage_key,
    to_codes,
    train,
)
from hwflow.train.fit import derive_seed, fixed_threads
from hwflow.train.norms import settle_norms
from hwflow.train.warm_start import from_float

pytestmark = pytest.mark.train

TWO_STAGES = recipe(
    stage_data(
        training={
            "epochs": 3,
            "lr": 0.01,
            "max_shift": 1,
            "start": {"kind": "float", "epochs": 2, "lr": 0.003},
        }
    ),
    stage_data(
        name="stage1",
        net={"name": "vgg_tiny", "features": [8, "pool"]},
        weight_bit_width=8,
        act_bit_width=8,
        training={"epochs": 2, "lr": 0.01},
    ),
)


# Steps of an epoch: 1,137 training frames in batches of 64.
BATCHES = 17
# A checkpoint after every step.
OFTEN = TrainOptions(checkpoint_seconds=0)


class InterruptedTrainingError(Exception):
    pass


def interrupt_at(step: int):
    """Progress that raises once ``step`` steps are done, counted over the stages."""
    seen = set()

    def progress(what: str, done: int, total: int) -> None:
        if done:  # a phase that begins tells where the one before ended
            seen.add((what.partition(":")[0], done))
        if len(seen) == step:
            raise InterruptedTrainingError

    return progress


def weights(folder):
    return [(folder / f"stage{index}.safetensors").read_bytes() for index in range(2)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    steps = []
    result = train(TWO_STAGES, folder, progress=lambda *step: steps.append(step))
    return folder, result, steps


def places(steps):
    """Return (stage, steps done) of each progress."""
    return {(what.partition(":")[0], done) for what, done, _ in steps}


def test_files_and_progress(uninterrupted):
    folder, result, steps = uninterrupted
    assert sorted(path.name for path in folder.iterdir()) == [
        "stage0.csv",
        "stage0.json",
        "stage0.safetensors",
        "stage0.start.csv",
        "stage0.start.json",
        "stage0.start.safetensors",
        "stage1.csv",
        "stage1.json",
        "stage1.safetensors",
        "train.json",
    ]
    done = [(what.partition(",")[0], *count) for what, *count in steps if count[0] == count[1]]
    assert done == [
        ("train stage0: epoch 5 of 5", 5 * BATCHES, 5 * BATCHES),
        ("train stage1: epoch 2 of 2", 2 * BATCHES, 2 * BATCHES),
    ]
    assert re.fullmatch(r"train stage1: epoch 2 of 2, w\da\d, validation \d+\.\d\d%", steps[-1][0])
    for _, done, total in steps:
        assert done <= total
    assert len(places(steps)) == 7 * BATCHES + 2  # with the start of each stage
    assert read_train_result(folder) == result
    assert [stage.name for stage in result.stages] == ["stage0", "stage1"]
    assert [len(stage.losses) for stage in result.stages] == [3, 2]


def test_something_was_learnt(uninterrupted):
    _, result, _ = uninterrupted
    assert result.stages[1].accuracy.value > 0.7  # chance is 0.1
    assert all(stage.losses[-1] < stage.losses[0] for stage in result.stages)


def test_same_seed_same_bytes(uninterrupted, tmp_path):
    train(TWO_STAGES, tmp_path)
    assert weights(tmp_path) == weights(uninterrupted[0])


def test_other_seed_other_weights(uninterrupted, tmp_path):
    train(TWO_STAGES.model_copy(update={"seed": 2}), tmp_path)
    for mine, other in zip(weights(tmp_path), weights(uninterrupted[0]), strict=True):
        assert mine != other


def steps_done(steps):
    """Return how many steps ended, and one for where the run went on from."""
    return len({place for place in places(steps) if place[1] > 0})


# In the middle of an epoch of each phase, at the end of one, in the second stage.
@pytest.mark.parametrize("step", [1, 9, 17, 35, 40, 60, 100])
def test_resume_equals_uninterrupted(uninterrupted, tmp_path, step):
    with pytest.raises(InterruptedTrainingError):
        train(TWO_STAGES, tmp_path, options=OFTEN, progress=interrupt_at(step))
    assert not (tmp_path / "train.json").exists()
    steps = []
    train(TWO_STAGES, tmp_path, options=OFTEN, progress=lambda *seen: steps.append(seen))
    # The interrupted step had no checkpoint yet; not a single other one is done again.
    assert steps_done(steps) <= 7 * BATCHES - step + 2
    assert weights(tmp_path) == weights(uninterrupted[0])
    assert logged(tmp_path) == logged(uninterrupted[0])


def test_a_torn_checkpoint_costs_one_step(uninterrupted, tmp_path):
    with pytest.raises(InterruptedTrainingError):
        train(TWO_STAGES, tmp_path, options=OFTEN, progress=interrupt_at(60))
    torn = tmp_path / "stage0.checkpoint.pt"
    os.truncate(torn, torn.stat().st_size // 2)
    steps = []
    train(TWO_STAGES, tmp_path, options=OFTEN, progress=lambda *seen: steps.append(seen))
    assert steps_done(steps) == 7 * BATCHES - 60 + 3
    assert weights(tmp_path) == weights(uninterrupted[0])
    assert logged(tmp_path) == logged(uninterrupted[0])


def logged(folder):
    """Rows of the logs but for the times."""
    files = [folder / f"stage{index}.csv" for index in range(2)]
    return [[row.split(",")[:5] for row in file.read_text().splitlines()] for file in files]


def test_log_has_a_row_for_each_epoch(uninterrupted):
    first, second = logged(uninterrupted[0])
    assert first[0] == ["epoch", "phase", "lr", "loss", "validation_accuracy"]
    assert [row[:2] for row in first[1:]] == [
        ["1", "float"],
        ["2", "float"],
        ["3", "w1a1"],
        ["4", "w1a1"],
        ["5", "w1a1"],
    ]
    assert [row[:2] for row in second[1:]] == [["1", "w8a8"], ["2", "w8a8"]]
    losses = uninterrupted[1].stages[0].losses
    assert [float(row[3]) for row in first[3:]] == list(losses)


def test_epochs_are_validated_on_validation_frames(uninterrupted):
    """A fraction of 1,137 training frames is one of 300 only for multiples of 379."""
    assert 1137 == 3 * 379
    for rows in logged(uninterrupted[0]):
        for row in rows[1:]:
            right = float(row[4]) * 300
            assert right == pytest.approx(round(right), abs=1e-6)
            assert 0 < right < 300


def test_finished_stages_are_kept(uninterrupted):
    folder, result, _ = uninterrupted
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
    again = train(TWO_STAGES, folder, progress=interrupt_at(1))  # would raise at the first step
    assert again == result
    assert {p.name: p.stat().st_mtime_ns for p in folder.glob("*.safetensors")} == before


def test_changed_stage_alone_is_trained_again(uninterrupted, tmp_path):
    folder, _, _ = uninterrupted
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = TWO_STAGES.model_dump(mode="json")
    data["stages"][1]["training"]["lr"] = 0.02
    data["calibration"]["eps"] = 0.01  # no reason to train
    steps = []
    changed = parse(Recipe, data, source="test")
    train(changed, tmp_path, progress=lambda *step: steps.append(step))
    assert {what.partition(":")[0] for what, _, _ in steps} == {"train stage1"}
    assert weights(tmp_path)[0] == weights(folder)[0]
    assert weights(tmp_path)[1] != weights(folder)[1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("stage0.safetensors", b"x"),
        ("stage0.json", b"{}"),
        ("stage0.checkpoint.pt", b"not a zip file"),
        ("stage0.checkpoint.pt", b""),
    ],
)
def test_damaged_file_is_not_used(uninterrupted, tmp_path, name, content):
    folder, _, _ = uninterrupted
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if name.endswith(".pt"):
        (tmp_path / "stage0.json").unlink()
    (tmp_path / name).write_bytes(content)
    if name.endswith(".safetensors"):
        with pytest.raises(ConfigError, match=name):
            read_train_result(tmp_path)
    train(TWO_STAGES, tmp_path)
    assert weights(tmp_path) == weights(folder)


def test_missing_training_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match=r"train\.json: cannot be read"):
        read_train_result(tmp_path)
    with pytest.raises(ConfigError, match="run `hwflow train`"):
        read_weights(tmp_path / "stage0.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"garbage")
    with pytest.raises(ConfigError, match="not a weight file"):
        read_weights(tmp_path / "bad.safetensors")


def test_weight_file_holds_the_validated_network(uninterrupted):
    folder, result, _ = uninterrupted
    splits = load(TWO_STAGES.dataset)
    for stage, outcome in zip(TWO_STAGES.stages, result.stages, strict=True):
        network = build(stage, splits.frame_shape, 10)
        network.load_state_dict(read_weights(folder / outcome.weights))
        with torch.no_grad():
            scores = network.eval()(to_codes(splits.validation.frames))
        right = (scores.argmax(dim=1).numpy() == splits.validation.labels).mean()
        assert right == outcome.accuracy.value


def test_key_covers_what_decides_the_weights():
    base = stage_key(TWO_STAGES, 0, threads=2)
    assert stage_key(TWO_STAGES, 0, threads=1) != base
    assert stage_key(TWO_STAGES.model_copy(update={"seed": 9}), 0, threads=2) != base
    renamed = TWO_STAGES.model_copy(update={"name": "other"})
    assert stage_key(renamed, 0, threads=2) == base


def test_threads_are_given_back():
    before = torch.get_num_threads()

    def work():
        with fixed_threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise InterruptedTrainingError

    with pytest.raises(InterruptedTrainingError):
        work()
    assert torch.get_num_threads() == before


def test_training_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(recipe(stage_data(training={"epochs": 1, "lr": 0.01})), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_event_files_are_written_where_asked_for(tmp_path):
    options = TrainOptions(tensorboard=True)
    train(recipe(stage_data(training={"epochs": 1, "lr": 0.01})), tmp_path, options=options)
    (events,) = (tmp_path / "tensorboard" / "stage0").iterdir()
    assert b"validation_accuracy" in events.read_bytes()


def test_seeds_of_different_parts_differ():
    seeds = {derive_seed(a, b) for a in range(20) for b in range(20)}
    assert len(seeds) == 400
    assert derive_seed(1, 11) != derive_seed(11, 1)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_settled_norms_have_the_statistics_of_the_data():
    network = build(TWO_STAGES.stages[1], (8, 8, 1), 10)
    codes = torch.randint(0, 256, (256, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    settle_norms(network, [codes.float()])
    unit = next(network.units())
    with torch.no_grad():
        values = unit.layer(codes.float()).double()
    mean = values.mean(dim=(0, 2, 3))
    # Float32 accumulation of the statistics.
    assert torch.allclose(unit.norm.running_mean.double(), mean, rtol=1e-4, atol=1e-3)
    assert not network.training
    assert unit.norm.momentum == 0.1


def test_float_weights_become_latent_binary_ones():
    float_network = build(TWO_STAGES.stages[0], (8, 8, 1), 10, form=Form.FLOAT)
    network = build(TWO_STAGES.stages[0], (8, 8, 1), 10)
    state = float_network.state_dict()
    carried = from_float(state, network)
    network.load_state_dict(carried)
    for name, value in state.items():
        if name.endswith(".weight") and "norm" not in name:
            latent = carried[name]
            assert latent.abs().max() <= 1
            assert torch.equal(latent.sign(), value.sign())
            deviations = value / (2.5 * value.std())
            assert torch.equal(latent, deviations.clamp(-1, 1))
        else:
            assert torch.equal(carried[name], value)


def test_result_schema_refuses_other_keys():
    with pytest.raises(ValueError, match="extra"):
        TrainResult.model_validate({"recipe": "x", "stages": [], "surprise": 1})


def test_a_stage_that_only_guesses_is_told(tmp_path, caplog):
    still = stage_data(training={"epochs": 1, "lr": 1e-12})
    train(recipe(still), tmp_path)
    assert any("hardly more than by guessing" in told for told in caplog.messages)
