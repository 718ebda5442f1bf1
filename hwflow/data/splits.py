"""Labelled frames in three fixed splits: the one form in which every data set reaches hwflow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Source:
    """A file or folder that frames come from, and what was found right about it."""

    path: Path
    check: str


@dataclass(frozen=True)
class Labelled:
    """Frames of one part of a published data set, in the publisher's order.

    ``frames``: (N, H, W, C) uint8; ``labels``: (N,) int64.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Subset:
    """Frames of one split.

    ``frames``: (N, H, W, C) uint8, an array in memory, or one mapped from a file and to be read
    batch by batch; ``labels``: (N,) int64; ``indices``: (N,) int64, their place in the original
    data set, or in that part of it (training, test) which the publisher keeps apart. ``content``:
    SHA-256 of the frames, where the name of the data set does not say what they are.
    """

    split: SplitName
    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    content: str | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """A data set: three disjoint subsets, the names of its classes, and where it came from."""

    train: Subset
    validation: Subset
    test: Subset
    classes: tuple[str, ...]
    sources: tuple[Source, ...] = ()

    @property
    def subsets(self) -> tuple[Subset, Subset, Subset]:
        """Training, validation and test."""
        return self.train, self.validation, self.test

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""
        _, height, width, channels = self.train.frames.shape
        return height, width, channels

    @property
    def digest(self) -> str:
        """SHA-256 over name, indices, labels and content of the splits: equal if they all are.

        Labels and content count because those of a folder of pictures are up to its owner.
        """
        told = hashlib.sha256()
        for subset in self.subsets:
            told.update(f"{subset.split} {len(subset)}\n".encode())
            told.update(subset.indices.astype("<i8").tobytes())
            told.update(subset.labels.astype("<i8").tobytes())
            if subset.content is not None:
                told.update(subset.content.encode())
        return told.hexdigest()

    def counts(self, subset: Subset) -> tuple[int, ...]:
        """Return the frames of each class in ``subset``."""
        return tuple(np.bincount(subset.labels, minlength=len(self.classes)).tolist())


def translated(subset: Subset, most: int) -> Subset:
    """Return ``subset`` in all (2 · ``most`` + 1)² translations by up to ``most`` pixels per axis.

    Frames move over zeros; translations follow each other in blocks of the whole subset.
    """
    _, height, width, _ = subset.frames.shape
    padded = np.pad(subset.frames, ((0, 0), (most, most), (most, most), (0, 0)))
    by = range(2 * most + 1)
    frames = [padded[:, y : y + height, x : x + width] for y in by for x in by]
    return Subset(
        subset.split,
        np.concatenate(frames),
        np.tile(subset.labels, len(frames)),
        np.tile(subset.indices, len(frames)),
    )


def split(
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    classes: tuple[str, ...],
    validation: int,
    test: int,
    seed: int,
) -> Splits:
    """Return a random split of ``frames`` (N, H, W, C), stratified by class."""
    order = stratified_order(labels, classes=len(classes), seed=seed)

    def subset(name: SplitName, chosen: NDArray[np.int64]) -> Subset:
        indices = np.sort(chosen)
        return Subset(name, frames[indices], labels[indices], indices)

    return Splits(
        train=subset("train", order[test + validation :]),
        validation=subset("validation", order[test : test + validation]),
        test=subset("test", order[:test]),
        classes=classes,
    )


def stratified_order(labels: NDArray[np.int64], *, classes: int, seed: int) -> NDArray[np.int64]:
    """Return a random order of ``labels`` of which every prefix holds the classes in proportion.

    So a small split holds them all. The order comes from numpy's legacy generator, whose stream
    numpy promises never to change (NEP 19): the same seed means the same split everywhere.
    """
    draw = np.random.RandomState(seed)
    shuffled = draw.permutation(len(labels))
    # Position within the own class, as a fraction: sorting by it interleaves the classes evenly.
    place = np.empty(len(labels))
    for label in range(classes):
        members = shuffled[labels[shuffled] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(place[shuffled], kind="stable")]


def divide(
    labels: NDArray[np.int64], *, classes: int, validation: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices that stay in training and those held out for validation, ascending.

    The held-out ones are ``validation`` many, stratified by class.
    """
    order = stratified_order(labels, classes=classes, seed=seed)
    return np.sort(order[validation:]), np.sort(order[:validation])


def held_out(
    train: Labelled,
    test: Labelled,
    *,
    classes: tuple[str, ...],
    validation: int,
    seed: int,
    sources: tuple[Source, ...],
) -> Splits:
    """Return a published data set with ``validation`` frames of its training set held out."""
    kept, held = divide(train.labels, classes=len(classes), validation=validation, seed=seed)
    return Splits(
        train=Subset("train", train.frames[kept], train.labels[kept], kept),
        validation=Subset("validation", train.frames[held], train.labels[held], held),
        test=Subset("test", test.frames, test.labels, np.arange(len(test.labels))),
        classes=classes,
        sources=sources,
    )
