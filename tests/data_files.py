"""Small data sets in the true formats of their publishers, and what hwflow has to know of each."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from hwflow.data.cifar import CIFAR10, Batch, CifarSet
from hwflow.data.idx import MNIST, IdxFile, IdxPart, IdxSet
from hwflow.data.svhn import SVHN, MatFile, SvhnFiles
from hwflow.data.tiny_imagenet import TINY_IMAGENET, TinySet


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, and no data root from the surroundings."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HWFLOW_CACHE", str(folder))
    monkeypatch.delenv("HWFLOW_DATA", raising=False)
    return folder


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def labelled(n: int, classes: int, shape: tuple[int, ...], seed: int):
    """Random frames (n, *shape) and labels that hold every class in turn."""
    draw = np.random.RandomState(seed)
    frames = draw.randint(0, 256, (n, *shape)).astype(np.uint8)
    return frames, np.arange(n) % classes


def idx(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim))
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + sizes + array.astype(np.uint8).tobytes()


def write_idx_file(folder: Path, name: str, content: bytes, *, gz: bool = True) -> IdxFile:
    """Write ``content``, whatever it is, and return it as a published file."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(content, mtime=0)
    path = folder / (f"{name}.gz" if gz else name)
    path.write_bytes(packed if gz else content)
    return IdxFile(name, md5(packed), md5(content))


def write_idx_set(root: Path, train, test, *, gz: bool = True) -> IdxSet:
    """Write MNIST's four files with these frames (N, 28, 28) and labels."""
    parts = []
    for name, (frames, labels) in (("train", train), ("t10k", test)):
        raw = root / "MNIST" / "raw"
        images = write_idx_file(raw, f"{name}-images-idx3-ubyte", idx(frames), gz=gz)
        numbers = write_idx_file(raw, f"{name}-labels-idx1-ubyte", idx(labels), gz=gz)
        parts.append(IdxPart(images, numbers, len(labels)))
    return dataclasses.replace(MNIST, train=parts[0], test=parts[1])


class _Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 wrote text, as the publisher's batches have it."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012, as the class above

    def save_bytes(self, value):
        size = len(value)
        code = b"U" + bytes([size]) if size < 256 else b"T" + size.to_bytes(4, "little")
        self.write(code + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes


def python2_pickle(value) -> bytes:
    content = io.BytesIO()
    _Python2Pickler(content, protocol=2).dump(value)
    return content.getvalue()


def cifar_batch(frames: np.ndarray, labels: np.ndarray, labels_key: str) -> bytes:
    """A batch of frames (N, 32, 32, 3)."""
    rows = frames.transpose(0, 3, 1, 2).reshape(len(frames), -1)
    return python2_pickle(
        {
            b"batch_label": b"a batch",
            labels_key.encode(): labels.tolist(),
            b"data": np.ascontiguousarray(rows),
            b"filenames": [b"%d.png" % place for place in range(len(frames))],
        }
    )


def write_cifar(root: Path, train, test, *, base: CifarSet = CIFAR10, webp: bool = False):
    """Write batches of these frames and labels, two for training in CIFAR-10, and its classes."""
    folder = root / (base.webp if webp else base.folder)
    folder.mkdir(parents=True)
    ends: dict[str, np.ndarray] = {}

    def batch(name: str, frames, labels) -> Batch:
        content = cifar_batch(frames, labels, base.labels_key)
        if webp:
            _write_webp(folder, name, frames, content, ends)
        else:
            (folder / name).write_bytes(content)
        return Batch(name, md5(content), len(labels))

    names = ["data_batch_1", "data_batch_2"] if base is CIFAR10 else ["train"]
    pairs = zip(*(np.array_split(part, len(names)) for part in train), strict=True)
    trained = tuple(batch(name, *pair) for name, pair in zip(names, pairs, strict=True))
    tested = (batch("test_batch" if base is CIFAR10 else "test", *test),)
    classes = [b"class %d" % number for number in range(base.meta.count)]
    meta = python2_pickle({base.names_key.encode(): classes})
    (folder / base.meta.name).write_bytes(meta)
    if webp:
        np.savez(folder / "meta.npz", **ends)
    named = dataclasses.replace(base.meta, md5=md5(meta))
    return dataclasses.replace(base, train=trained, test=tested, meta=named)


def _write_webp(folder: Path, name: str, frames, content: bytes, ends) -> None:
    pixels = frames.transpose(0, 3, 1, 2).tobytes()
    begin = content.index(pixels)
    ends[f"head_{name}"] = np.frombuffer(content[:begin], np.uint8)
    ends[f"tail_{name}"] = np.frombuffer(content[begin + len(pixels) :], np.uint8)
    for number, start in enumerate(range(0, len(frames), 8)):
        stack = frames[start : start + 8].reshape(-1, 32, 3)
        Image.fromarray(stack).save(
            folder / f"{name}.{number:02d}.webp", lossless=True, exact=True, method=0, quality=0
        )


def write_svhn(folder: Path, train, test) -> SvhnFiles:
    """Write both .mat files; the digit 0 has the label 10 there."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, (frames, labels) in (("train_32x32.mat", train), ("test_32x32.mat", test)):
        numbers = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
        told = {"X": frames.transpose(1, 2, 3, 0), "y": numbers}
        savemat(folder / name, told, do_compression=True)
        files.append(MatFile(name, md5((folder / name).read_bytes()), len(labels)))
    return dataclasses.replace(SVHN, train=files[0], test=files[1])


def picture(path: Path, size: tuple[int, int], seed: int, mode: str = "RGB") -> Path:
    """Write a smooth random picture of (width, height); its format follows from the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    few = np.random.RandomState(seed).randint(0, 256, (4, 4, 3)).astype(np.uint8)
    whole = Image.fromarray(few).resize(size, Image.Resampling.BICUBIC).convert(mode)
    whole.save(path)
    return path


def write_tiny(root: Path, *, wnids=("n02", "n01", "n03"), train_each=20, test_each=4) -> TinySet:
    """Write a small Tiny ImageNet; one picture of a class is grey, as some of the real ones are."""
    folder = root / TINY_IMAGENET.folder
    seed = 0
    for wnid in wnids:
        for number in range(train_each):
            seed += 1
            path = folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG"
            picture(path, (64, 64), seed, "L" if number == 1 else "RGB")
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text("boxes\n")
    lines = []
    for number in range(test_each * len(wnids)):
        name = f"val_{number}.JPEG"
        picture(folder / "val" / "images" / name, (64, 64), 1000 + number)
        lines.append(f"{name}\t{wnids[number % len(wnids)]}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("\n".join(wnids))
    return dataclasses.replace(
        TINY_IMAGENET, classes=len(wnids), train_each=train_each, test_each=test_each
    )


def write_imagenet(folder: Path, *, classes=("cat", "dog"), train_each=12, test_each=3) -> None:
    """Write a folder of pictures of many sizes and kinds."""
    kinds = (("JPEG", "RGB"), ("jpg", "L"), ("png", "RGBA"), ("jpeg", "CMYK"))
    seed = 0
    for part, each in (("train", train_each), ("val", test_each)):
        for name in classes:
            for number in range(each):
                seed += 1
                suffix, mode = kinds[number % len(kinds)]
                size = (40 + 7 * number, 60 - 2 * number)
                picture(folder / part / name / f"{number:03d}.{suffix}", size, seed, mode)
