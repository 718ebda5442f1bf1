"""Reads the scores in a bundle's ``golden.npz``, by split."""

from __future__ import annotations

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

# What stands before the names of a split's arrays.
PREFIX = {"test": "", "validation": "validation_"}


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


def scored(bundle: Bundle, golden: Mapping[str, NDArray[Any]], split: str) -> ScoredSplit | None:
    """Return the scores of ``split``, or None where the bundle has none, or no labels for them.

    Raises:
        ConfigError: the validation frames are not the calibration's number, nor translations of
            so many.
    """
    prefix = PREFIX[split]
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
