from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from data_files import cache, labelled, md5, write_svhn  # noqa: F401
from scipy.io import savemat

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import SvhnDataset
from hwflow.data.svhn import SVHN, load_svhn, parse_mat
from hwflow.errors import ConfigError
from hwflow.log import silent

pytestmark = pytest.mark.usefixtures("cache")
CONFIG = SvhnDataset(name="svhn", validation=10)
TRAIN, TEST = labelled(30, 10, (32, 32, 3), 0), labelled(11, 10, (32, 32, 3), 1)


@pytest.mark.parametrize("folder", ["", "svhn"])
def test_frames_and_labels_come_back_and_ten_is_zero(tmp_path, folder):
    known = write_svhn(tmp_path / folder, TRAIN, TEST)
    splits = load_svhn(known, CONFIG, DataRoot(tmp_path), silent)
    for subset, (frames, labels) in zip(splits.subsets, (TRAIN, TRAIN, TEST), strict=True):
        np.testing.assert_array_equal(subset.frames, frames[subset.indices])
        np.testing.assert_array_equal(subset.labels, labels[subset.indices])
    assert splits.classes == tuple("0123456789")
    assert splits.test.labels.min() == 0


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"SVHN.*svhn/train_32x32\.mat or .*--download"):
        load_svhn(SVHN, CONFIG, DataRoot(tmp_path), silent)


def test_another_file_is_named(tmp_path):
    known = write_svhn(tmp_path, TRAIN, TEST)
    (tmp_path / "test_32x32.mat").write_bytes((tmp_path / "train_32x32.mat").read_bytes())
    with pytest.raises(ConfigError, match=r"test_32x32\.mat: not the publisher's file"):
        load_svhn(known, CONFIG, DataRoot(tmp_path), silent)


@pytest.mark.parametrize("cut", [0, 100, 2000, -40])
def test_a_mat_file_cut_short_is_named(tmp_path, cut):
    known = write_svhn(tmp_path, TRAIN, TEST)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:cut])
    train = dataclasses.replace(known.train, md5=md5(path.read_bytes()))
    broken = dataclasses.replace(known, train=train)
    with pytest.raises(ConfigError, match=r"train_32x32\.mat: not a MATLAB file with X and y"):
        load_svhn(broken, CONFIG, DataRoot(tmp_path), silent)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, "not a MATLAB file with X and y"),
        ({"X": np.zeros((32, 32, 3, 3), np.uint8), "y": np.ones(4)}, r"expected X \(32, 32, 3, 4"),
        ({"X": np.zeros((32, 32, 3, 4)), "y": np.ones(4)}, "of float64"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones(3)}, "and 3 labels"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.arange(4)}, "found 0 to 3"),
    ],
)
def test_broken_content_is_named(tmp_path, told, named):
    path = tmp_path / "a.mat"
    savemat(path, told)
    with pytest.raises(ConfigError, match=named):
        parse_mat(path.read_bytes(), path, count=4)
