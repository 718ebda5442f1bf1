"""Street View House Numbers, cropped digits: MATLAB 5 files, read by scipy.

Format, addresses: http://ufldl.stanford.edu/housenumbers/; MD5s as in torchvision 0.28.0
(datasets/svhn.py).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import SvhnDataset
from hwflow.data.download import download
from hwflow.data.files import read_verified
from hwflow.data.splits import Labelled, Source, Splits, held_out
from hwflow.errors import ConfigError
from hwflow.log import Progress


@dataclass(frozen=True)
class MatFile:
    """One part: its file, its MD5, and its number of frames."""

    name: str
    md5: str
    count: int


@dataclass(frozen=True)
class SvhnFiles:
    """Both parts, and where the publisher has them."""

    url: str
    train: MatFile
    test: MatFile


SVHN = SvhnFiles(
    url="http://ufldl.stanford.edu/housenumbers/",
    train=MatFile("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", 73_257),
    test=MatFile("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", 26_032),
)


def load_svhn(known: SvhnFiles, config: SvhnDataset, root: DataRoot, progress: Progress) -> Splits:
    """Return SVHN as (N, 32, 32, 3) uint8 frames; the files lie in the data root or ``svhn``.

    Raises:
        ConfigError: a file is missing or is not the publisher's.
    """
    sources: list[Source] = []

    def labelled(file: MatFile) -> Labelled:
        path = _find(known, file, root, progress)
        content = read_verified(path, file.md5)
        sources.append(Source(path, f"md5 {file.md5}"))
        return parse_mat(content, path, count=file.count)

    return held_out(
        labelled(known.train),
        labelled(known.test),
        classes=tuple("0123456789"),
        validation=config.validation,
        seed=config.split_seed,
        sources=tuple(sources),
    )


def _find(known: SvhnFiles, file: MatFile, root: DataRoot, progress: Progress) -> Path:
    places = (root.path / "svhn" / file.name, root.path / file.name)
    for place in places:
        if place.is_file():
            return place
    if not root.download:
        raise root.missing("SVHN", *places)
    download([known.url + file.name], places[0], md5=file.md5, progress=progress)
    return places[0]


def parse_mat(content: bytes, path: Path, *, count: int) -> Labelled:
    """Return the ``count`` frames in the .mat file ``content``, read from ``path``.

    ``X``: (32, 32, 3, N) uint8; ``y``: (N, 1), where 10 stands for the digit 0.

    Raises:
        ConfigError: it is none, or does not hold so many frames.
    """
    from scipy.io import loadmat

    try:
        told = loadmat(io.BytesIO(content), variable_names=("X", "y"))
        images, labels = np.asarray(told["X"]), np.asarray(told["y"]).ravel()
    # scipy raises whatever its parser runs into, Exception itself among it
    except Exception as error:
        raise ConfigError(
            f"{path}: not a MATLAB file with X and y ({type(error).__name__}: {error}); replace it"
        ) from error
    if images.dtype != np.uint8 or images.shape != (32, 32, 3, count) or labels.shape != (count,):
        raise ConfigError(
            f"{path}: expected X (32, 32, 3, {count}) of bytes and {count} labels y, found X "
            f"{images.shape} of {images.dtype} and {labels.size} labels; replace it"
        )
    if labels.min() < 1 or labels.max() > 10:
        raise ConfigError(
            f"{path}: expected labels y of 1 to 10, found {labels.min()} to {labels.max()}"
        )
    frames = np.ascontiguousarray(images.transpose(3, 0, 1, 2))
    return Labelled(frames, labels.astype(np.int64) % 10)
