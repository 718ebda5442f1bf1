"""CIFAR-10 and CIFAR-100: the publisher's pickled batches, or the same as lossless WebP pictures.

Format: https://www.cs.toronto.edu/~kriz/cifar.html; addresses and MD5s as in torchvision 0.28.0
(datasets/cifar.py). A folder of WebP gives the publisher's batches back byte for byte, so both
layouts pass the same check and the same parser.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import Cifar10Dataset, Cifar100Dataset
from hwflow.data.cifar_webp import rebuild
from hwflow.data.download import download, extract_tar
from hwflow.data.files import read_verified, verify
from hwflow.data.splits import Labelled, Source, Splits, held_out
from hwflow.errors import ConfigError
from hwflow.log import Progress

_SHAPE = (3, 32, 32)  # of a frame in a batch: planes of red, green, blue


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


def parse_batch(
    content: bytes, path: Path, *, labels_key: str, count: int, classes: int
) -> Labelled:
    """Return the ``count`` frames of the pickled batch ``content``, read from ``path``.

    ``data``: (N, 3072) uint8, a row of 1024 per colour plane.

    Raises:
        ConfigError: it is no batch, or does not hold so many frames and labels.
    """
    told = unpickle(content, path)
    data, labels = told.get(b"data"), told.get(labels_key.encode())
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.shape != (count, 3072)
        or not isinstance(labels, list)
        or len(labels) != count
    ):
        raise ConfigError(
            f"{path}: expected data ({count}, 3072) of bytes and {count} {labels_key}, found data "
            f"{getattr(data, 'shape', None)} and {len(labels or ())} labels; replace it"
        )
    numbers = np.array(labels, np.int64)
    if numbers.min() < 0 or numbers.max() >= classes:
        raise ConfigError(
            f"{path}: expected {labels_key} of 0 to {classes - 1}, "
            f"found {numbers.min()} to {numbers.max()}"
        )
    return Labelled(data.reshape(count, *_SHAPE).transpose(0, 2, 3, 1), numbers)


class _Unpickler(pickle.Unpickler):
    """Knows arrays of numpy and nothing else, so that no file can run code."""

    def find_class(self, module: str, name: str) -> Any:
        # numpy.core is what numpy 1 called numpy._core.
        if (module.replace("._core", ".core"), name) == ("numpy.core.multiarray", "_reconstruct"):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        raise pickle.UnpicklingError(f"asks for {module}.{name}")


def unpickle(content: bytes, path: Path) -> Mapping[bytes, Any]:
    """Return the dictionary pickled in ``content``, read from ``path``; text comes as bytes.

    Raises:
        ConfigError: it is damaged, or holds more than plain values and arrays.
    """
    try:
        told = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    # A damaged pickle is a damaged programme: it can fail in any way.
    except Exception as error:
        raise ConfigError(
            f"{path}: not a pickled batch ({type(error).__name__}: {error}); replace it"
        ) from error
    if not isinstance(told, dict):
        raise ConfigError(f"{path}: expected a pickled dictionary, found {type(told).__name__}")
    return told


def _joined(parts: list[Labelled]) -> Labelled:
    return Labelled(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
