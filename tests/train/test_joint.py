"""Joint training: losses, sparsity schedule, removal, resuming, sharing."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
import torch
from tiny import recipe, stage_data
from torch import nn

from hwflow.config.joint import Distillation
from hwflow.data import load
from hwflow.errors import ConfigError
from hwflow.export.scores import score_trained
from hwflow.nets import Form, build
from hwflow.train import TrainOptions, check, read_networks, read_train_result, train
from hwflow.train.finish import Finish
from hwflow.train.joint_fit import distillation
from hwflow.train.pruner import new_pruner, share_removed

pytestmark = pytest.mark.train

OFTEN = TrainOptions(checkpoint_seconds=0)
JOINT = {"epochs": 3, "lr": [0.003, 0.001], "pruning_epochs": 1, "max_shift": 1}
FILTERS = {"kind": "filters", "sparsity": 0.25, "granule": 2}
START = {"kind": "float", "epochs": 1, "lr": 0.003}


def cascade(joint=JOINT, *, first=None, last=None, **changes):
    stages = [
        stage_data(pruning=first),
        stage_data(
            name="stage1",
            net={"name": "vgg_tiny", "features": [8, 16, "pool"]},
            weight_bit_width=8,
            act_bit_width=8,
            training={"epochs": 1, "lr": 0.003, "start": START},
            pruning=last,
        ),
    ]
    return recipe(*stages, joint=joint, **changes)


class InterruptedTrainingError(Exception):
    pass


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pruned")
    told = cascade(first={**FILTERS, "criterion": "l1"}, last=FILTERS)
    return told, folder, train(told, folder)


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.safetensors"))
    }


def test_sparsity_rises_by_the_cube_of_what_is_left():
    assert [share_removed(x) for x in (0, 0.5, 1, 2)] == [0, 0.875, 1, 1]


def test_distillation_is_the_divergence_of_softened_scores():
    logits, teacher = torch.randn(5, 4), 3 * torch.randn(5, 4)
    told = Distillation(weight=0.5, temperature=2.0)
    p = torch.softmax(teacher / 2, dim=1).double().numpy()
    q = torch.softmax(logits / 2, dim=1).double().numpy()
    wanted = 0.5 * 4 * (p * np.log(p / q)).sum(axis=1).mean()
    assert math.isclose(float(distillation(logits, teacher, told)), wanted, rel_tol=1e-5)
    assert float(distillation(teacher, teacher, told)) == pytest.approx(0, abs=1e-6)


def test_filters_go_physically_and_bops_with_them(pruned, tmp_path):
    told, folder, result = pruned
    assert [stage.channels for stage in result.stages] == [(6, 12, 12), (6, 12)]
    shape = (8, 8, 1)
    networks = read_networks(told, folder, shape, 10)
    whole = [build(stage, shape, 10) for stage in told.stages]
    assert networks[0].channels == (6, 12, 12)
    small, large = (sum(c.params for c in net.costs()) for net in (networks[1], whole[1]))
    assert small == 9 * 6 + 9 * 6 * 12 + 12 * 4 * 10 < large


def test_pruned_stages_score_above_guessing(pruned):
    told, folder, result = pruned
    assert all(stage.accuracy.value > 0.25 for stage in result.stages)
    scored = score_trained(told, folder, test=False)
    assert scored.bops[1] == 64 * (9 * 6 * 36 + 9 * 6 * 12 * 16 + 12 * 4 * 10)


def test_interrupted_runs_give_the_weights_of_an_uninterrupted_one(pruned, tmp_path):
    told, folder, _ = pruned
    for name in ("stage0", "stage1"):
        for path in folder.glob(f"{name}.*"):
            shutil.copy(path, tmp_path)
    for stop in (3, 17, 25, 40):
        with pytest.raises(InterruptedTrainingError):
            train(told, tmp_path, options=OFTEN, progress=stop_at(stop))
    train(told, tmp_path, options=OFTEN)
    assert files(tmp_path) == files(folder)


def test_a_kill_while_results_are_written_costs_no_epoch(pruned, tmp_path, monkeypatch):
    told, folder, _ = pruned
    written = []

    def dies_at_the_second(self, stage, *rest, **places):
        if written:
            raise InterruptedTrainingError
        written.append(stage.name)
        return write(self, stage, *rest, **places)

    write = Finish.write
    known = [alone_of(folder, tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(Finish, "write", dies_at_the_second)
        with pytest.raises(InterruptedTrainingError):
            train(told, tmp_path, known=known, options=OFTEN)
    seen = []
    train(told, tmp_path, options=OFTEN, progress=lambda what, *_: seen.append(what))
    assert not [what for what in seen if "epoch 1 of" in what]
    assert files(tmp_path)["joint/stage0.safetensors"] == files(folder)["joint/stage0.safetensors"]


def alone_of(folder, place):
    """Return a folder with the stages of ``folder`` as they were before they trained together."""
    other = place / "alone"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("joint"))
    return other


def test_a_run_goes_on_with_the_masks_it_had(pruned, tmp_path):
    """Interrupted behind the second pruning, at step 16, with the next one at the epoch's end."""
    _, alone, _ = pruned
    told = cascade({**JOINT, "pruning_epochs": 2}, last={**FILTERS, "sparsity": 0.5})
    whole = tmp_path / "whole"
    train(told, whole, known=[alone])
    halted = tmp_path / "halted"
    for stop in (20, 26):
        with pytest.raises(InterruptedTrainingError):
            train(told, halted, options=OFTEN, progress=stop_at(stop), known=[alone])
    train(told, halted, options=OFTEN, known=[alone])
    assert files(halted) == files(whole)


