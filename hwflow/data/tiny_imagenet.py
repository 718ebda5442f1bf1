"""Tiny ImageNet as its publisher unpacks it, ``tiny-imagenet-200``.

``wnids.txt``: the classes; ``train/<wnid>/images/*.JPEG``; ``val/images/*.JPEG`` with
``val/val_annotations.txt``, a line ``file <tab> wnid <tab> box`` for each. ``val`` is the test set,
since the publisher keeps the labels of ``test`` to himself. Address: http://cs231n.stanford.edu;
the MD5 of the archive is the one that public loaders of the set agree on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import TinyImageNetDataset
from hwflow.data.download import download, extract_zip
from hwflow.data.files import read
from hwflow.data.folders import Listing, pictures, splits_of
from hwflow.data.pictures import Crop
from hwflow.data.splits import Splits
from hwflow.errors import ConfigError
from hwflow.log import Progress

_CROP = Crop(size=64, resize=64)  # what the pictures are already


@dataclass(frozen=True)
class TinySet:
    """Its archive, and how many classes and pictures of each class it has to have."""

    url: str
    archive_md5: str
    folder: str
    classes: int
    train_each: int
    test_each: int


TINY_IMAGENET = TinySet(
    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    archive_md5="90528d7ca1a48142e341f4ef8d21d0de",
    folder="tiny-imagenet-200",
    classes=200,
    train_each=500,
    test_each=50,
)


def load_tiny_imagenet(
    known: TinySet, config: TinyImageNetDataset, root: DataRoot, progress: Progress
) -> Splits:
    """Return Tiny ImageNet as (N, 64, 64, 3) uint8 frames; classes by WordNet id, ascending.

    Raises:
        ConfigError: a file is missing or broken, or the counts are not the publisher's.
    """
    folder = _find(known, root, progress)
    wnids = sorted(_text(folder / "wnids.txt").split())
    if len(set(wnids)) != known.classes:
        raise ConfigError(
            f"{folder / 'wnids.txt'}: expected {known.classes} classes, found {len(set(wnids))}"
        )
    return splits_of(
        _train(folder / "train", wnids, known.train_each),
        _test(folder / "val", wnids, known.test_each),
        classes=wnids,
        crop=_CROP,
        config=config,
        progress=progress,
    )


def _find(known: TinySet, root: DataRoot, progress: Progress) -> Path:
    folder = root.path / known.folder
    if folder.is_dir():
        return folder
    if not root.download:
        raise root.missing("Tiny ImageNet", folder)
    archive = root.path / known.url.rpartition("/")[2]
    download([known.url], archive, md5=known.archive_md5, progress=progress)
    extract_zip(archive, known.folder, root.path)
    return folder


def _train(folder: Path, wnids: list[str], each: int) -> Listing:
    paths: list[Path] = []
    labels: list[int] = []
    for label, wnid in enumerate(wnids):
        found = pictures(folder / wnid / "images")
        if len(found) != each:
            raise ConfigError(
                f"{folder / wnid / 'images'}: expected {each} pictures, found {len(found)}; "
                "unpack the archive again"
            )
        paths += found
        labels += [label] * each
    return Listing(folder, tuple(paths), tuple(labels))


def _test(folder: Path, wnids: list[str], each: int) -> Listing:
    table = folder / "val_annotations.txt"
    numbers = {wnid: label for label, wnid in enumerate(wnids)}
    told: dict[str, int] = {}
    for place, line in enumerate(_text(table).splitlines(), start=1):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        if wnid not in numbers:
            raise ConfigError(
                f"{table}: line {place}: expected a file and one of the classes of wnids.txt, "
                f"found {line[:60]!r}"
            )
        told[name] = numbers[wnid]
    counts = Counter(told.values())
    wrong = next((label for label in range(len(wnids)) if counts[label] != each), None)
    if wrong is not None:
        raise ConfigError(
            f"{table}: expected {each} pictures of {wnids[wrong]}, found {counts[wrong]}; "
            "unpack the archive again"
        )
    names = sorted(told)
    return Listing(
        folder, tuple(folder / "images" / name for name in names), tuple(told[n] for n in names)
    )


def _text(path: Path) -> str:
    try:
        return read(path).decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file; unpack the archive again") from error
