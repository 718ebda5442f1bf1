"""Frames of a split as batches of tensors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwflow.data import Subset


def to_codes(frames: NDArray[np.uint8]) -> Tensor:
    """Return (N, H, W, C) uint8 frames as (N, C, H, W) float32 integers 0..255."""
    return _planes(frames).float()


class Batches:
    """Frames and labels of ``subset``, by index.

    Frames in memory are kept as one tensor on ``device``; those mapped from a file are read batch
    by batch. ``side``: the shorter one of a frame, in pixels.
    """

    def __init__(self, subset: Subset, device: torch.device) -> None:
        self._device = device
        self.side = min(subset.frames.shape[1:3])
        self._mapped = subset.frames if isinstance(subset.frames, np.memmap) else None
        planes = _planes(subset.frames[:0] if self._mapped is not None else subset.frames)
        self._planes = planes.to(device)
        self.labels = torch.from_numpy(subset.labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: Tensor) -> Tensor:
        """Return the frames at ``chosen`` (B,) int64, as (B, C, H, W) uint8."""
        if self._mapped is None:
            return self._planes[chosen]
        return _planes(self._mapped[chosen.cpu().numpy()]).to(self._device)

    def codes(self, begin: int, end: int) -> Tensor:
        """Return frames ``begin`` to ``end`` as float32 codes 0..255."""
        if self._mapped is None:
            return self._planes[begin:end].float()
        return _planes(self._mapped[begin:end]).to(self._device).float()


def _planes(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
