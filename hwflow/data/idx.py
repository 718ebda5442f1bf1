"""MNIST and Fashion-MNIST: idx files, gzipped or not.

Names, addresses and MD5s of the gzipped files are those of torchvision 0.28.0 (datasets/mnist.py);
MD5s of the unpacked ones follow from them. torchvision itself is not used: the published wheel of
that version loads beside the CUDA build of torch only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import FashionMnistDataset, MnistDataset
from hwflow.data.download import download
from hwflow.data.files import read_verified
from hwflow.data.idx_file import parse_idx, unpack
from hwflow.data.splits import Labelled, Source, Splits, held_out
from hwflow.errors import ConfigError
from hwflow.log import Progress


@dataclass(frozen=True)
class IdxFile:
    """One file of a data set: its name without .gz, the MD5 of the .gz, and that of the content."""

    name: str
    gz_md5: str
    md5: str


@dataclass(frozen=True)
class IdxPart:
    """Images (N, rows, columns) and labels (N,) of one part, and N."""

    images: IdxFile
    labels: IdxFile
    count: int


@dataclass(frozen=True)
class IdxSet:
    """A data set of idx files in ``folder / raw`` below the data root, as torchvision has it."""

    title: str
    folder: str
    mirrors: tuple[str, ...]
    train: IdxPart
    test: IdxPart
    classes: tuple[str, ...]


MNIST = IdxSet(
    title="MNIST",
    folder="MNIST",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    train=IdxPart(
        IdxFile(
            "train-images-idx3-ubyte",
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "6bbc9ace898e44ae57da46a324031adb",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "a25bea736e30d166cdddb491f175f624",
        ),
        60_000,
    ),
    test=IdxPart(
        IdxFile(
            "t10k-images-idx3-ubyte",
            "9fb629c4189551a2d022fa330f9573f3",
            "2646ac647ad5339dbf082846283269ea",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            "ec29112dd5afa0611ce80d1b7f02629c",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        10_000,
    ),
    classes=tuple("0123456789"),
)
FASHION_MNIST = IdxSet(
    title="Fashion-MNIST",
    folder="FashionMNIST",
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    train=IdxPart(
        IdxFile(
            "train-images-idx3-ubyte",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            "25c81989df183df01b3e8a0aad5dffbe",
            "9018921c3c673c538a1fc5bad174d6f9",
        ),
        60_000,
    ),
    test=IdxPart(
        IdxFile(
            "t10k-images-idx3-ubyte",
            "bef4ecab320f06d8554ea6380940ec79",
            "8181f5470baa50b63fa0f6fddb340f0a",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            "bb300cfdad3c16e7a12a480ee83cd310",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        10_000,
    ),
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


def load_idx(
    known: IdxSet, config: MnistDataset | FashionMnistDataset, root: DataRoot, progress: Progress
) -> Splits:
    """Return the data set as (N, 28 + 2·pad, 28 + 2·pad, 1) uint8 frames, white on black.

    Raises:
        ConfigError: a file is missing or is not the publisher's.
    """
    sources: list[Source] = []

    def labelled(part: IdxPart) -> Labelled:
        images = _array(known, part.images, root, sources, progress, dimensions=3)
        labels = _array(known, part.labels, root, sources, progress, dimensions=1)
        for array, source in zip((images, labels), sources[-2:], strict=True):
            if len(array) != part.count:
                raise ConfigError(
                    f"{source.path}: expected {part.count:,} entries, found {len(array):,}"
                )
        if labels.max() >= len(known.classes):
            raise ConfigError(
                f"{sources[-1].path}: expected labels below {len(known.classes)}, "
                f"found {labels.max()} at place {labels.argmax()}"
            )
        margin = (config.pad, config.pad)
        frames = np.pad(images, ((0, 0), margin, margin))[..., None]
        return Labelled(frames, labels.astype(np.int64))

    return held_out(
        labelled(known.train),
        labelled(known.test),
        classes=known.classes,
        validation=config.validation,
        seed=config.split_seed,
        sources=tuple(sources),
    )


def _array(
    known: IdxSet,
    file: IdxFile,
    root: DataRoot,
    sources: list[Source],
    progress: Progress,
    *,
    dimensions: int,
) -> NDArray[np.uint8]:
    plain = root.path / known.folder / "raw" / file.name
    packed = plain.with_name(f"{file.name}.gz")
    if root.download and not packed.is_file() and not plain.is_file():
        urls = [f"{mirror}{packed.name}" for mirror in known.mirrors]
        download(urls, packed, md5=file.gz_md5, progress=progress)
    if packed.is_file():
        content = unpack(read_verified(packed, file.gz_md5), packed)
        sources.append(Source(packed, f"md5 {file.gz_md5}"))
        return parse_idx(content, packed, dimensions=dimensions)
    if plain.is_file():
        content = read_verified(plain, file.md5)
        sources.append(Source(plain, f"md5 {file.md5}"))
        return parse_idx(content, plain, dimensions=dimensions)
    raise root.missing(known.title, packed, plain)
