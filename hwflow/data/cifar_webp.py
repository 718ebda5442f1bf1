"""CIFAR batches kept as lossless WebP, two thirds of the pickled size.

``<batch>.<00, 01, ...>.webp`` stack 500 frames each from top to bottom, in the publisher's order;
``meta.npz`` holds, for each batch, the bytes of its pickle before (``head_<batch>``) and after
(``tail_<batch>``) the pixels.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.data.pictures import decode
from hwflow.errors import ConfigError

_SIDE = 32


def rebuild(folder: Path, batch: str) -> tuple[bytes, list[Path]]:
    """Return the publisher's pickle of ``batch``, and the files that it was put together from.

    Raises:
        ConfigError: one of them is missing or damaged.
    """
    pieces = sorted(folder.glob(f"{batch}.[0-9][0-9].webp"))
    if not pieces:
        raise ConfigError(f"{folder}: expected {batch}.00.webp and so on, found none; copy it anew")
    head, tail = _ends(folder / "meta.npz", batch)
    pixels = np.concatenate([_frames(piece) for piece in pieces])
    content = b"".join((head, pixels.transpose(0, 3, 1, 2).tobytes(), tail))
    return content, [*pieces, folder / "meta.npz"]


def _frames(piece: Path) -> NDArray[np.uint8]:
    picture = decode(piece)
    height, width, _ = picture.shape
    if width != _SIDE or height % _SIDE:
        raise ConfigError(
            f"{piece}: expected frames of {_SIDE}×{_SIDE} from top to bottom, found a picture of "
            f"{width}×{height}; copy it anew"
        )
    return picture.reshape(-1, _SIDE, _SIDE, 3)


def _ends(path: Path, batch: str) -> tuple[bytes, bytes]:
    try:
        with np.load(path, allow_pickle=False) as told:
            return told[f"head_{batch}"].tobytes(), told[f"tail_{batch}"].tobytes()
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"{path}: expected the arrays head_{batch} and tail_{batch} ({error}); copy it anew"
        ) from error
