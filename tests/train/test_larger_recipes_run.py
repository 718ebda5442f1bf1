"""The recipes of larger sets, with few filters and frames: trained, pruned and exported.

The folders have the publishers' format. What is not made smaller is as the recipe has it: phases,
optimisers, schedules, joint training, pruning, calibration.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import tiny  # noqa: F401, one thread
from conftest import ROOT
from data_files import labelled, write_cifar, write_imagenet, write_tiny
from rich.console import Console

from hwflow.cli.expected import expected
from hwflow.config.base import load
from hwflow.config.bundle import load_bundle
from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import ON_CPU
from hwflow.data.cifar import CIFAR10, CIFAR100
from hwflow.errors import ConfigError
from hwflow.export import export
from hwflow.train import check, read_train_result, train

pytestmark = pytest.mark.train

GOLDEN = 8
BATCH = 32


def write_cifar10(root: Path, patch: pytest.MonkeyPatch) -> None:
    train, test = (labelled(n, 10, (32, 32, 3), n) for n in (60, 20))
    patch.setattr("hwflow.data.CIFAR10", write_cifar(root, train, test, base=CIFAR10))


def write_cifar100(root: Path, patch: pytest.MonkeyPatch) -> None:
    train, test = (labelled(n, 100, (32, 32, 3), n) for n in (60, 10))
    patch.setattr("hwflow.data.CIFAR100", write_cifar(root, train, test, base=CIFAR100))


def write_tiny_imagenet(root: Path, patch: pytest.MonkeyPatch) -> None:
    wnids = tuple(f"n{number:08d}" for number in range(200))
    known = write_tiny(root, wnids=wnids, train_each=2, test_each=1)
    patch.setattr("hwflow.data.TINY_IMAGENET", known)


def write_three_classes(root: Path, _: pytest.MonkeyPatch | None = None) -> None:
    write_imagenet(root / "imagenet", classes=("n01", "n02", "n03"))


@dataclass(frozen=True)
class Case:
    """What is made smaller, and what has to come of it.

    ``widths``: of each stage's network. ``phases``: of each stage alone, and ``joint`` of both
    together, an epoch each. ``channels``: outputs left of each stage's layers; none where no filter
    is removed. ``weights``: of the networks as they are, with so many ``classes``.
    """

    write: Callable[[Path, pytest.MonkeyPatch], None]
    widths: tuple[float, float]
    changes: tuple[str, ...]
    classes: int
    frame_shape: tuple[int, int, int]
    phases: tuple[list[str], list[str]]
    joint: list[str]
    channels: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    weights: tuple[int, int]


CASES = {
    "cifar10": Case(
        write_cifar10,
        widths=(0.125, 0.25),
        changes=("dataset.validation=10",),
        classes=10,
        frame_shape=(32, 32, 3),
        phases=(["float", "w1a1"], ["float", "w8a8"]),
        joint=["prune", "tune"],
        channels=((6, 6, 12, 12, 24, 24, 48, 48), (6, 6, 12, 12, 24, 24)),
        weights=(1_542_848, 307_040),
    ),
    "cifar100": Case(
        write_cifar100,
        widths=(0.0625, 0.25),
        changes=("dataset.validation=10",),
        classes=100,
        frame_shape=(32, 32, 3),
        phases=(["float", "w4a1"], ["float", "w8a8"]),
        joint=["prune", "tune"],
        channels=((6, 6, 12, 12, 24, 24, 24), None),
        weights=(8_820_096, 1_092_960),
    ),
    "tiny_imagenet": Case(
        write_tiny_imagenet,
        widths=(0.125, 0.125),
        changes=("dataset.validation=200",),
        classes=200,
        frame_shape=(64, 64, 3),
        phases=(["float", "w8a2"], ["float", "w8a8"]),
        joint=["joint"],
        channels=(None, None),
        weights=(2_841_440, 11_261_632),
    ),
    "imagenet": Case(
        write_three_classes,
        widths=(0.125, 0.125),
        changes=("dataset.validation=10", "dataset.size=64", "dataset.resize=73"),
        classes=3,
        frame_shape=(64, 64, 3),
        phases=(["float", "w8a2"], ["float", "w8a8"]),
        joint=["joint"],
        channels=(None, None),
        weights=(11_168_448, 11_168_448),
    ),
}


def recipe_file(name: str) -> Path:
    return ROOT / "models" / f"{name}_cascade" / "recipe.yaml"


def smaller(name: str) -> tuple[str, ...]:
    """Return what is set for few filters, frames and epochs."""
    case, told = CASES[name], load(Recipe, recipe_file(name))
    changes = [f"joint.epochs={len(case.joint)}", f"joint.batch_size={BATCH}"]
    if told.prunes:
        changes.append("joint.pruning_epochs=1")
    for index, (stage, width) in enumerate(zip(told.stages, case.widths, strict=True)):
        training = f"stages.{index}.training"
        changes += [
            f"stages.{index}.net.width={width}",
            f"{training}.epochs=1",
            f"{training}.start.epochs=1",
            f"{training}.batch_size={BATCH}",
        ]
        if stage.training.schedule.warmup_epochs:
            changes.append(f"{training}.schedule.warmup_epochs=0.5")
        if stage.pruning is not None:
            changes.append(f"stages.{index}.pruning.granule=2")
    return (*changes, f"golden_frames={GOLDEN}", *case.changes)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data root, and a cache of the test's own."""
    monkeypatch.setenv("HWFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def phases_of(file: Path) -> list[str]:
    with file.open() as lines:
        return [row["phase"] for row in csv.DictReader(lines)]


def check_training(name: str, told: Recipe, folder: Path) -> None:
    case, result = CASES[name], read_train_result(folder)
    assert [stage.channels for stage in result.stages] == list(case.channels)
    assert result.stages[0].weights == "joint/stage0.safetensors"
    for stage, phases in zip(told.stages, case.phases, strict=True):
        assert phases_of(folder / f"{stage.name}.csv") == phases
        assert phases_of(folder / "joint" / f"{stage.name}.csv") == case.joint


def check_bundle(name: str, folder: Path) -> None:
    case, bundle = CASES[name], load_bundle(folder)
    assert bundle.name == f"{name}_cascade"
    assert bundle.input.shape == case.frame_shape
    assert len(bundle.classes) == case.classes
    assert len(bundle.exactness) == 4
    assert all(link.compared and not link.mismatches for link in bundle.exactness)
    for stage, channels in zip(bundle.stages, case.channels, strict=True):
        assert (stage.pruned > 0.3) == (channels is not None)
    with np.load(folder / "golden.npz") as golden:
        for stage in range(2):
            assert golden[f"scores_{stage}"].shape == (GOLDEN, case.classes)


@pytest.mark.parametrize(
    "name", ["cifar10", "cifar100", pytest.param("tiny_imagenet", marks=pytest.mark.slow)]
)
def test_trains_jointly_and_exports(name, root, tmp_path, monkeypatch):
    CASES[name].write(root, monkeypatch)
    told = load(Recipe, recipe_file(name), overrides=smaller(name))
    data = DataRoot(root)
    train(told, tmp_path / "train", data=data)
    check_training(name, told, tmp_path / "train")
    export(told, tmp_path / "train", tmp_path / "bundle", data=data)
    check_bundle(name, tmp_path / "bundle")


@pytest.mark.slow
def test_imagenet_by_the_command_line(root, tmp_path, monkeypatch, hwflow):
    CASES["imagenet"].write(root, monkeypatch)
    changes = [word for change in smaller("imagenet") for word in ("--set", change)]
    path, out, data = recipe_file("imagenet"), tmp_path / "train", ("--data", root)
    done = hwflow("train", path, *changes, *data, "--threads", 1, "--out", out)
    assert done.code == 0, done.err
    check_training("imagenet", load(Recipe, path, overrides=smaller("imagenet")), out)
    done = hwflow("export", out, *data, "--out", tmp_path / "bundle")
    assert done.code == 0, done.err
    check_bundle("imagenet", tmp_path / "bundle")


@pytest.mark.parametrize("name", CASES)
def test_every_phase_fits_the_frames_as_they_are(name):
    check(load(Recipe, recipe_file(name)), ON_CPU)


@pytest.mark.parametrize("name", CASES)
def test_names_the_hardware_to_expect(name, root):
    target, few = 5_000_000, ()
    if name == "imagenet":
        write_three_classes(root)
        few = ("dataset.validation=10",)
    told = load(Recipe, recipe_file(name), overrides=few)
    found, table = expected(told, DataRoot(root), target)
    console = Console(file=StringIO(), width=80)
    console.print(table)
    shown = console.file.getvalue()
    assert tuple(stage["params"] for stage in found["stages"]) == CASES[name].weights
    for stage in found["stages"]:
        assert all(f"{stage[figure]:,} " in shown for figure in ("macs", "bops", "weight_bits"))
        assert target / 5 < stage["cycles"] <= target
        # No weight lies outside the fabric: 36,864 bits a BRAM36, 64 a LUT.
        assert stage["bram36"] * 36_864 + stage["lut"] * 64 > stage["weight_bits"]
    first, last = (stage["bops"] for stage in found["stages"])
    assert first < last / 5


def test_a_folder_of_pictures_says_how_many_classes_so_its_absence_is_told(root):
    root.mkdir()
    with pytest.raises(ConfigError, match=r"ImageNet: not found; .*--data"):
        expected(load(Recipe, recipe_file("imagenet")), DataRoot(root), 5_000_000)


def test_hardware_that_cannot_be_so_fast_is_told_with_the_layer(root):
    write_three_classes(root)
    told = load(Recipe, recipe_file("imagenet"), overrides=("dataset.validation=10",))
    with pytest.raises(ConfigError, match=r"--target-ii 60000: stage stage0: layer conv0: .*68644"):
        expected(told, DataRoot(root), 60_000)
