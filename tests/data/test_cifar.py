from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from data_files import cache, cifar_batch, labelled, md5, write_cifar  # noqa: F401
from PIL import Image

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import Cifar10Dataset, Cifar100Dataset
from hwflow.data.cifar import CIFAR10, CIFAR100, load_cifar
from hwflow.data.cifar_pickle import parse_batch, unpickle
from hwflow.errors import ConfigError
from hwflow.log import silent

pytestmark = pytest.mark.usefixtures("cache")
CONFIG10 = Cifar10Dataset(name="cifar10", validation=10)
CONFIG100 = Cifar100Dataset(name="cifar100", validation=100)
TRAIN, TEST = labelled(40, 10, (32, 32, 3), 0), labelled(20, 10, (32, 32, 3), 1)


@pytest.mark.parametrize("webp", [False, True])
@pytest.mark.parametrize(("base", "config"), [(CIFAR10, CONFIG10), (CIFAR100, CONFIG100)])
def test_both_layouts_give_frames_and_labels_back(tmp_path, base, config, webp):
    n = 4 * base.meta.count
    train, test = labelled(n, n // 4, (32, 32, 3), 0), labelled(n // 2, n // 4, (32, 32, 3), 1)
    known = write_cifar(tmp_path, train, test, base=base, webp=webp)
    splits = load_cifar(known, config, DataRoot(tmp_path), silent)
    assert len(splits.classes) == base.meta.count == config.class_count
    assert splits.classes[3] == "class 3"
    for subset, (frames, labels) in zip(splits.subsets, (train, train, test), strict=True):
        np.testing.assert_array_equal(subset.frames, frames[subset.indices])
        np.testing.assert_array_equal(subset.labels, labels[subset.indices])
    assert set(splits.counts(splits.validation)) == {1}


def test_both_layouts_split_alike(tmp_path):
    digests = set()
    for name, webp in (("a", False), ("b", True)):
        known = write_cifar(tmp_path / name, TRAIN, TEST, webp=webp)
        digests.add(load_cifar(known, CONFIG10, DataRoot(tmp_path / name), silent).digest)
    assert len(digests) == 1


def test_missing_set_names_both_layouts(tmp_path):
    with pytest.raises(ConfigError, match=r"cifar-10-batches-py or .*cifar-10-webp.*--download"):
        load_cifar(CIFAR10, CONFIG10, DataRoot(tmp_path), silent)


def test_a_missing_batch_is_named(tmp_path):
    known = write_cifar(tmp_path, TRAIN, TEST)
    (tmp_path / known.folder / "data_batch_2").unlink()
    with pytest.raises(ConfigError, match=r"data_batch_2: cannot be read"):
        load_cifar(known, CONFIG10, DataRoot(tmp_path), silent)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_batch_is_named(tmp_path, damage):
    known = write_cifar(tmp_path, TRAIN, TEST)
    path = tmp_path / known.folder / "data_batch_2"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content[:-9]) if damage == "cut" else bytes(content))
    with pytest.raises(ConfigError, match=r"data_batch_2: not the publisher's file: expected MD5"):
        load_cifar(known, CONFIG10, DataRoot(tmp_path), silent)


def test_a_changed_pixel_in_a_picture_is_named(tmp_path):
    known = write_cifar(tmp_path, TRAIN, TEST, webp=True)
    path = tmp_path / known.webp / "test_batch.01.webp"
    pixels = np.array(Image.open(path))
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(path, lossless=True, exact=True)
    with pytest.raises(ConfigError, match=r"test_batch\.\*\.webp: not the publisher's file"):
        load_cifar(known, CONFIG10, DataRoot(tmp_path), silent)


@pytest.mark.parametrize(
    ("name", "spoil", "named"),
    [
        ("test_batch.01.webp", lambda path: path.unlink(), r"test_batch\.\*\.webp: not the publ"),
        (
            "test_batch.01.webp",
            lambda path: path.write_bytes(path.read_bytes()[:90]),
            r"test_batch\.01\.webp: cannot be decoded",
        ),
        (
            "test_batch.00.webp",
            lambda path: Image.new("RGB", (31, 64)).save(path),
            r"test_batch\.00\.webp: expected frames of 32×32 .* 31×64",
        ),
        ("meta.npz", lambda path: path.unlink(), r"meta\.npz: expected the arrays head_data_bat"),
        ("meta.npz", lambda path: path.write_bytes(b"PK no"), r"meta\.npz: expected the arrays"),
        ("meta.npz", lambda path: np.savez(path, a=1), r"meta\.npz: expected the arrays head_"),
        ("batches.meta", lambda path: path.write_bytes(b"x"), r"batches\.meta: not the publisher"),
    ],
)
def test_damaged_webp_layout_is_named(tmp_path, name, spoil, named):
    known = write_cifar(tmp_path, TRAIN, TEST, webp=True)
    spoil(tmp_path / known.webp / name)
    with pytest.raises(ConfigError, match=named):
        load_cifar(known, CONFIG10, DataRoot(tmp_path), silent)


def test_a_batch_without_pictures_is_named(tmp_path):
    known = write_cifar(tmp_path, TRAIN, TEST, webp=True)
    for path in (tmp_path / known.webp).glob("test_batch.*"):
        path.unlink()
    with pytest.raises(ConfigError, match=r"expected test_batch\.00\.webp and so on, found none"):
        load_cifar(known, CONFIG10, DataRoot(tmp_path), silent)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "not a pickled batch"),
        (cifar_batch(*TRAIN, "labels")[:-200], "not a pickled batch"),
        (pickle.dumps([1, 2]), "expected a pickled dictionary, found list"),
        (pickle.dumps({b"data": np.zeros(3)}, protocol=2), "not a pickled batch .*_codecs.encode"),
        (cifar_batch(*TRAIN, "coarse_labels"), "40 labels, found data .* 0 labels"),
        (cifar_batch(TRAIN[0][:30], TRAIN[1], "labels"), r"found data \(30, 3072\) and 40"),
        (cifar_batch(TRAIN[0], TRAIN[1] + 1, "labels"), "labels of 0 to 9, found 1 to 10"),
    ],
)
def test_broken_batches_are_named(tmp_path, content, named):
    path = tmp_path / "batch"
    with pytest.raises(ConfigError, match=named) as caught:
        parse_batch(content, path, labels_key="labels", count=40, classes=10)
    assert str(path) in str(caught.value)


class _Evil:
    def __reduce__(self):
        return print, ("code of the file runs",)


def test_a_pickle_runs_no_code(tmp_path, capsys):
    with pytest.raises(ConfigError, match=r"asks for .*print"):
        unpickle(pickle.dumps({b"data": _Evil()}), tmp_path / "batch")
    assert capsys.readouterr().out == ""


def test_the_number_of_classes_is_checked(tmp_path):
    known = write_cifar(tmp_path, TRAIN, TEST)
    more = dataclasses.replace(known, meta=dataclasses.replace(known.meta, count=11))
    assert md5((tmp_path / known.folder / "batches.meta").read_bytes()) == known.meta.md5
    with pytest.raises(ConfigError, match=r"batches\.meta: expected 11 names in label_names"):
        load_cifar(more, CONFIG10, DataRoot(tmp_path), silent)
