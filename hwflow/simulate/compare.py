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
) -> Link:
    """Return the link between two integer arrays (N, values per frame) that are equal.

    ``labels`` name the values in a message, where they have names.

    Raises:
        VerificationError: the arrays differ; names the first frame that does.
    """
    if expected.shape != got.shape or expected.ndim != 2:
        raise ValueError(f"{link}: expected shape {expected.shape}, got {got.shape}")
    wrong = expected.astype(np.int64) != got.astype(np.int64)
    mismatches = int(np.count_nonzero(wrong))
    if mismatches:
        sample = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise VerificationError(
            link,
            compared=expected.size,
            mismatches=mismatches,
            sample=sample,
            expected=_show(expected[sample], labels),
            got=_show(got[sample], labels),
        )
    return Link(link=link, compared=expected.size, mismatches=0, ties=0)


def _show(values: NDArray[np.integer], labels: tuple[str, ...]) -> str:
    if labels:
        return ", ".join(f"{name} {int(v)}" for name, v in zip(labels, values, strict=True))
    return str([int(value) for value in values])
