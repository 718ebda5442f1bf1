from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import torch
from fitting import StopError, network, run, training

from hwflow.config import durable
from hwflow.log import silent
from hwflow.train.checkpoint import last_checkpoint, remove_checkpoints, write_checkpoint
from hwflow.train.files import write_atomic
from hwflow.train.history import History
from hwflow.train.state import FitState, Settings
from hwflow.train.watch import StageWatcher

pytestmark = pytest.mark.train


def checkpoint(number: int):
    return {"number": number, "tensor": torch.full((5000,), float(number))}


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "stage0.checkpoint.pt"
    for number in (1, 2):
        write_checkpoint(path, checkpoint(number))
    return path


def number(path: Path) -> int | None:
    found = last_checkpoint(path)
    return None if found is None else found.content["number"]


def test_the_last_one_counts(path):
    assert number(path) == 2
    assert torch.equal(last_checkpoint(path).content["tensor"], checkpoint(2)["tensor"])


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_torn_one_falls_back_to_the_one_before(path, part, caplog):
    os.truncate(path, int(part * path.stat().st_size))
    with caplog.at_level(logging.WARNING):
        assert number(path) == 1
    assert f"{path}: damaged checkpoint" in caplog.text


def test_a_flipped_bit_of_a_tensor_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)  # which does not notice; else our check can go
    assert number(path) == 1


def test_killed_between_both_renames(path):
    path.unlink()
    assert number(path) == 1


def test_a_damaged_one_does_not_take_the_place_of_the_one_before(path, monkeypatch):
    os.truncate(path, path.stat().st_size // 2)
    assert number(path) == 1

    def killed(part, path):
        raise StopError

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", killed)
        with pytest.raises(StopError):
            write_checkpoint(path, checkpoint(3))
    assert number(path) == 1
    write_checkpoint(path, checkpoint(3))
    assert number(path) == 3
    os.truncate(path, 0)
    assert number(path) == 1


def test_the_next_one_is_on_the_disk_before_the_last_one_moves(path, monkeypatch):
    told = []
    force, replace = durable.force, Path.replace

    def forced(path):
        told.append(("force", path.name))
        force(path)

    def replaced(self, target):
        told.append(("rename", self.name))
        return replace(self, target)

    monkeypatch.setattr(durable, "force", forced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_checkpoint(path, checkpoint(3))
    part = f"{path.name}.part"
    assert told[:2] == [("force", part), ("rename", path.name)]
    assert told[-2:] == [("rename", part), ("force", path.parent.name)]
    assert number(path) == 3


def test_none_is_left_where_both_are_damaged(path):
    for file in path.parent.iterdir():
        file.write_bytes(b"torn")
    assert number(path) is None


def test_both_are_removed(path):
    remove_checkpoints(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_checkpoint(path, checkpoint(1)),
        lambda path: write_atomic(path, b"content"),
    ],
)
def test_bytes_reach_the_disk_before_the_name_and_the_name_after(tmp_path, monkeypatch, write):
    told = []
    fsync, replace = os.fsync, Path.replace

    def forced(handle):
        told.append(("force", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def replaced(self, target):
        told.append(("rename", Path(target).name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", forced)
    monkeypatch.setattr(Path, "replace", replaced)
    write(tmp_path / "file")
    assert told == [("force", "file.part"), ("rename", "file"), ("force", tmp_path.name)]


TOLD = training()
SETTINGS = Settings(training=TOLD, epochs=TOLD.epochs, lr=TOLD.lr)


def watcher(folder: Path, seconds: float) -> StageWatcher:
    return StageWatcher(
        stage="stage0",
        inputs={"stage": "a recipe's"},
        path=folder / "stage0.checkpoint.pt",
        names=["w1a1"],
        epochs=[TOLD.epochs],
        batches=6,
        frames=96,
        histories=[History(folder, "stage0", position=0, epochs=0, tensorboard=False)],
        seconds=seconds,
        progress=silent,
    )


@pytest.mark.parametrize(("seconds", "written"), [(0.0, 18), (30.0, 1)])
def test_short_epochs_share_a_checkpoint(tmp_path, monkeypatch, seconds, written):
    """Three epochs of six steps of milliseconds, and checkpoints that take a second."""
    count, clock = [], [0.0]

    def now():
        clock[0] += 0.001
        return clock[0]

    monkeypatch.setattr("hwflow.train.watch.time.monotonic", now)

    def slow(path, content):
        count.append(content["fit"]["epoch"])
        write_checkpoint(path, content)
        clock[0] += 1.0

    monkeypatch.setattr("hwflow.train.watch.write_checkpoint", slow)
    run(SETTINGS, watch=watcher(tmp_path, seconds))
    assert len(count) == written


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    """Those of a last step: their loss is not computed yet."""
    path = tmp_path / "stage0.checkpoint.pt"
    state, watch = FitState(network(), SETTINGS), watcher(tmp_path, 0.0)
    watch.after_step(state)
    saved = path.read_bytes()
    with torch.no_grad():
        state.network[-1].weight[1, 2] = float("nan")
    state.batch = 1
    watch.after_step(state)
    assert path.read_bytes() == saved
    with torch.no_grad():
        state.network[-1].weight[1, 2] = 0.0
    watch.after_step(state)
    assert last_checkpoint(path).content["fit"]["batch"] == 1
