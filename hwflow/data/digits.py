"""scikit-learn's handwritten digits (UCI optdigits test set), 1,797 real 8×8 images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwflow.config.dataset import DigitsDataset
from hwflow.data.splits import Splits, split

_WHITE = 16  # scikit-learn's pixels count set bits of 4×4 blocks: 0..16


def load_digits(config: DigitsDataset) -> Splits:
    """Return the digits as (N, 8·upscale, 8·upscale, 1) uint8 frames, white on black."""
    from sklearn.datasets import load_digits as embedded

    raw = embedded()
    counts = raw.images.astype(np.int64)
    frames = upscale(counts, config.upscale, white=_WHITE)[..., None]
    return split(
        frames,
        raw.target.astype(np.int64),
        classes=tuple(str(name) for name in raw.target_names),
        validation=config.validation,
        test=config.test,
        seed=config.split_seed,
    )


def upscale(images: NDArray[np.int64], factor: int, *, white: int) -> NDArray[np.uint8]:
    """Return ``images`` (N, H, W), 0..``white``, enlarged bilinearly, as 0..255 (N, fH, fW) uint8.

    Integers throughout, so that every machine gets the same bytes. Pixel centres lie at half
    positions and the border is replicated (torch's ``align_corners=False``).
    """
    for axis in (1, 2):
        images = _interpolate(images, factor, axis)
    full = white * (2 * factor) ** 2
    return ((images * 255 + full // 2) // full).astype(np.uint8)


def _interpolate(images: NDArray[np.int64], factor: int, axis: int) -> NDArray[np.int64]:
    # Output centre i lies at (2i + 1 - f) / (2f) in input pixels; the sum has weight 2f.
    length = images.shape[axis]
    position = 2 * np.arange(factor * length) + 1 - factor
    left = position // (2 * factor)
    weight = position - left * 2 * factor
    shape = [1, 1, 1]
    shape[axis] = -1
    near = np.take(images, np.clip(left, 0, length - 1), axis=axis)
    far = np.take(images, np.clip(left + 1, 0, length - 1), axis=axis)
    mixed: NDArray[np.int64] = near * (2 * factor - weight.reshape(shape))
    mixed += far * weight.reshape(shape)
    return mixed
