"""CIFAR-10 and CIFAR-100: the publisher's pickled batches, or the same as lossless WebP pictures.

Format: https://www.cs.toronto.edu/~kriz/cifar.html; addresses and MD5s as in torchvision 0.28.0
(datasets/cifar.py). A folder of WebP gives the publisher's batches back byte for byte, so both
layouts pass the same check and the same parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import Cifar10Dataset, Cifar100Dataset
from hwflow.data.cifar_pickle import parse_batch, unpickle
from hwflow.data.cifar_webp import rebuild
from hwflow.data.download import download, extract_tar
from hwflow.data.files import read_verified, verify
from hwflow.data.splits import Labelled, Source, Splits, held_out
from hwflow.errors import ConfigError
from hwflow.log import Progress


@dataclass(frozen=True)
class Batch:
    """One pickled batch: file name, MD5 and number of frames."""

    name: str
    md5: str
    count: int


@dataclass(frozen=True)
class CifarSet:
    """A data set of pickled batches, as torchvision has it, and what its keys are called.

    ``folder`` and ``webp``: the two layouts below the data root.
    """

    title: str
    folder: str
    webp: str
    url: str
    archive_md5: str
    train: tuple[Batch, ...]
    test: tuple[Batch, ...]
    meta: Batch
    labels_key: str
    names_key: str


CIFAR10 = CifarSet(
    title="CIFAR-10",
    folder="cifar-10-batches-py",
    webp="cifar-10-webp",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    archive_md5="c58f30108f718f92721af3b95e74349a",
    train=(
        Batch("data_batch_1", "c99cafc152244af753f735de768cd75f", 10_000),
        Batch("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec", 10_000),
        Batch("data_batch_3", "54ebc095f3ab1f0389bbae665268c751", 10_000),
        Batch("data_batch_4", "634d18415352ddfa80567beed471001a", 10_000),
        Batch("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb", 10_000),
    ),
    test=(Batch("test_batch", "40351d587109b95175f43aff81a1287e", 10_000),),
    meta=Batch("batches.meta", "5ff9c542aee3614f3951f8cda6e48888", 10),
    labels_key="labels",
    names_key="label_names",
)
CIFAR100 = CifarSet(
    title="CIFAR-100",
    folder="cifar-100-python",
    webp="cifar-100-webp",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    archive_md5="eb9058c3a382ffc7106e4002c42a8d85",
    train=(Batch("train", "16019d7e3df5f24257cddd939b257f8d", 50_000),),
    test=(Batch("test", "f0ef6b0ae62326f3e7ffdfab6717acfc", 10_000),),
    meta=Batch("meta", "7973b15100ade9c7d40fb424638fde48", 100),
    labels_key="fine_labels",
    names_key="fine_label_names",
)


def load_cifar(
    known: CifarSet, config: Cifar10Dataset | Cifar100Dataset, root: DataRoot, progress: Progress
) -> Splits:
    """Return the data set as (N, 32, 32, 3) uint8 RGB frames.

    Raises:
        ConfigError: a file is missing or is not the publisher's.
    """
    sources: list[Source] = []
    folder = _find(known, root, progress)
    classes = _classes(known, folder, sources)
    batches = (*known.train, *known.test)
    parts = []
    for number, batch in enumerate(batches):
        progress(f"read {known.title}", number, len(batches))
        content, source = _content(known, folder, batch)
        sources.append(source)
        parts.append(
            parse_batch(
                content,
                folder / batch.name,
                labels_key=known.labels_key,
                count=batch.count,
                classes=len(classes),
            )
        )
    return held_out(
        _joined(parts[: len(known.train)]),
        _joined(parts[len(known.train) :]),
        classes=classes,
        validation=config.validation,
        seed=config.split_seed,
        sources=tuple(sources),
    )


def _find(known: CifarSet, root: DataRoot, progress: Progress) -> Path:
    pickled, webp = root.path / known.folder, root.path / known.webp
    for place in (pickled, webp):
        if place.is_dir():
            return place
    if not root.download:
        raise root.missing(known.title, pickled, webp)
    archive = root.path / known.url.rpartition("/")[2]
    download([known.url], archive, md5=known.archive_md5, progress=progress)
    names = [f"{known.folder}/{batch.name}" for batch in (*known.train, *known.test, known.meta)]
    extract_tar(archive, names, root.path)
    return pickled


def _content(known: CifarSet, folder: Path, batch: Batch) -> tuple[bytes, Source]:
    """Return the publisher's bytes of ``batch`` and where they come from."""
    path = folder / batch.name
    if folder.name != known.webp:
        return read_verified(path, batch.md5), Source(path, f"md5 {batch.md5}")
    content, pieces = rebuild(folder, batch.name)
    pictures = folder / f"{batch.name}.*.webp"
    verify(content, batch.md5, parts=pieces, shown=pictures)
    return content, Source(pictures, f"rebuild {batch.name}, md5 {batch.md5}")


def _classes(known: CifarSet, folder: Path, sources: list[Source]) -> tuple[str, ...]:
    path = folder / known.meta.name
    told = unpickle(read_verified(path, known.meta.md5), path)
    sources.append(Source(path, f"md5 {known.meta.md5}"))
    names = told.get(known.names_key.encode())
    if not isinstance(names, list) or len(names) != known.meta.count:
        raise ConfigError(f"{path}: expected {known.meta.count} names in {known.names_key}")
    return tuple(name.decode() for name in names)


def _joined(parts: list[Labelled]) -> Labelled:
    return Labelled(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
