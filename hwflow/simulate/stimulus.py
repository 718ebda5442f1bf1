"""Frames for simulations of any length: the golden ones, then a user's, or variations of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import load_bundle
from hwflow.errors import ConfigError
from hwflow.lower.frames import read_frames
from hwflow.simulate.checks import Golden, load_golden

Bytes = NDArray[np.uint8]
IntArray = NDArray[np.int64]

# A variation moves its golden frame by up to SHIFT rows and columns and changes each value by up
# to NOISE: near enough to stay on the network's own kind of data, far enough to move margins.
SHIFT = 1
NOISE = 8


@dataclass(frozen=True)
class Stimulus:
    """Frame i of a long run, for every i and whoever asks for it.

    The first are ``golden`` (G, H, W, C) uint8. Behind them come those of ``extra`` (M, H, W, C),
    if given; else frame i varies golden frame i mod G: rolled by up to ±SHIFT rows and columns,
    then ±NOISE added to each value and clipped to the type's range, drawn from (``seed``, i).
    ``signed``: bytes are two's complement.
    """

    golden: Bytes
    extra: Bytes | None
    seed: int
    signed: bool

    @property
    def limit(self) -> int | None:
        """Number of frames there are, or None if there is no end."""
        return None if self.extra is None else len(self.golden) + len(self.extra)

    def describe(self) -> str:
        """Return in words where the frames come from."""
        count = len(self.golden)
        if self.extra is not None:
            return f"{count} golden frames, then {len(self.extra)} of the user's file"
        return (
            f"{count} golden frames, then variations of golden frame i mod {count}: rolled by up "
            f"to ±{SHIFT} rows and columns, ±{NOISE} on each value, clipped, drawn from "
            f"(seed {self.seed}, i)"
        )

    def frames(self, start: int, stop: int) -> Bytes:
        """Return frames ``start`` to ``stop`` − 1, (stop − start, H, W, C) uint8."""
        beyond = max(start, len(self.golden))
        if self.extra is None:
            more = [self._variation(index)[np.newaxis] for index in range(beyond, stop)]
        else:
            offset = len(self.golden)
            more = [self.extra[beyond - offset : max(stop - offset, 0)]]
        return np.concatenate([self.golden[start:stop], *more])

    def _variation(self, index: int) -> Bytes:
        random = np.random.default_rng((self.seed, index))
        return _vary(self.golden[index % len(self.golden)], random, self.signed)


def load_stimulus(
    folder: Path, design: Accelerator, *, extra: Path | None, seed: int
) -> tuple[Stimulus, Golden, IntArray | None]:
    """Return the stimulus of the accelerator in ``folder``, its golden part, and known labels.

    ``extra``: a file of frames, as ``lower.frames.read_frames`` reads it. Labels (M,) are those of
    the first M frames, None if not even golden ones have any.

    Raises:
        ConfigError: the file does not hold frames of the accelerator's shape.
    """
    bundle = load_bundle(folder / design.bundle)
    golden = load_golden(folder / design.bundle, bundle, limit=None)
    more, more_labels = (None, None) if extra is None else read_frames(extra, bundle.input.shape)
    labels = golden.label
    if labels is not None and more_labels is not None:
        labels = np.concatenate([labels, more_labels])
    return Stimulus(golden.frames, more, seed, bundle.input.dtype == "int8"), golden, labels


def check_count(stimulus: Stimulus, images: int) -> None:
    """Refuse more ``images`` than there are.

    Raises:
        ConfigError: saying how many there are.
    """
    if stimulus.limit is not None and images > stimulus.limit:
        raise ConfigError(
            f"{images} images asked for, but there are {stimulus.limit} "
            f"({stimulus.describe()}); ask for fewer, or leave the file out for variations"
        )


def _vary(frame: Bytes, random: np.random.Generator, signed: bool) -> Bytes:
    kind = np.int8 if signed else np.uint8
    shift = tuple(int(step) for step in random.integers(-SHIFT, SHIFT, 2, endpoint=True))
    moved = np.roll(frame, shift, axis=(0, 1)).view(kind).astype(np.int64)
    noisy = moved + random.integers(-NOISE, NOISE, frame.shape, endpoint=True)
    limits = np.iinfo(kind)
    return noisy.clip(limits.min, limits.max).astype(kind).view(np.uint8)