def test_a_stage_of_another_recipe_is_not_taken(pruned, tmp_path, caplog):
    _, folder, _ = pruned
    told = recipe(stage_data(training={"epochs": 1, "lr": 0.001}))
    train(told, tmp_path / "known", known=[folder])
    assert "thrown away" not in caplog.text, "nothing came that had to go"
    train(told, tmp_path / "own")
    name = "stage0.safetensors"
    assert files(tmp_path / "known")[name] == files(tmp_path / "own")[name]
    assert files(tmp_path / "own")[name] != files(folder)[name]


def stop_at(step):
    def progress(what, done, total):
        if "joint" in what and done >= step:
            raise InterruptedTrainingError

    return progress


def test_stages_that_are_the_same_are_taken_from_another_training(pruned, tmp_path, monkeypatch):
    _, folder, _ = pruned
    trained = []
    monkeypatch.setattr(
        "hwflow.train.stage._train_stage",
        lambda recipe, index, *rest: trained.append(recipe.stages[index].name),
    )
    told = cascade({**JOINT, "distillation": {"weight": 0}}, last=FILTERS)
    alone = cascade(None)
    result = train(alone, tmp_path / "alone", known=[folder])
    assert not trained
    assert result.stages[0].key == read_train_result(tmp_path / "alone").stages[0].key
    # Nobody teaches the last stage: it is the same, with a student or without.
    result = train(told, tmp_path / "untaught", known=[folder])
    theirs = (folder / "joint" / "stage1.safetensors").read_bytes()
    assert (tmp_path / "untaught" / result.stages[1].weights).read_bytes() == theirs
    log = (tmp_path / "untaught" / "joint" / "stage0.csv").read_text()
    assert len(log.splitlines()) == 1 + 3
    assert trained == []


def test_a_teacher_that_is_there_keeps_its_log(pruned, tmp_path):
    """It is trained again, only to teach: others may have taken its log by then."""
    told, theirs, _ = pruned
    folder = shutil.copytree(theirs, tmp_path / "copy")
    log = folder / "joint" / "stage1.csv"
    log.write_text("as it was")
    (folder / "joint" / "stage0.json").unlink()

    def stop(what, *_):
        if "train joint: epoch 2 of 3" in what:
            raise InterruptedTrainingError

    with pytest.raises(InterruptedTrainingError):
        train(told, folder, options=OFTEN, progress=stop)
    said = []
    train(told, folder, options=OFTEN, progress=lambda what, *_: said.append(what))
    assert "epoch 2 of 3" in next(what for what in said if "epoch" in what)
    assert log.read_text() == "as it was"
    assert files(folder) == files(theirs)
    assert len((folder / "joint" / "stage0.csv").read_text().splitlines()) == 1 + 3


def test_other_bits_share_the_float_start(tmp_path):
    wide = cascade(None)
    few = cascade(None)
    stage = few.stages[1].at_bits(3, 3)
    few = few.model_copy(update={"stages": (few.stages[0], stage)})
    train(wide, tmp_path / "w8")
    train(few, tmp_path / "shared", known=[tmp_path / "w8"])
    train(few, tmp_path / "own")
    assert (
        files(tmp_path / "shared")["stage1.safetensors"]
        == files(tmp_path / "own")["stage1.safetensors"]
    )
    rows = [(tmp_path / x / "stage1.csv").read_text().splitlines() for x in ("w8", "shared")]
    assert rows[0][1] == rows[1][1], "the float epoch is told as it was"
    assert len(rows[1]) == 1 + 2


def test_the_last_of_three_stages_teaches_both_others(tmp_path):
    told = cascade()
    middle = stage_data(
        name="middle",
        net={"name": "vgg_tiny", "features": [8, "pool"]},
        weight_bit_width=4,
        act_bit_width=4,
    )
    data = told.model_dump(mode="json")
    joint = {**JOINT, "lr": 0.003}
    three = recipe(data["stages"][0], middle, data["stages"][1], joint=joint)
    result = train(three, tmp_path)
    assert [stage.name for stage in result.stages] == ["stage0", "middle", "stage1"]
    taught = len((tmp_path / "joint" / "middle.csv").read_text().splitlines())
    assert taught == 1 + JOINT["epochs"]
    alone = tmp_path / "untaught"
    train(
        three.model_copy(
            update={
                "joint": three.joint.model_copy(update={"distillation": Distillation(weight=0)})
            }
        ),
        alone,
        known=[tmp_path],
    )
    theirs, ours = files(alone), files(tmp_path)
    assert theirs["joint/stage1.safetensors"] == ours["joint/stage1.safetensors"]
    for name in ("stage0", "middle"):
        assert theirs[f"joint/{name}.safetensors"] != ours[f"joint/{name}.safetensors"]


