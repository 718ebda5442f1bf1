"""Tiny ImageNet and ImageNet: folders of pictures, decoded once into a mapped file."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest
from data_files import cache, picture, write_imagenet, write_tiny  # noqa: F401
from PIL import Image

from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import ImageNetDataset, TinyImageNetDataset
from hwflow.data import load
from hwflow.data.pictures import Crop, decode, frames_of
from hwflow.data.tiny_imagenet import TINY_IMAGENET, load_tiny_imagenet
from hwflow.errors import ConfigError
from hwflow.log import silent

pytestmark = pytest.mark.usefixtures("cache")
TINY = TinyImageNetDataset(name="tiny_imagenet", validation=12)
IMAGENET = ImageNetDataset(name="imagenet", validation=10, size=28, resize=32)


def tiny(root, **counts):
    return load_tiny_imagenet(write_tiny(root, **counts), TINY, DataRoot(root), silent)


def test_tiny_imagenet(tmp_path):
    splits = tiny(tmp_path)
    assert splits.classes == ("n01", "n02", "n03")
    assert splits.frame_shape == TINY.frame_shape == (64, 64, 3)
    assert TINY.class_count == 200
    assert [len(subset) for subset in splits.subsets] == [48, 12, 12]
    assert splits.counts(splits.validation) == splits.counts(splits.test) == (4, 4, 4)
    # Class n01 comes first, whatever the order in wnids.txt, and its pictures by name.
    where = splits.train.indices.tolist().index(1)
    source = tmp_path / "tiny-imagenet-200" / "train" / "n01" / "images" / "n01_1.JPEG"
    with Image.open(source) as file:
        assert file.mode == "L"
        np.testing.assert_array_equal(splits.train.frames[where], np.asarray(file.convert("RGB")))
    # val_0 is the first of wnids.txt, n02
    assert splits.test.labels[0] == 1
    assert [source.check for source in splits.sources] == [
        "60 pictures, 20 of each class",
        "12 pictures, 4 of each class",
    ]


def test_frames_are_mapped_and_decoded_once(tmp_path, cache):  # noqa: F811
    seen = []
    known = write_tiny(tmp_path)

    def load_it(config):
        seen.clear()
        progress = lambda what, done, total: seen.append(what)  # noqa: E731
        return load_tiny_imagenet(known, config, DataRoot(tmp_path), progress)

    first = load_it(TINY)
    assert "decode train pictures" in seen
    assert all(isinstance(subset.frames, np.memmap) for subset in first.subsets)
    again = load_it(TINY)
    assert seen == []
    for one, other in zip(first.subsets, again.subsets, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
    assert load_it(TINY.model_copy(update={"split_seed": 1})).digest != first.digest
    assert set(seen) == {"decode train pictures", "decode validation pictures"}
    assert not list(cache.rglob("*.part"))


def test_a_changed_picture_is_decoded_again(tmp_path):
    path = picture(tmp_path / "a.png", (8, 8), 0)
    crop = Crop(8, 8)
    before = frames_of([path], crop, what="a", progress=silent).copy()
    picture(path, (8, 9), 1)
    after = frames_of([path], crop, what="a", progress=silent)
    assert not np.array_equal(before, after)


def test_what_two_want_is_decoded_by_one(tmp_path):
    paths = [picture(tmp_path / f"{number}.png", (8, 8), number) for number in range(600)]
    told = []

    def want():
        crop = Crop(8, 8)
        frames_of(paths, crop, what="a", progress=lambda _, done, total: told.append(done))

    both = [threading.Thread(target=want) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert told == [0, 256, 512, 600]


def spoil_tiny(root, what):
    folder = root / TINY_IMAGENET.folder
    annotations = folder / "val" / "val_annotations.txt"
    match what:
        case "picture":
            path = folder / "train" / "n03" / "images" / "n03_7.JPEG"
            path.write_bytes(path.read_bytes()[:200])
        case "not a picture":
            (folder / "val" / "images" / "val_3.JPEG").write_text("sorry, no such page")
        case "val picture gone":
            (folder / "val" / "images" / "val_3.JPEG").unlink()
        case "picture gone":
            (folder / "train" / "n03" / "images" / "n03_7.JPEG").unlink()
        case "class gone":
            shutil.rmtree(folder / "train" / "n02")
        case "wnids":
            (folder / "wnids.txt").write_text("n01 n02")
        case "binary wnids":
            (folder / "wnids.txt").write_bytes(b"\xff\xfe\xfd")
        case "annotations gone":
            annotations.unlink()
        case "annotations cut":
            annotations.write_text("".join(annotations.read_text().splitlines(True)[:-1]))
        case "unknown class":
            annotations.write_text(annotations.read_text().replace("n03", "n99", 1))


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("picture", r"n03_7\.JPEG: cannot be decoded"),
        ("not a picture", r"val_3\.JPEG: cannot be decoded"),
        ("val picture gone", r"val_3\.JPEG: cannot be read"),
        ("picture gone", r"n03/images: expected 20 pictures, found 19"),
        ("class gone", r"n02/images: cannot be listed"),
        ("wnids", r"wnids\.txt: expected 3 classes, found 2"),
        ("binary wnids", r"wnids\.txt: not a text file"),
        ("annotations gone", r"val_annotations\.txt: cannot be read"),
        ("annotations cut", r"val_annotations\.txt: expected 4 pictures of n03, found 3"),
        ("unknown class", r"val_annotations\.txt: line 3: expected .*'val_2\.JPEG\\tn99"),
    ],
)
def test_damaged_tiny_imagenet_is_named(tmp_path, cache, what, named):  # noqa: F811
    known = write_tiny(tmp_path)
    spoil_tiny(tmp_path, what)
    with pytest.raises(ConfigError, match=named):
        load_tiny_imagenet(known, TINY, DataRoot(tmp_path), silent)
    assert not list(cache.rglob("*.part"))


def test_missing_tiny_imagenet_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"expected .*tiny-imagenet-200\. Name the folder"):
        load(TINY, DataRoot(tmp_path))


def test_imagenet_folders(tmp_path):
    write_imagenet(tmp_path / "imagenet")
    splits = load(IMAGENET, DataRoot(tmp_path))
    assert splits.classes == ("cat", "dog")
    assert splits.frame_shape == IMAGENET.frame_shape == (28, 28, 3)
    assert [len(subset) for subset in splits.subsets] == [14, 10, 6]
    assert splits.counts(splits.validation) == (5, 5)
    np.testing.assert_array_equal(splits.test.labels, [0, 0, 0, 1, 1, 1])


def test_imagenet_folder_of_another_name(tmp_path):
    write_imagenet(tmp_path / "pets")
    splits = load(IMAGENET.model_copy(update={"folder": "pets"}), DataRoot(tmp_path))
    assert splits.classes == ("cat", "dog")


def spoil_imagenet(folder, what):
    match what:
        case "no val":
            shutil.rmtree(folder / "val")
        case "flat val":
            for path in list((folder / "val").glob("*/*")):
                path.rename(folder / "val" / f"{path.parent.name}_{path.name}")
            for path in ("cat", "dog"):
                (folder / "val" / path).rmdir()
        case "other class":
            (folder / "val" / "dog").rename(folder / "val" / "fox")
        case "empty class":
            shutil.rmtree(folder / "train" / "dog")
            (folder / "train" / "dog").mkdir()
            (folder / "train" / "dog" / "readme.txt").write_text("no pictures")
        case "broken png":
            path = folder / "train" / "dog" / "002.png"
            path.write_bytes(path.read_bytes()[:-60])
        case "few":
            for path in (folder / "train").glob("*/00[6-9].*"):
                path.unlink()


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("no val", r"imagenet/val: no such folder"),
        ("flat val", r"imagenet/val: expected a folder of pictures for each class, found 0"),
        ("other class", r"imagenet/val: expected the class 'dog', which train has"),
        ("empty class", r"train/dog: expected pictures .*found none"),
        ("broken png", r"train/dog/002\.png: cannot be decoded"),
        ("few", r"dataset\.validation = 10, but only 16 pictures are there"),
    ],
)
def test_damaged_imagenet_is_named(tmp_path, what, named):
    write_imagenet(tmp_path / "imagenet")
    spoil_imagenet(tmp_path / "imagenet", what)
    with pytest.raises(ConfigError, match=named):
        load(IMAGENET, DataRoot(tmp_path))


def test_missing_imagenet_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"ImageNet: not found; .*image-net\.org"):
        load(IMAGENET, DataRoot(tmp_path, download=True))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (100, 64), (50, 131), (33, 32)])
def test_crop_is_central_and_of_the_shorter_side(tmp_path, width, height):
    # A ramp to the right and one downwards: what is cut away shows in the first and last values.
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, width)[None, :]
    ramp[..., 1] = np.linspace(0, 255, height)[:, None]
    path = tmp_path / "ramp.png"
    Image.fromarray(ramp).save(path)
    frame = decode(path, Crop(size=28, resize=32))
    assert frame.shape == (28, 28, 3)
    shorter = min(width, height)
    for channel, length in ((0, width), (1, height)):
        line = frame[14, :, 0] if channel == 0 else frame[:, 14, 1]
        edge = (length - 28 / 32 * shorter) / 2 / length * 255
        assert line[0] == pytest.approx(edge, abs=8)
        assert line[-1] == pytest.approx(255 - edge, abs=8)


def test_a_cache_without_room_is_named(tmp_path, monkeypatch):
    path = picture(tmp_path / "a.png", (8, 8), 0)
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigError, match="HWFLOW_CACHE"):
        frames_of([path], Crop(8, 8), what="a", progress=silent)
