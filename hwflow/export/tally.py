"""Counts the integers in which two links of the exactness chain differ, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import Link
from hwflow.errors import VerificationError

Integers = NDArray[Any]
Layer = tuple[str, Integers, Integers]
"""Its name ("" for scores), and the integers expected and found, (N, ...) of one shape."""


@dataclass(frozen=True)
class Difference:
    """The first integers that differ: of layer ``link``, in frame ``sample``."""

    link: str
    sample: int
    expected: str
    got: str

    @property
    def told(self) -> str:
        """The difference in words."""
        return f"{self.link}: frame {self.sample}: expected {self.expected}, got {self.got}"


@dataclass
class Tally:
    """Integers compared and found different, and the first difference.

    Frames may come in batches, in order, so that nothing but the counts is held of a large set.
    """

    link: str
    compared: int = 0
    mismatches: int = 0
    first: Difference | None = None

    def add(self, layers: Iterable[Layer], *, start: int = 0) -> None:
        """Compare a batch, whose first frame is frame ``start``.

        Of the differences in the first frame that has any, that of the first layer is kept.
        """
        found: tuple[int, Layer] | None = None
        for layer in layers:
            _, expected, got = layer
            assert expected.shape == got.shape, (self.link, layer[0], expected.shape, got.shape)
            wrong = expected != got
            self.compared += expected.size
            if not wrong.any():
                continue
            self.mismatches += int(wrong.sum())
            frame = int(np.argmax(wrong.reshape(len(wrong), -1).any(axis=1)))
            if found is None or frame < found[0]:
                found = frame, layer
        if found is not None and self.first is None:
            self.first = self._difference(start, *found)

    def close(self, *, ties: int = 0) -> Link:
        """Return the link.

        Raises:
            VerificationError: naming the first frame that differs, and its first layer.
        """
        if self.first is not None:
            raise VerificationError(
                self.first.link,
                compared=self.compared,
                mismatches=self.mismatches,
                sample=self.first.sample,
                expected=self.first.expected,
                got=self.first.got,
            )
        return Link(link=self.link, compared=self.compared, mismatches=0, ties=ties)

    def _difference(self, start: int, frame: int, layer: Layer) -> Difference:
        name, expected, got = layer
        wrong = expected[frame] != got[frame]
        return Difference(
            f"{self.link}, layer {name}" if name else self.link,
            start + frame,
            _excerpt(expected[frame], wrong),
            _excerpt(got[frame], wrong),
        )


def _excerpt(values: Integers, wrong: NDArray[np.bool_]) -> str:
    """Return a whole score vector, or the first differing values of something longer."""
    if values.ndim == 1 and values.size <= 16:
        return str(values.tolist())
    places = np.argwhere(wrong)[:4]
    return ", ".join(f"{values[tuple(place)]} at {tuple(place.tolist())}" for place in places)
