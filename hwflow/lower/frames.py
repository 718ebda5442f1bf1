"""Frames for networks that come without data: random ones, and those that strain the hardware."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import ConfigError
from hwflow.lower.network import Conv, Network, Pad, Reshape, Shape, Threshold

Bytes = NDArray[np.uint8]

FEWEST = 2  # so that there is a distance between frames


def make_frames(network: Network, count: int, *, seed: int) -> Bytes:
    """Return ``count`` (at least 4) frames (N, H, W, C) uint8 for ``network``.

    All bytes 0, all 255, two that drive accumulators of the first weight layer to the ends of
    their range, then noise, smooth images and sparse dots in turn, drawn from ``seed``.
    """
    random = np.random.default_rng(seed)
    shape = network.input.shape
    frames = [np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), *_worst_case(network)]
    makers = (_noise, _smooth, _dots)
    frames += [makers[index % 3](random, shape) for index in range(count - len(frames))]
    return np.stack(frames)[:count]


def _noise(random: np.random.Generator, shape: Shape) -> Bytes:
    return random.integers(0, 256, shape, dtype=np.uint8)


def _smooth(random: np.random.Generator, shape: Shape) -> Bytes:
    """A coarse random image, enlarged: neighbouring bytes are alike, as in photographs."""
    height, width, channels = shape
    coarse = random.integers(0, 256, (-(-height // 4), -(-width // 4), channels), dtype=np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]


def _dots(random: np.random.Generator, shape: Shape) -> Bytes:
    """Mostly 0, some 255, as in drawings."""
    return np.where(random.random(shape) < random.uniform(0.05, 0.4), 255, 0).astype(np.uint8)


def _worst_case(network: Network) -> tuple[Bytes, Bytes]:
    """Return frames that give one output of the first weight layer its highest and lowest sum.

    The weight signs of the filter with the largest absolute sum, tiled over the frame; bytes go
    through an activation in front of that layer, which rises with the byte.
    """
    passing = {network.input.name}
    first = None
    for layer in network.layers:
        if passing.isdisjoint(layer.inputs):
            continue
        if isinstance(layer, Conv):
            first = layer
            break
        if isinstance(layer, Pad | Reshape | Threshold):
            passing.add(layer.output.name)
    height, width, channels = network.input.shape
    high, low = (127, 128) if network.input.signed else (255, 0)  # the bytes of +127 and −128
    if first is None:
        signs = np.ones((1, 1, 1))
    else:
        totals = np.abs(first.weights).sum(axis=(1, 2, 3))
        signs = first.weights[int(totals.argmax())]
        if signs.shape[-1] != channels:  # a flattened map: the filter is as large as the frame
            signs = signs.reshape(height, width, channels)
    rows, columns = -(-height // signs.shape[0]), -(-width // signs.shape[1])
    tiled = np.tile(signs, (rows, columns, 1))[:height, :width]
    tiled = np.broadcast_to(tiled, (height, width, channels))
    return (
        np.where(tiled > 0, high, low).astype(np.uint8),
        np.where(tiled > 0, low, high).astype(np.uint8),
    )


def read_frames(path: Path, shape: Shape) -> tuple[Bytes, NDArray[np.int64] | None]:
    """Return the frames of a ``.npy`` file, or ``frames`` and ``label`` of a ``.npz`` file.

    Labels are not checked against the number of classes.

    Raises:
        ConfigError: no such file, or it does not hold uint8 frames (N >= 2, H, W, C) of ``shape``,
            and integer labels (N,) if any.
    """
    wanted = f"{path}: expected a .npy or .npz file of frames"
    if not path.is_file():
        raise ConfigError(f"{wanted}, found no file there")
    try:
        arrays = _arrays(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{wanted}; this one is damaged, or something else") from error
    if not {"frames"} <= set(arrays) <= {"frames", "label"}:
        raise ConfigError(
            f"{path}: expected an array 'frames' and perhaps 'label', found {sorted(arrays)}"
        )
    frames, label = arrays["frames"], arrays.get("label")
    if frames.dtype == np.int8:
        frames = frames.view(np.uint8)
    if frames.ndim != 4 or frames.shape[1:] != shape or frames.dtype != np.uint8:
        raise ConfigError(
            f"{path}: expected bytes of shape (N, {', '.join(map(str, shape))}) (N, H, W, C), "
            f"got {frames.dtype} of shape {frames.shape}"
        )
    if len(frames) < FEWEST:
        raise ConfigError(f"{path}: expected at least {FEWEST} frames, got {len(frames)}")
    if label is None:
        return frames, None
    if label.shape != (len(frames),) or label.dtype.kind not in "iu":
        raise ConfigError(
            f"{path}: expected {len(frames)} integers as 'label', got {label.dtype} of shape "
            f"{label.shape}"
        )
    return frames, label.astype(np.int64)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {"frames": loaded}
    with loaded:
        return {name: loaded[name] for name in loaded.files}
