"""Data sets that are folders of pictures: what all of them share once their files are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.dataset import HeldOut
from hwflow.data.pictures import SUFFIXES, Crop, content_of, frames_of
from hwflow.data.splits import Source, SplitName, Splits, Subset, divide
from hwflow.errors import ConfigError
from hwflow.log import Progress


@dataclass(frozen=True)
class Listing:
    """Pictures of one part and the class of each, as its place in ``classes``."""

    folder: Path
    paths: tuple[Path, ...]
    labels: tuple[int, ...]


def entries(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    """Return what is ``wanted`` in ``folder``, by name; hidden entries are never.

    Raises:
        ConfigError: it cannot be listed.
    """
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be listed ({error.strerror})") from error
    return sorted(path for path in found if wanted(path))


def pictures(folder: Path) -> list[Path]:
    """Return the pictures in ``folder``, by name.

    Raises:
        ConfigError: there is none.
    """
    found = entries(folder, lambda path: path.suffix.lower() in SUFFIXES)
    if not found:
        raise ConfigError(
            f"{folder}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none"
        )
    return found


def splits_of(
    train: Listing,
    test: Listing,
    *,
    classes: Sequence[str],
    crop: Crop,
    config: HeldOut,
    progress: Progress,
) -> Splits:
    """Return the pictures as frames, with some of ``train`` held out for validation.

    Raises:
        ConfigError: a picture cannot be decoded, too few are left for training, or the cache has
            no room.
    """
    if config.validation > len(train.paths) // 2:
        raise ConfigError(
            f"{train.folder}: dataset.validation = {config.validation}, but only "
            f"{len(train.paths)} pictures are there; at most half of them, so that enough are left"
        )
    labels = np.array(train.labels, np.int64)
    kept, held = divide(
        labels, classes=len(classes), validation=config.validation, seed=config.split_seed
    )

    def subset(name: SplitName, listing: Listing, indices: NDArray[np.int64]) -> Subset:
        paths = [listing.paths[index] for index in indices]
        frames = frames_of(paths, crop, what=f"{name} pictures", progress=progress)
        content = content_of(frames) if config.published is None else None
        return Subset(name, frames, np.array(listing.labels, np.int64)[indices], indices, content)

    return Splits(
        train=subset("train", train, kept),
        validation=subset("validation", train, held),
        test=subset("test", test, np.arange(len(test.paths))),
        classes=tuple(classes),
        sources=tuple(_source(listing) for listing in (train, test)),
    )


def _source(listing: Listing) -> Source:
    counts = Counter(listing.labels).values()
    least, most = min(counts), max(counts)
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return Source(listing.folder, f"{len(listing.paths):,} pictures, {each} of each class")
