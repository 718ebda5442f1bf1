from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwflow.data.splits import Labelled, divide, held_out, stratified_order

PARTS = st.integers(0, 2**31 - 1)
LABELS = st.lists(st.integers(0, 4), min_size=30, max_size=300)


@settings(max_examples=60, deadline=None)
@given(labels=LABELS, share=st.floats(0, 1), seed=PARTS)
def test_held_out_frames_are_a_stratified_part(labels, share, seed):
    numbers = np.array(labels, np.int64)
    wanted = round(share * len(numbers))
    kept, held = divide(numbers, classes=5, validation=wanted, seed=seed)
    assert len(held) == wanted
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(numbers)))
    for indices in (kept, held):
        assert (np.diff(indices) > 0).all()
    # Each class has its share up to one frame, and up to its part of what rounding left of others.
    for label in range(5):
        members = (numbers == label).sum()
        part = members / len(numbers)
        assert abs((numbers[held] == label).sum() - wanted * part) <= 1 + 5 / 2 * part


@settings(max_examples=30, deadline=None)
@given(each=st.integers(4, 40), held=st.integers(1, 4), seed=PARTS)
def test_equal_classes_are_held_out_equally(each, held, seed):
    labels = np.random.RandomState(seed).permutation(np.repeat(np.arange(10), each))
    _, chosen = divide(labels, classes=10, validation=10 * held, seed=seed)
    assert np.bincount(labels[chosen], minlength=10).tolist() == [held] * 10


@settings(max_examples=30, deadline=None)
@given(labels=LABELS, fewer=st.integers(1, 10), more=st.integers(0, 10), seed=PARTS)
def test_a_larger_validation_split_holds_the_smaller_one(labels, fewer, more, seed):
    numbers = np.array(labels, np.int64)
    _, small = divide(numbers, classes=5, validation=fewer, seed=seed)
    _, large = divide(numbers, classes=5, validation=fewer + more, seed=seed)
    assert set(small) <= set(large)


def test_order_is_fixed_for_ever():
    # A changed order would change every split, and make accuracies incomparable without notice.
    order = stratified_order(np.arange(1000) % 7, classes=7, seed=3)
    told = hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()[:16]
    assert told == "0bda84074d819219"


def part(n, seed):
    labels = np.random.RandomState(seed).randint(0, 3, n)
    return Labelled(np.arange(n, dtype=np.uint8)[:, None, None, None], labels)


def splits(seed=0, validation=10, train=50):
    return held_out(
        part(train, 0),
        part(20, 1),
        classes=("a", "b", "c"),
        validation=validation,
        seed=seed,
        sources=(),
    )


def test_held_out_frames_go_with_their_labels():
    made = splits()
    assert [len(subset) for subset in made.subsets] == [40, 10, 20]
    for subset, given_part in zip(
        made.subsets, (part(50, 0), part(50, 0), part(20, 1)), strict=True
    ):
        np.testing.assert_array_equal(subset.frames[:, 0, 0, 0], subset.indices)
        np.testing.assert_array_equal(subset.labels, given_part.labels[subset.indices])
        assert sum(made.counts(subset)) == len(subset)


def test_digest_tells_splits_apart():
    assert splits().digest == splits().digest
    others = (splits(seed=1), splits(validation=11), splits(train=51))
    assert len({made.digest for made in (splits(), *others)}) == 4
