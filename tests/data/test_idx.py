from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pytest
from data_files import cache, idx, labelled, md5, write_idx_file, write_idx_set  # noqa: F401

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import MnistDataset
from hwflow.data.idx import load_idx
from hwflow.data.idx_file import parse_idx
from hwflow.errors import ConfigError
from hwflow.log import silent

pytestmark = pytest.mark.usefixtures("cache")
CONFIG = MnistDataset(name="mnist", validation=10)
TRAIN, TEST = labelled(60, 10, (28, 28), 0), labelled(20, 10, (28, 28), 1)


@pytest.mark.parametrize("gz", [True, False])
def test_frames_and_labels_come_back(tmp_path, gz):
    known = write_idx_set(tmp_path, TRAIN, TEST, gz=gz)
    splits = load_idx(known, CONFIG, DataRoot(tmp_path), silent)
    assert splits.frame_shape == CONFIG.frame_shape == (28, 28, 1)
    assert len(splits.classes) == CONFIG.class_count == 10
    for subset, (frames, labels) in zip(splits.subsets, (TRAIN, TRAIN, TEST), strict=True):
        np.testing.assert_array_equal(subset.frames[..., 0], frames[subset.indices])
        np.testing.assert_array_equal(subset.labels, labels[subset.indices])
        assert subset.labels.dtype == np.int64
    assert splits.counts(splits.validation) == (1,) * 10
    assert [source.path.suffix for source in splits.sources] == [".gz" if gz else ""] * 4


def test_padding_surrounds_with_black(tmp_path):
    known = write_idx_set(tmp_path, TRAIN, TEST)
    padded = CONFIG.model_copy(update={"pad": 2})
    splits = load_idx(known, padded, DataRoot(tmp_path), silent)
    assert splits.frame_shape == padded.frame_shape == (32, 32, 1)
    np.testing.assert_array_equal(splits.test.frames[:, 2:-2, 2:-2, 0], TEST[0])
    assert splits.test.frames.sum() == TEST[0].sum()


def test_missing_files_are_named_with_both_ways_out(tmp_path):
    known = write_idx_set(tmp_path, TRAIN, TEST)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ConfigError, match=r"t10k-labels-idx1-ubyte\.gz.*--data.*--download"):
        load_idx(known, CONFIG, DataRoot(tmp_path), silent)


def test_a_changed_byte_is_found_even_after_the_file_was_verified(tmp_path):
    known = write_idx_set(tmp_path, TRAIN, TEST)
    load_idx(known, CONFIG, DataRoot(tmp_path), silent)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ConfigError, match=r"train-images.*expected MD5.*--download"):
        load_idx(known, CONFIG, DataRoot(tmp_path), silent)


# Each with its own MD5, as if the publisher had put it out: what else there is must hold too.
@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("images", idx(TRAIN[0])[:-1], r"expected 47,040 bytes behind the header.*found 47,039"),
        ("images", idx(TRAIN[0]) + b"\0", r"found 47,041"),
        ("images", idx(TRAIN[1]), r"3 dimensions of bytes .*found 00000801"),
        ("images", b"", "found nothing"),
        ("labels", idx(TRAIN[1])[:3], "expected an idx file of 1 dimensions"),
        ("labels", idx(TRAIN[1][:-1]), "expected 60 entries, found 59"),
        ("labels", idx(np.where(np.arange(60) == 7, 10, TRAIN[1])), "found 10 at place 7"),
    ],
)
def test_broken_content_is_named(tmp_path, name, content, named):
    known = write_idx_set(tmp_path, TRAIN, TEST)
    raw = tmp_path / "MNIST" / "raw"
    number = 3 if name == "images" else 1
    file = write_idx_file(raw, f"train-{name}-idx{number}-ubyte", content)
    broken = dataclasses.replace(known, train=dataclasses.replace(known.train, **{name: file}))
    with pytest.raises(ConfigError, match=named) as caught:
        load_idx(broken, CONFIG, DataRoot(tmp_path), silent)
    assert f"train-{name}" in str(caught.value)


@pytest.mark.parametrize("cut", [0, 5, 20, -4])
def test_a_gzip_file_cut_short_is_named(tmp_path, cut):
    known = write_idx_set(tmp_path, TRAIN, TEST)
    path = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:cut])
    labels = dataclasses.replace(known.train.labels, gz_md5=md5(path.read_bytes()))
    broken = dataclasses.replace(known, train=dataclasses.replace(known.train, labels=labels))
    with pytest.raises(ConfigError, match=r"train-labels.*(not a whole gzip|found nothing)"):
        load_idx(broken, CONFIG, DataRoot(tmp_path), silent)


def test_a_gzip_file_with_a_wrong_check_sum_is_named(tmp_path):
    known = write_idx_set(tmp_path, TRAIN, TEST)
    path = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.compress(idx(TRAIN[1]), mtime=0))
    content[-8] ^= 1  # the CRC-32 of the content
    path.write_bytes(bytes(content))
    labels = dataclasses.replace(known.train.labels, gz_md5=md5(bytes(content)))
    broken = dataclasses.replace(known, train=dataclasses.replace(known.train, labels=labels))
    with pytest.raises(ConfigError, match="not a whole gzip file"):
        load_idx(broken, CONFIG, DataRoot(tmp_path), silent)


def test_parse_idx_is_the_inverse_of_the_format(tmp_path):
    array = labelled(3, 3, (5, 7), 4)[0]
    np.testing.assert_array_equal(parse_idx(idx(array), tmp_path, dimensions=3), array)