def test_a_stage_of_its_own_stream_stays_the_same_behind_another(tmp_path):
    """What is taken under another name is what training there would come to, byte for byte."""
    first, last = (stage.model_dump(mode="json") for stage in cascade(None).stages)
    last["pruning"] = {**FILTERS, "criterion": "random"}
    between = last | {"name": "between", "weight_bit_width": 4, "act_bit_width": 4, "stream": 1}
    joint = {**JOINT, "lr": 0.003}
    two = recipe(first, last, joint=joint)
    three = recipe(first, between, last | {"name": "last", "stream": 1}, joint=joint)
    train(two, tmp_path / "two")
    train(three, tmp_path / "own")
    result = train(three, tmp_path / "taken", known=[tmp_path / "two"])
    own, taken, of_two = (files(tmp_path / name) for name in ("own", "taken", "two"))
    assert {name: own[name] for name in taken} == taken
    assert {name for name in own if name not in taken} <= {"stage0.start.safetensors"} | {
        f"{name}.start.safetensors" for name in ("between", "last")
    }
    assert own["joint/last.safetensors"] == of_two["joint/stage1.safetensors"]
    assert own["joint/stage0.safetensors"] == of_two["joint/stage0.safetensors"]
    assert own["last.safetensors"] != own["between.safetensors"]
    assert result.stages[2].weights == "joint/last.safetensors"
    assert read_train_result(tmp_path / "taken") == result


def test_zeros_stay_zeros_and_the_shape_stays(tmp_path):
    told = cascade(last={"kind": "weights", "sparsity": 0.5})
    result = train(told, tmp_path)
    assert result.stages[1].channels is None
    network = read_networks(told, tmp_path, (8, 8, 1), 10)[1]
    for unit in [*network.units(), network.classifier]:
        assert float((unit.layer.weight == 0).float().mean()) == pytest.approx(0.5, abs=0.02)


def test_pruner_ends_on_whole_granules_and_never_takes_back():
    told = cascade(last={**FILTERS, "sparsity": 0.3, "granule": 4}).stages[1]
    network = build(told, (8, 8, 1), 10, form=Form.FAST)
    pruner = new_pruner(network, told.pruning, seed=0, where="stages.1")
    before = None
    for share in (0.0, 0.3, 0.7, 1.0):
        with torch.no_grad():  # what matters changes all the time
            for unit in network.units():
                nn.init.normal_(unit.norm.weight)
        pruner.update(share)
        if before is not None:
            assert all((mask <= before[group]).all() for group, mask in pruner.kept.items())
        before = dict(pruner.kept)
    assert pruner.close().channels == (4, 12)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"joint": None, "last": FILTERS}, "stages.1.pruning"),
        ({"joint": {**JOINT, "pruning_epochs": 0}, "last": FILTERS}, "joint.pruning_epochs"),
        ({"joint": {**JOINT, "pruning_epochs": 3}}, "pruning_epochs"),
        ({"joint": {**JOINT, "lr": [0.1]}}, "joint.lr has 1 entries"),
        ({"last": {**FILTERS, "sparsity": [0.5]}}, "pruning.sparsity has 1 entries"),
        ({"first": {"kind": "weights", "sparsity": 0.5}}, "binary"),
        ({"joint": {**JOINT, "max_shift": 8}}, "joint.max_shift"),
    ],
)
def test_what_does_not_fit_is_refused(changes, told):
    with pytest.raises(ConfigError, match=told.replace("[", r"\[")):
        cascade(**changes)


def test_pruning_that_takes_no_filter_is_refused_before_anything_is_trained(tmp_path):
    """stage1 has layers of 8 and 16 filters."""
    told = cascade(last={**FILTERS, "granule": 16})
    with pytest.raises(ConfigError, match=r"stages\.1: pruning: .* widest has 16.* granules of 16"):
        train(told, tmp_path)
    assert not any(tmp_path.iterdir())
    check(cascade(last={**FILTERS, "sparsity": 0.5, "granule": 8}), TrainOptions())
    check(cascade(last={**FILTERS, "sparsity": 0.0}), TrainOptions())


def test_a_residual_sum_keeps_its_channels():
    stage = stage_data(
        net={"name": "resnet8"},
        weight_bit_width=8,
        act_bit_width=8,
        pruning={**FILTERS, "sparsity": [0.5] * 9},
    )
    told = recipe(
        stage, joint={**JOINT, "lr": 0.01}, dataset={"name": "digits", "upscale": 2}
    ).stages[0]
    network = build(told, (16, 16, 1), 10, form=Form.FAST)
    with pytest.raises(ConfigError, match=r"stages.0: pruning.sparsity\[0\].*residual sum"):
        new_pruner(network, told.pruning, seed=0, where="stages.0")


def test_splits_of_a_joint_run_are_recorded(pruned):
    told, folder, result = pruned
    assert result.splits == load(told.dataset).digest
    assert read_train_result(folder) == result
