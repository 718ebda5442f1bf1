"""``hwflow data``, and ``--data`` of the commands that read a data set."""

from __future__ import annotations

import os

import pytest
from conftest import RECIPE
from data_files import cache, write_imagenet  # noqa: F401

SMALL = ("--set", "dataset.size=16", "--set", "dataset.validation=10")

PETS = """
schema_version: 1
name: pets
seed: 0
dataset: {name: imagenet, folder: pets, size: 16, validation: 10}
stages:
  - name: only
    net: {name: vgg_tiny, features: [8, pool]}
    weight_bit_width: 8
    act_bit_width: 8
    training: {epochs: 1, batch_size: 4, lr: 0.01}
"""


def test_digits_need_no_files(hwflow):
    done = hwflow("data", "digits", "--json")
    assert done.code == 0, done.err
    assert done.data["frame_shape"] == [16, 16, 1]
    assert [part["n"] for part in done.data["splits"]] == [1137, 300, 360]
    assert sum(done.data["splits"][2]["per_class"]) == 360
    assert done.data["sources"] == []


def test_a_recipe_names_its_data_set(hwflow):
    done = hwflow("data", RECIPE, "--set", "dataset.upscale=1")
    assert done.code == 0, done.err
    assert "digits: frames of 8×8×1" in done.out
    assert "embedded in scikit-learn" in done.out


def test_a_folder_of_pictures(hwflow, tmp_path, cache):  # noqa: F811
    write_imagenet(tmp_path / "root" / "imagenet")
    env = {**os.environ, "HWFLOW_DATA": str(tmp_path / "root")}
    done = hwflow("data", "imagenet", *SMALL, "--json", env=env)
    assert done.code == 0, done.err
    assert done.data["classes"] == ["cat", "dog"]
    assert done.data["dataset"]["size"] == 16
    assert [source["check"] for source in done.data["sources"]] == [
        "24 pictures, 12 of each class",
        "6 pictures, 3 of each class",
    ]
    named = hwflow("data", "imagenet", *SMALL, "--json", "--data", tmp_path / "root")
    assert named.data["digest"] == done.data["digest"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("data", "mnist"), "MNIST: not found"),
        (("data", "svhn", "--json"), "SVHN: not found"),
        (("data", "imagenette"), "neither a recipe nor a data set"),
        (("data", "mnist", "--data", "/no/such/folder"), "/no/such/folder: no such folder"),
        (("data", "mnist", "--set", "dataset.pad=99"), "dataset.pad"),
        (("train", RECIPE, "--set", "dataset={name: cifar10}"), "CIFAR-10: not found"),
    ],
)
def test_what_is_missing_is_told_without_a_traceback(hwflow, tmp_path, cache, arguments, named):  # noqa: F811
    if arguments[0] == "train":
        arguments = (*arguments, "--out", tmp_path / "out")
    done = hwflow(*arguments)
    assert done.code == 2
    assert named in done.err
    assert "Traceback" not in done.err
    if "--json" in arguments:
        assert done.data["error"]["type"] == "ConfigError"


@pytest.mark.train
def test_training_and_export_take_the_folder(hwflow, tmp_path, cache):  # noqa: F811
    root = tmp_path / "root"
    write_imagenet(root / "pets")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(PETS)
    train = tmp_path / "train"
    done = hwflow("train", recipe, "--out", train, "--data", root, "--json")
    assert done.code == 0, done.err
    without = hwflow("export", train, "--out", tmp_path / "bundle")
    assert without.code == 2
    assert "ImageNet: not found" in without.err
    done = hwflow("export", train, "--out", tmp_path / "bundle", "--data", root, "--json")
    assert done.code == 0, done.err
