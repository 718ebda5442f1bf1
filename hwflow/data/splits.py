"""Labelled frames in three fixed splits: the one form in which every data set reaches hwflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Subset:
    """Frames of one split.

    ``frames``: (N, H, W, C) uint8; ``labels``: (N,) int64; ``indices``: (N,) int64, their place in
    the original data set.
    """

    split: SplitName
    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Splits:
    """A data set: three disjoint subsets and the names of its classes."""

    train: Subset
    validation: Subset
    test: Subset
    classes: tuple[str, ...]

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a frame."""
        _, height, width, channels = self.train.frames.shape
        return height, width, channels


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
    """Return a random split of ``frames`` (N, H, W, C), stratified by class.

    Classes are dealt in proportion, so that a small split holds them all. The order comes from
    numpy's legacy generator, whose stream numpy promises never to change (NEP 19), so the same
    seed means the same split everywhere.
    """
    draw = np.random.RandomState(seed)
    shuffled = draw.permutation(len(labels))
    # Position within the own class, as a fraction: sorting by it interleaves the classes evenly.
    place = np.empty(len(labels))
    for label in range(len(classes)):
        members = shuffled[labels[shuffled] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    order = shuffled[np.argsort(place[shuffled], kind="stable")]

    def subset(name: SplitName, chosen: NDArray[np.int64]) -> Subset:
        indices = np.sort(chosen)
        return Subset(name, frames[indices], labels[indices], indices)

    return Splits(
        train=subset("train", order[test + validation :]),
        validation=subset("validation", order[test : test + validation]),
        test=subset("test", order[:test]),
        classes=classes,
    )
