"""How much each filter matters, and which of them stay at a given sparsity."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch
from torch import Tensor

from hwflow.nets.filters import FilterGroup
from hwflow.nets.stage_net import StageNet
from hwflow.nets.unit import Unit


class Criterion(StrEnum):
    """What a filter's importance is taken from.

    ``GAMMA``: magnitude of the batch-norm's weight (Liu et al. 2017, Network Slimming, section 3,
    without their penalty in training). ``L1``: mean magnitude of the latent weights (after Li et
    al. 2017, Pruning Filters for Efficient ConvNets, section 3.1, who take the sum). ``RANDOM``:
    drawn, to compare the others with.
    """

    GAMMA = "gamma"
    L1 = "l1"
    RANDOM = "random"


def importance(
    network: StageNet, criterion: Criterion, *, generator: torch.Generator | None = None
) -> dict[int, Tensor]:
    """Return the importance of each channel: by filter group, (channels,) float64 on the CPU.

    The higher, the more it matters; to be compared within a group alone. Where several layers have
    a filter for a channel it is their mean, each layer's scaled to a mean of 1. Masked weights, and
    columns that filter masks leave out, do not count; channels that are masked have an importance
    all the same. ``generator`` (of the CPU) is for ``RANDOM`` alone.

    Raises:
        ValueError: ``RANDOM`` without a generator.
    """
    if criterion is Criterion.RANDOM and generator is None:
        raise ValueError("random importance needs a generator, so that a run can be repeated")
    units = network.weight_layers()
    found = {}
    for number, group in enumerate(network.filter_groups()):
        if criterion is Criterion.RANDOM:
            found[number] = torch.rand(group.channels, generator=generator, dtype=torch.float64)
        else:
            found[number] = _of_group(group, [units[index] for index in group.units], criterion)
    return found


def keep_strongest(
    importance: Mapping[int, Tensor], sparsity: Mapping[int, float], granule: int
) -> dict[int, Tensor]:
    """Return the masks, bool (channels,), that keep each group of ``sparsity``'s strongest filters.

    ``sparsity``: by filter group, the share to leave out, 0 ≤ s < 1. The number kept is the
    multiple of ``granule``, one at least, or the number of all channels, that is nearest to
    (1 - s) · channels; the larger of two as near. Of equally important filters the first stay.

    Raises:
        ValueError: a sparsity or the granule is out of range, or a group has no importance.
    """
    if granule < 1:
        raise ValueError(f"granule: expected 1 or more, got {granule}")
    kept = {}
    for number, share in sparsity.items():
        if number not in importance:
            raise ValueError(f"filter group {number} has a sparsity, but no importance")
        if not 0 <= share < 1:
            raise ValueError(f"sparsity of filter group {number}: expected 0 ≤ s < 1, got {share}")
        values = importance[number]
        order = torch.argsort(values, descending=True, stable=True)
        kept[number] = torch.zeros(len(values), dtype=torch.bool)
        kept[number][order[: kept_count(len(values), share, granule)]] = True
    return kept


def kept_count(channels: int, sparsity: float, granule: int) -> int:
    """Return how many of ``channels`` stay; see ``keep_strongest``."""
    wanted = (1 - sparsity) * channels
    # From the largest down: of two that are as near the first is taken.
    possible = [channels, *reversed(range(granule, channels, granule))]
    return min(possible, key=lambda count: abs(count - wanted))


def _of_group(group: FilterGroup, units: list[Unit], criterion: Criterion) -> Tensor:
    total = torch.zeros(group.channels, dtype=torch.float64)
    for unit in units:
        values = _of_unit(unit, criterion)
        mean = values.mean()
        total += values / mean if mean > 0 else values
    return total / len(units)


def _of_unit(unit: Unit, criterion: Criterion) -> Tensor:
    """Return the importance of each filter of ``unit``, (outputs,) float64."""
    if criterion is Criterion.GAMMA:
        weights = unit.norm.weight.detach().unsqueeze(1)
    else:
        weights = unit.filters().detach()
    mean: Tensor = weights.abs().double().flatten(1).mean(dim=1).cpu()
    return mean
