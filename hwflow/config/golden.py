"""The arrays of a bundle's ``golden.npz``, by split."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.view import ScoredSplit
from hwflow.config.bundle import AGAIN, GOLDEN_FILE, Bundle
from hwflow.errors import ConfigError

Arrays = dict[str, NDArray[Any]]

DIGEST = "test_digest"


def read_golden(folder: Path) -> Arrays:
    """Return the arrays of the bundle in ``folder``.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    path = folder / GOLDEN_FILE
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); {AGAIN}") from error


def label_dtype(classes: int) -> type[np.uint8] | type[np.uint16]:
    """Return the type that labels of so many classes are kept in."""
    return np.uint8 if classes <= 256 else np.uint16


def digests(frames: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return (N,): the first eight bytes of each frame's SHA-256."""
    first = b"".join(hashlib.sha256(frame.tobytes()).digest()[:8] for frame in frames)
    return np.frombuffer(first, dtype="<u8")


def known_digests(golden: Mapping[str, NDArray[Any]]) -> NDArray[np.uint64]:
    """Return the digests of every test frame behind the bundle, carried or not."""
    return golden[DIGEST] if DIGEST in golden else digests(golden["frames"])


def _prefix(golden: Mapping[str, NDArray[Any]], split: str) -> str:
    """Return what stands before the names of the split's arrays.

    The frames carried are the test split, unless there are arrays of a whole one.
    """
    whole = f"{split}_"
    return "" if split == "test" and f"{whole}label" not in golden else whole


def scored(bundle: Bundle, golden: Mapping[str, NDArray[Any]], split: str) -> ScoredSplit | None:
    """Return the scores of ``split``, or None where the bundle has none, or no labels for them.

    Raises:
        ConfigError: the validation frames are not the calibration's number, nor translations of
            so many.
    """
    prefix = _prefix(golden, split)
    names = [f"{prefix}scores_{stage}" for stage in range(len(bundle.stages))]
    if f"{prefix}label" not in golden or any(name not in golden for name in names):
        return None
    labels = golden[f"{prefix}label"].astype(np.int64)
    copies = 1
    if split == "validation" and bundle.policy.calibration is not None:
        copies, rest = divmod(len(labels), bundle.policy.calibration.n)
        if rest or not copies:
            raise ConfigError(
                f"{GOLDEN_FILE}: {len(labels)} validation frames, but the calibration tells of "
                f"{bundle.policy.calibration.n}; {AGAIN}"
            )
    return ScoredSplit(split, labels, tuple(golden[name] for name in names), copies)
