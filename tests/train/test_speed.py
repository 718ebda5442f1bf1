"""The contestants of the speed bench: each trains, in its precision, as the recipe says."""

from __future__ import annotations

import pytest
import torch
from tiny import stage

from hwflow.train import launch
from hwflow.train.speed import contestants, measure, random_data

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def bf16_on_every_processor(monkeypatch):
    """However slow it is there."""
    monkeypatch.setattr(launch, "multiplies_bf16", lambda: True)


SHAPE = (8, 8, 1)
TOLD = {
    "epochs": 2,
    "batch_size": 8,
    "lr": 0.05,
    "weight_decay": 0.01,
    "max_shift": 1,
    "flip": True,
    "cutout": 3,
    "label_smoothing": 0.1,
    "optimiser": {"kind": "sgd", "momentum": 0.9, "nesterov": True},
    "schedule": {"kind": "step", "milestones": [1]},
}


def running(**changes):
    recipe = stage(
        net={"name": "vgg_tiny", "features": [8, "pool"], "hidden": [8]},
        weight_bit_width=4,
        act_bit_width=4,
        training={**TOLD, **changes},
    )
    return contestants(recipe, SHAPE, random_data(SHAPE, 24))


def weights(contestant):
    return {name: p.detach().clone() for name, p in contestant.network.named_parameters()}


@pytest.mark.parametrize("precision", ["bf16", "float32"])
def test_each_contestant_trains_in_its_precision(precision):
    ours = torch.bfloat16 if precision == "bf16" else torch.float32
    wanted = dict.fromkeys(["ours_float32", "brevitas", "float"], torch.float32)
    for name, one in running(precision=precision).items():
        before, types = weights(one), set()
        for norm in (unit.norm for unit in one.network.units()):
            norm.register_forward_pre_hook(
                lambda _, inputs, types=types: types.add(inputs[0].dtype)
            )
        one.epoch()
        after = weights(one)
        assert types == {wanted.get(name, ours)}, name
        assert all(not torch.equal(after[key], value) for key, value in before.items()), name
        assert all(value.dtype == torch.float32 for value in after.values()), name


def test_the_plain_loop_trains_as_ours_does():
    """Equal weights bit by bit, so the same augmentation, loss, optimiser and rate."""
    found = running()
    for name in ("ours_float32", "brevitas"):
        found[name].epoch()
    ours, plain = weights(found["ours_float32"]), weights(found["brevitas"])
    assert ours.keys() == plain.keys()
    assert all(torch.equal(value, plain[name]) for name, value in ours.items())


def test_speeds_are_those_of_each_contestant():
    recipe = stage(training={**TOLD, "ema_decay": 0.9, "precision": "bf16"})
    found = measure(recipe, SHAPE, threads=1, steps=1, rounds=1)
    assert min(vars(found).values()) > 0
    # One round, so that medians are its own figures.
    assert found.over_brevitas == pytest.approx(found.ours / found.brevitas)
    assert found.over_brevitas_float32 == pytest.approx(found.ours_float32 / found.brevitas)
    assert found.over_float == pytest.approx(found.ours / found.float_)
