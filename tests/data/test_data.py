from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from hwflow.config.dataset import DigitsDataset
from hwflow.data import load
from hwflow.data.digits import upscale
from hwflow.data.splits import split, translated


@pytest.fixture(scope="module")
def splits():
    return load(DigitsDataset(name="digits"))


def test_sizes_and_types(splits):
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [1137, 300, 360]
    assert splits.frame_shape == (16, 16, 1)
    assert splits.frame_shape == DigitsDataset(name="digits").frame_shape
    assert len(splits.classes) == DigitsDataset.class_count == 10
    assert splits.classes == tuple("0123456789")
    for subset in (splits.train, splits.validation, splits.test):
        assert subset.frames.dtype == np.uint8
        assert subset.frames.shape == (len(subset), 16, 16, 1)
        assert np.array_equal(subset.labels, load_digits().target[subset.indices])
    assert splits.train.frames.min() == 0
    assert splits.train.frames.max() == 255


def test_splits_share_no_frame(splits):
    subsets = (splits.train, splits.validation, splits.test)
    indices = np.concatenate([subset.indices for subset in subsets])
    assert np.array_equal(np.sort(indices), np.arange(1797))
    # Not only other indices: other images. A duplicate across splits would leak.
    images = np.concatenate([subset.frames.reshape(len(subset), -1) for subset in subsets])
    assert len(np.unique(images, axis=0)) == 1797


def test_every_class_in_proportion(splits):
    for subset in (splits.validation, splits.test):
        counts = np.bincount(subset.labels, minlength=10)
        assert counts.max() - counts.min() <= 3


def test_split_is_fixed_for_ever(splits):
    # A changed split would make accuracies of old and new runs incomparable without notice.
    def digest(array):
        return hashlib.sha256(array.tobytes()).hexdigest()[:16]

    assert digest(splits.test.indices) == "8f45e09ac04d5cf3"
    assert digest(splits.validation.indices) == "dd7f01e151aa2651"
    assert digest(splits.test.frames) == "b9abed9eee5bc519"


def test_split_seed_decides():
    other = load(DigitsDataset(name="digits", split_seed=1))
    assert not np.array_equal(other.test.indices, load(DigitsDataset(name="digits")).test.indices)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_upscale_is_bilinear(factor):
    images = np.random.RandomState(0).randint(0, 17, (5, 8, 8))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images)[:, None].double() * 255 / 16,
        scale_factor=factor,
        mode="bilinear",
        align_corners=False,
    )[:, 0].numpy()
    # The integers round the exact value: half a code is the most they may be off.
    assert np.abs(upscale(images, factor, white=16) - expected).max() <= 0.5 + 1e-9


@settings(max_examples=25, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=20, max_size=60),
    validation=st.integers(0, 8),
    test=st.integers(1, 8),
    seed=st.integers(0, 2**31 - 1),
)
def test_split_is_a_partition(labels, validation, test, seed):
    frames = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    result = split(
        frames,
        np.array(labels),
        classes=tuple("abcd"),
        validation=validation,
        test=test,
        seed=seed,
    )
    parts = (result.train, result.validation, result.test)
    assert (len(result.validation), len(result.test)) == (validation, test)
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(len(labels)))
    for part in parts:
        assert np.array_equal(part.frames[:, 0, 0, 0], part.indices)


def test_translations_of_a_subset():
    subset = load(DigitsDataset(name="digits", upscale=1)).validation
    moved = translated(subset, 1)
    assert moved.split == "validation"
    assert moved.frames.shape == (9 * len(subset), 8, 8, 1)
    blocks = moved.frames.reshape(9, len(subset), 8, 8)
    assert np.array_equal(blocks[4], subset.frames[..., 0])
    assert np.array_equal(blocks[0, :, 1:, 1:], subset.frames[:, :-1, :-1, 0])
    assert not blocks[0, :, 0].any()
    assert np.array_equal(moved.labels, np.tile(subset.labels, 9))
    assert np.array_equal(translated(subset, 0).frames, subset.frames)
