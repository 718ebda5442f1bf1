"""The pickled batches in which CIFAR is published, read without running what they might hold."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hwflow.data.splits import Labelled
from hwflow.errors import ConfigError

_SHAPE = (3, 32, 32)  # of a frame in a batch: planes of red, green, blue


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
            return np.empty(0).__reduce__()[0]  # the same function, without its private name
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
