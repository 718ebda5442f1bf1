"""Pictures as uint8 frames of one size, decoded once into a file that is mapped from then on.

A set of pictures does not fit in memory, and to decode one costs more than a training step spends
on it. So each is decoded, resized and cropped once; the frames of a split lie one after another in
one file of the cache and reach hwflow as an array mapped from it: all that works on arrays works
on them, and only what is looked at is read. Since an array has no gaps, each split has a file of
its own, and another split seed means other files.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cache import cache_dir
from hwflow.errors import ConfigError
from hwflow.log import Progress

SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".webp", ".bmp"})
_VERSION = 1  # raise it when the same pictures would give other frames
_BLOCK = 256  # pictures decoded between two looks at the progress


@dataclass(frozen=True)
class Crop:
    """The central ``size`` × ``size`` pixels after the shorter side became ``resize`` pixels."""

    size: int
    resize: int


def decode(path: Path, crop: Crop | None = None) -> NDArray[np.uint8]:
    """Return the picture at ``path`` as (H, W, 3) uint8 RGB.

    Sizes and positions are rounded as by torchvision's ``Resize`` (bilinear, antialiased) and
    ``CenterCrop``.

    Raises:
        ConfigError: it cannot be read or decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such picture") from error
    # Broken pictures raise whatever Pillow's decoders run into.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ConfigError(f"{path}: cannot be decoded ({error}); replace the picture") from error
    if crop is None:
        return np.asarray(picture)
    width, height = picture.size
    shorter = min(width, height)
    if shorter != crop.resize:
        width, height = (crop.resize * side // shorter for side in (width, height))
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (round((side - crop.size) / 2) for side in (width, height))
    return np.asarray(picture.crop((left, top, left + crop.size, top + crop.size)))


def frames_of(
    paths: Sequence[Path], crop: Crop, *, what: str, progress: Progress
) -> NDArray[np.uint8]:
    """Return the pictures as (N, size, size, 3) uint8, mapped from a file of hwflow's cache.

    The first call decodes them; as long as no picture changes, later ones find the file. ``what``
    names them to ``progress``.

    Raises:
        ConfigError: a picture cannot be decoded, or the cache has no room.
    """
    kept = cache_dir("frames") / f"{_key(paths, crop)}.npy"
    if not kept.is_file():
        with _alone(kept):
            if not kept.is_file():
                shape = (len(paths), crop.size, crop.size, 3)
                with _new_array(kept, shape) as frames:
                    _fill(frames, paths, crop, what, progress)
    mapped: NDArray[np.uint8] = np.load(kept, mmap_mode="r")
    return mapped


def content_of(frames: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of what ``frames_of`` has returned, wherever its pictures lie.

    It is computed once and kept beside the frames: to read those of a large set takes minutes.
    """
    assert isinstance(frames, np.memmap)
    mapped = Path(str(frames.filename))
    kept = mapped.with_suffix(".sha256")
    with _alone(mapped):
        if not kept.is_file():
            told = hashlib.sha256(str(frames.shape).encode())
            for start in range(0, len(frames), _BLOCK):
                told.update(frames[start : start + _BLOCK].tobytes())
            part = kept.with_suffix(".digest.part")
            part.write_text(told.hexdigest(), encoding="ascii")
            part.replace(kept)
        return kept.read_text(encoding="ascii")


def _key(paths: Sequence[Path], crop: Crop) -> str:
    told = hashlib.sha256()
    made_by = [_VERSION, crop.size, crop.resize, version("pillow")]
    told.update(json.dumps(made_by).encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
        told.update(f"|{path.absolute()}|{status.st_size}|{status.st_mtime_ns}".encode())
    return told.hexdigest()[:32]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes, such as those that train side by side, from making ``path`` as well.

    The lock goes with the process, however that ends.
    """
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _new_array(path: Path, shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    """Give an array whose content lies at ``path`` once the block has filled it, or nowhere."""
    needed, free = prod(shape), shutil.disk_usage(path.parent).free
    if needed > free:
        raise ConfigError(
            f"{path.parent}: the decoded frames need {needed / 1e9:.1f} GB, and only "
            f"{free / 1e9:.1f} GB are free; free some, choose another folder with HWFLOW_CACHE, or "
            "a smaller size in the recipe"
        )
    part = path.with_suffix(".part")  # one name for all: what a killed process left is written over
    try:
        array = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        yield array
        array.flush()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _fill(
    frames: NDArray[np.uint8], paths: Sequence[Path], crop: Crop, what: str, progress: Progress
) -> None:
    def one(index: int) -> None:
        frames[index] = decode(paths[index], crop)

    # Threads, since Pillow decodes and resizes without holding the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), _BLOCK):
            progress(f"decode {what}", start, len(paths))
            block = range(start, min(start + _BLOCK, len(paths)))
            list(pool.map(one, block))
    progress(f"decode {what}", len(paths), len(paths))
