from __future__ import annotations

import pytest

from hwflow.config.base import parse
from hwflow.config.dataset import DatasetChoice, ImageNetDataset, dataset_names
from hwflow.errors import ConfigError

NAMES = (
    "digits",
    "mnist",
    "fashion_mnist",
    "cifar10",
    "cifar100",
    "svhn",
    "tiny_imagenet",
    "imagenet",
)


def choose(**told):
    return parse(DatasetChoice, {"dataset": told}, source="recipe.yaml").dataset


def test_every_data_set_needs_its_name_only():
    assert dataset_names() == NAMES
    for name in NAMES:
        chosen = choose(name=name)
        assert chosen.name == name
        assert chosen.split_seed == 0
        assert type(chosen).model_validate_json(chosen.model_dump_json()) == chosen


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (
            {"name": "imagenette"},
            r"dataset\.name: .*expected one of digits, mnist, .*got 'imagenette'",
        ),
        ({}, r"dataset\.name: Field required"),
        ({"name": "cifar10", "upscale": 2}, r"dataset\.upscale: does not go with the kind"),
        ({"name": "svhn", "pad": 2}, r"dataset\.pad: does not go with the kind"),
        ({"name": "mnist", "pad": 17}, r"dataset\.pad: "),
        ({"name": "mnist", "validation": 0}, r"dataset\.validation: "),
        ({"name": "mnist", "validation": 30_001}, "validation = 30001: at most half of the 60000"),
        ({"name": "cifar100", "test": 1000}, r"dataset\.test: does not go with the kind"),
        ({"name": "digits", "validation": 1500}, r"validation \+ test = 1860"),
        ({"name": "imagenet", "folder": "../other"}, r"dataset\.folder: "),
        ({"name": "imagenet", "resize": 200}, "resize = 200: at least size = 224"),
        ({"name": "imagenet", "split_seed": True}, r"split_seed"),
    ],
)
def test_mistakes_are_named(told, named):
    with pytest.raises(ConfigError, match=named):
        choose(**told)


@pytest.mark.parametrize(
    ("size", "resize", "side"), [(224, None, 256), (64, None, 73), (64, 64, 64)]
)
def test_pictures_are_resized_to_eight_sevenths_of_the_crop(size, resize, side):
    assert ImageNetDataset(name="imagenet", size=size, resize=resize).shorter_side == side
