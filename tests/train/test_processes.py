"""Training in several processes, and processes that are killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time

import pytest
import torch
from safetensors.torch import load as load_tensors
from tiny import recipe, stage_data

from hwflow.config.recipe import Recipe
from hwflow.config.train_options import DeviceKind
from hwflow.errors import ConfigError
from hwflow.train import TrainOptions, train
from hwflow.train.launch import multiplies_bf16

pytestmark = pytest.mark.train

WIDE = stage_data(
    net={"name": "vgg_tiny", "features": [8, "pool"]},
    weight_bit_width=8,
    act_bit_width=8,
    training={"epochs": 1, "lr": 0.01, "max_shift": 1, "batch_size": 64},
)


def tensors(folder):
    return load_tensors((folder / "stage0.safetensors").read_bytes())


def test_two_processes_train_what_one_does(tmp_path):
    """Compared: the trained weights and statistics, after 17 steps of the same batches.

    Two processes sum a batch's gradients and statistics in another order, so float32's last bits
    differ, and grow with the steps: to 0.00008 of a tensor's deviation at most. Processes that did
    not share statistics differed by 0.04 to 0.36 of it.
    """
    told = recipe(WIDE)
    seen = []
    train(told, tmp_path / "one")
    two = TrainOptions(devices=2)
    train(told, tmp_path / "two", options=two, progress=lambda *step: seen.append(step))
    one, other = tensors(tmp_path / "one"), tensors(tmp_path / "two")
    assert one.keys() == other.keys()
    for name, value in one.items():
        if value.is_floating_point():
            spread = float(value.std()) if value.numel() > 1 else 1.0
            assert float((value - other[name]).abs().max()) < 0.002 * spread, name
    # One process alone would have given the same bits.
    assert any(not torch.equal(value, other[name]) for name, value in one.items())
    assert seen[-1][0].startswith("train stage0: epoch 1 of 1, w")
    assert seen[-1][1:] == (17, 17)
    assert (tmp_path / "two" / "stage0.csv").read_text().count("\n") == 2


@pytest.mark.slow
def test_two_processes_prune_jointly_what_one_does(tmp_path):
    """The same filters go, and the weights differ in last bits alone, as above."""
    pruning = {"kind": "filters", "sparsity": 0.5, "granule": 2}
    joint = {"epochs": 2, "pruning_epochs": 1, "lr": 0.003, "batch_size": 64}
    told = recipe({**WIDE, "pruning": pruning}, {**WIDE, "name": "stage1"}, joint=joint)
    one = train(told, tmp_path / "one")
    two = train(told, tmp_path / "two", options=TrainOptions(devices=2))
    assert [s.channels for s in one.stages] == [s.channels for s in two.stages] == [(4,), None]
    for stage in ("stage0", "stage1"):
        ours, theirs = (
            load_tensors((tmp_path / x / "joint" / f"{stage}.safetensors").read_bytes())
            for x in ("one", "two")
        )
        for name, value in ours.items():
            if value.is_floating_point():
                spread = float(value.std()) if value.numel() > 1 else 1.0
                assert float((value - theirs[name]).abs().max()) < 0.05 * spread, name


@pytest.mark.slow
@pytest.mark.skipif(not multiplies_bf16(), reason="this processor has no bf16")
def test_two_processes_train_in_bf16_on_a_batch_of_an_odd_number(tmp_path):
    """1,137 frames in a batch of 4,096: each process takes 568."""
    training = {"epochs": 2, "lr": 0.01, "batch_size": 4096, "precision": "bf16"}
    told = recipe({**WIDE, "training": training})
    result = train(told, tmp_path, options=TrainOptions(devices=2))
    assert result.stages[0].losses[1] < result.stages[0].losses[0]
    assert all(value.isfinite().all() for value in tensors(tmp_path).values())


def test_a_batch_must_divide_among_the_devices(tmp_path):
    with pytest.raises(ConfigError, match=r"stages\.0\.training\.batch_size: 64 .* 3 devices"):
        train(recipe(WIDE), tmp_path, options=TrainOptions(devices=3))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match=r"torch finds 0 GPU"):
        train(recipe(WIDE), tmp_path, options=TrainOptions(device=DeviceKind.CUDA))


# A float phase, then two quantised ones, one of them with an average and frozen epochs.
KILLED = stage_data(
    weight_bit_width=1,
    act_bit_width=2,
    training={
        "epochs": 3,
        "lr": 0.01,
        "max_shift": 1,
        "start": {"kind": "float", "epochs": 1, "lr": 0.003},
        "lowering": [{"weight_bit_width": 4, "act_bit_width": 4, "epochs": 1, "lr": 0.003}],
        "ema_decay": 0.9,
        "frozen_epochs": 1,
    },
)


def _work(told: Recipe, folder) -> None:
    train(told, folder, options=TrainOptions(checkpoint_seconds=0))


def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path):
    """A checkpoint after every step, so that many kills meet one half written."""
    told = recipe(KILLED)
    # Processes that have imported everything, and not this one's threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hwflow.train.stage"])

    def start(folder):
        process = context.Process(target=_work, args=(told, folder))
        process.start()
        return process

    whole = start(tmp_path / "whole")
    began = time.monotonic()
    whole.join()
    assert whole.exitcode == 0
    seconds = time.monotonic() - began

    draw = random.Random(1)
    kills = 0
    for _ in range(5):
        process = start(tmp_path / "killed")
        process.join(draw.uniform(0.1, 0.6) * seconds)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            assert process.exitcode == -signal.SIGKILL
            kills += 1
    last = start(tmp_path / "killed")
    last.join()
    assert last.exitcode == 0
    assert kills >= 2
    weights = [tmp_path / name / "stage0.safetensors" for name in ("whole", "killed")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    names = [sorted(path.name for path in weight.parent.iterdir()) for weight in weights]
    assert names[0] == names[1], "nothing half written is left"
    assert _logged(weights[0].parent) == _logged(weights[1].parent)


def _logged(folder):
    rows = (folder / "stage0.csv").read_text().splitlines()
    return [row.split(",")[:5] for row in rows]
