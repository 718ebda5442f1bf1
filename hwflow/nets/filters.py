"""Filter groups: the channels of a network that come and go together.

A channel is made by a filter of a weight layer and read by columns of others. A depthwise layer
passes it on under a filter of its own, and a residual sum holds the channels of several layers
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hwflow.nets.plain import Remaining
from hwflow.nets.unit import Unit


@dataclass(frozen=True)
class FilterGroup:
    """Channels that are kept or left out by one decision; layers by place, the classifier last.

    ``units``: the weight layers that have a filter for each channel, in order of execution: what
    makes the channels, and depthwise layers on them. ``readers``: the weight layers, but for
    depthwise ones, whose inputs they are; behind a flatten each channel is several columns,
    ``channel · pixels + pixel``. ``prunable``: false where a residual sum holds the channels of
    several layers together, so that leaving one out costs every block of that sum.
    """

    units: tuple[int, ...]
    channels: int
    readers: tuple[int, ...]
    prunable: bool


def checked(
    kept: Mapping[int, Tensor], groups: Sequence[FilterGroup], device: torch.device
) -> dict[int, Tensor]:
    """Return copies of ``kept`` on ``device``, without groups of which every channel is kept.

    Raises:
        ValueError: an entry is of no group, is no bool (channels,), or keeps no channel.
    """
    found = {}
    for number, mask in kept.items():
        if not 0 <= number < len(groups):
            raise ValueError(f"there is no filter group {number}, the network has {len(groups)}")
        expected = (groups[number].channels,)
        if mask.dtype != torch.bool or mask.shape != expected:
            raise ValueError(
                f"filter group {number}: expected a bool tensor of shape {expected}, got "
                f"{mask.dtype} of shape {tuple(mask.shape)}"
            )
        if not mask.any():
            raise ValueError(f"filter group {number}: no channel is kept; keep one at least")
        if not mask.all():
            found[number] = mask.detach().to(device, copy=True)
    return found


def checked_weights(masks: Mapping[int, Tensor], units: Sequence[Unit]) -> dict[int, Tensor]:
    """Return copies of ``masks`` on their weights' device, without those that leave all weights.

    Raises:
        ValueError: an entry is of no layer, is no bool of the weight's shape, or of a binary layer.
    """
    found = {}
    for index, mask in masks.items():
        if not 0 <= index < len(units):
            raise ValueError(f"there is no weight layer {index}, the network has {len(units)}")
        unit, weight = units[index], units[index].layer.weight
        if unit.cost.weight_bit_width == 1:
            raise ValueError(
                f"weight layer {index} ({unit.name}) is binary: -1 and +1 have no 0; leave out "
                "whole filters instead"
            )
        if mask.dtype != torch.bool or mask.shape != weight.shape:
            raise ValueError(
                f"weight layer {index} ({unit.name}): expected a bool tensor of shape "
                f"{tuple(weight.shape)}, got {mask.dtype} of shape {tuple(mask.shape)}"
            )
        if not mask.all():
            found[index] = mask.detach().to(weight.device, copy=True)
    return found


def remaining(
    kept: Mapping[int, Tensor], groups: Sequence[FilterGroup], units: Sequence[Unit]
) -> list[Remaining]:
    """Return what of each of ``units`` is left where the channels ``kept`` alone are there."""
    rows: dict[int, Tensor] = {}
    columns: dict[int, Tensor] = {}
    for number, mask in kept.items():
        group = groups[number]
        for index in group.units:
            rows[index] = mask.nonzero().flatten()
        for index in group.readers:
            pixels = units[index].geometry.inputs // group.channels
            columns[index] = mask.repeat_interleave(pixels).nonzero().flatten()
    return [Remaining(rows.get(index), columns.get(index)) for index in range(len(units))]
