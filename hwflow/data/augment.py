"""Random changes of training frames: one batch at a time, all frames of it at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def augment(
    frames: Tensor,
    draw: torch.Generator,
    *,
    max_shift: int = 0,
    flip: bool = False,
    cutout: int = 0,
) -> Tensor:
    """Return ``frames`` (N, C, H, W) uint8, changed at random, as float32 codes 0..255.

    ``max_shift``: translation by up to so many pixels per axis over zeros, which is the same as a
    random crop from the frame padded by as many. ``flip``: mirrored left to right with probability
    ½. ``cutout``: a square of so many pixels per side is zeroed, centred anywhere in the frame and
    cut off by its border (DeVries and Taylor, arXiv 1708.04552). What is not asked for draws
    nothing from ``draw``, on whose device ``frames`` has to be.
    """
    changed = shift(frames, max_shift, draw)
    if flip:
        changed = _flipped(changed, draw)
    if cutout:
        changed = _cut(changed, cutout, draw)
    return changed.float()


def shift(frames: Tensor, most: int, draw: torch.Generator) -> Tensor:
    """Return ``frames`` (N, C, H, W), each moved by up to ``most`` pixels per axis over zeros."""
    if most == 0:
        return frames
    count, _, height, width = frames.shape
    padded = nn.functional.pad(frames, (most,) * 4)
    by = torch.randint(0, 2 * most + 1, (2, count), generator=draw, device=frames.device)
    # A view (N, C, rows, columns, H, W) of every translation: taking one copies whole rows.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count, device=frames.device), :, by[0], by[1]]


def _flipped(frames: Tensor, draw: torch.Generator) -> Tensor:
    chosen = torch.rand(len(frames), generator=draw, device=frames.device) < 0.5
    return torch.where(chosen[:, None, None, None], frames.flip(3), frames)


def _cut(frames: Tensor, side: int, draw: torch.Generator) -> Tensor:
    count, _, height, width = frames.shape

    def inside(length: int) -> Tensor:
        """(N, length): whether a row (or column) goes through the square."""
        device = frames.device
        centre = torch.randint(0, length, (count, 1), generator=draw, device=device)
        first = centre - side // 2
        place = torch.arange(length, device=device)
        return (place >= first) & (place < first + side)

    square = inside(height)[:, None, :, None] & inside(width)[:, None, None, :]
    return frames.masked_fill(square, 0)
