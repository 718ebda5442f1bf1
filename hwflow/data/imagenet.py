"""ImageNet, and any data set in its form: ``train/<class>/*`` and ``val/<class>/*``.

That is what torchvision's ``ImageNet`` and ``ImageFolder`` read. ImageNet itself is not for
download: https://image-net.org hands out its archives to those who register.
"""

from __future__ import annotations

from pathlib import Path

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import ImageNetDataset
from hwflow.data.folders import Listing, entries, pictures, splits_of
from hwflow.data.pictures import Crop
from hwflow.data.splits import Splits
from hwflow.errors import ConfigError
from hwflow.log import Progress

_REMEDY = "get its archives from https://image-net.org and unpack them there"


def load_imagenet(config: ImageNetDataset, root: DataRoot, progress: Progress) -> Splits:
    """Return the folder as (N, size, size, 3) uint8 frames; classes by folder name, ascending.

    Raises:
        ConfigError: a folder is missing or empty, ``val`` has other classes than ``train``, or a
            picture cannot be decoded.
    """
    folder = root.path / config.folder
    if not folder.is_dir():
        raise root.missing("ImageNet", folder, remedy=_REMEDY)
    classes = _classes(folder / "train")
    found = _classes(folder / "val")
    if found != classes:
        odd = min(set(classes) ^ set(found))
        has, lacks = ("train", "val") if odd in classes else ("val", "train")
        raise ConfigError(
            f"{folder / lacks}: expected the class {odd!r}, which {has} has; not there"
        )
    return splits_of(
        _listing(folder / "train", classes),
        _listing(folder / "val", classes),
        classes=classes,
        crop=Crop(size=config.size, resize=config.shorter_side),
        config=config,
        progress=progress,
    )


def _classes(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; expected a folder of pictures for each class")
    names = [path.name for path in entries(folder, Path.is_dir)]
    if len(names) < 2:
        raise ConfigError(
            f"{folder}: expected a folder of pictures for each class, found {len(names)} folders; "
            "pictures that lie side by side have to be sorted into one for each class first"
        )
    return names


def _listing(folder: Path, classes: list[str]) -> Listing:
    found = [
        (path, label) for label, name in enumerate(classes) for path in pictures(folder / name)
    ]
    paths, labels = zip(*found, strict=True)
    return Listing(folder, paths, labels)
