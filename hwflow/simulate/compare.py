"""Equality of two links of the exactness chain, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import Link
from hwflow.errors import VerificationError


def compare(
    link: str,
    *,
    expected: NDArray[np.integer],
    got: NDArray[np.integer],
    labels: tuple[str, ...] = (),
    frames: NDArray[np.integer] | None = None,
) -> Link:
    """Return the link between two integer arrays (N, values per frame) that are equal.

    ``labels`` name the values in a message, where they have names; ``frames`` (N,) number the
    frames there, where it is not from 0. Frames that ``got`` lacks, or has too many, count as
    different.

    Raises:
        VerificationError: the arrays differ; names the first frame that does.
    """
    if expected.ndim != 2 or got.ndim != 2 or expected.shape[1] != got.shape[1]:
        raise ValueError(f"{link}: expected shape {expected.shape}, got {got.shape}")
    common = min(len(expected), len(got))
    wrong = expected[:common].astype(np.int64) != got[:common].astype(np.int64)
    unpaired = max(len(expected), len(got)) - common
    mismatches = int(np.count_nonzero(wrong)) + unpaired * expected.shape[1]
    if mismatches:
        differing = np.flatnonzero(wrong.any(axis=1))
        sample = int(differing[0]) if len(differing) else common
        raise VerificationError(
            link,
            compared=expected.size,
            mismatches=mismatches,
            sample=sample if frames is None or sample >= len(frames) else int(frames[sample]),
            expected=_show(expected, sample, labels),
            got=_show(got, sample, labels),
        )
    return Link(link=link, compared=expected.size, mismatches=0, ties=0)


def _show(values: NDArray[np.integer], sample: int, labels: tuple[str, ...]) -> str:
    if sample >= len(values):
        return "nothing"
    row = [int(value) for value in values[sample]]
    if labels:
        return ", ".join(f"{name} {value}" for name, value in zip(labels, row, strict=True))
    return str(row)
