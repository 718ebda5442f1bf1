"""The publishers' whole data sets, where HWFLOW_DATA names a folder that has them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import (
    Cifar10Dataset,
    Cifar100Dataset,
    FashionMnistDataset,
    HeldOut,
    ImageNetDataset,
    MnistDataset,
    SvhnDataset,
    TinyImageNetDataset,
)
from hwflow.data import load

ROOT = Path(os.environ.get("HWFLOW_DATA", "HWFLOW_DATA is not set"))


def need(*places):
    if not any((ROOT / place).exists() for place in places):
        pytest.skip(f"$HWFLOW_DATA ({ROOT}) holds no {' or '.join(places)}")


@dataclass(frozen=True)
class Known:
    """What does not come from hwflow: where it may lie, and the MD5 of the test set's pixels.

    Those are in the publisher's order, as behind the idx header and in the pickled array.
    ``digest`` is the default split's, fixed for ever: another would make accuracies incomparable.
    """

    config: HeldOut
    places: tuple[str, ...]
    pixels: str
    digest: str


KNOWN = (
    Known(
        MnistDataset(name="mnist"),
        ("MNIST/raw",),
        pixels="240610fa99e73bfa49df8e7fc24d3206",
        digest="2f42f2d5e9f6a959",
    ),
    Known(
        FashionMnistDataset(name="fashion_mnist"),
        ("FashionMNIST/raw",),
        pixels="b7656a891b218fc13e45205c48a92cae",
        digest="290dfc642a1c6965",
    ),
    Known(
        Cifar10Dataset(name="cifar10"),
        ("cifar-10-batches-py", "cifar-10-webp"),
        pixels="f1aa22116df97725db0e47461c45a82b",
        digest="bd22be669cd0852c",
    ),
    Known(
        Cifar100Dataset(name="cifar100"),
        ("cifar-100-python", "cifar-100-webp"),
        pixels="155ad486d683899b65629b069dab09ba",
        digest="dad29134d5f1a07f",
    ),
)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.config.name)
def test_frames_and_splits(known):
    need(*known.places)
    splits = load(known.config, DataRoot(ROOT))
    pixels = np.ascontiguousarray(splits.test.frames.transpose(0, 3, 1, 2)).tobytes()
    assert hashlib.md5(pixels).hexdigest() == known.pixels
    assert splits.digest[:16] == known.digest
    both = np.concatenate([splits.train.indices, splits.validation.indices])
    np.testing.assert_array_equal(np.sort(both), np.arange(known.config.published))
    if known.config.name != "mnist":  # whose classes are not equally large
        classes = len(splits.classes)
        assert set(splits.counts(splits.test)) == {10_000 // classes}
        assert set(splits.counts(splits.validation)) == {5000 // classes}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (SvhnDataset(name="svhn"), "svhn"),
        (TinyImageNetDataset(name="tiny_imagenet"), "tiny-imagenet-200"),
        (ImageNetDataset(name="imagenet", size=32), "imagenet"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_sets_that_are_seldom_at_hand(config, place):
    need(place)
    splits = load(config, DataRoot(ROOT))
    assert len(splits.validation) == config.validation
