"""Takes filters or single weights of one network away, little by little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hwflow.config.pruning import FilterPruning, WeightPruning
from hwflow.errors import ConfigError
from hwflow.nets import StageNet
from hwflow.nets.importance import Criterion, importance, keep_strongest, kept_count
from hwflow.nets.shrink import shrink

Masks = dict[int, Tensor]


def share_removed(progress: float) -> float:
    """Return the share of the final sparsity at ``progress`` (0..1): 1 − (1 − t)³.

    The schedule of gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878, equation 1).
    """
    return float(1.0 - (1.0 - min(max(progress, 0.0), 1.0)) ** 3)


class FilterPruner:
    """Whole filters of ``network``: what has gone does not come back.

    Raises:
        ConfigError: ``where``'s sparsities do not suit the layers that share channels.
    """

    def __init__(self, network: StageNet, pruning: FilterPruning, *, seed: int, where: str) -> None:
        self._network, self._criterion = network, Criterion(pruning.criterion)
        self._seed = seed
        groups = network.filter_groups()
        # The sparsity that whole granules make, so that the last step lands on them.
        self._final = {
            group: 1
            - kept_count(groups[group].channels, share, pruning.granule) / groups[group].channels
            for group, share in targets(network, pruning, where).items()
        }
        self.kept: Masks = {}

    def update(self, share: float) -> None:
        """Mask filters up to ``share`` (0..1) of the final sparsity."""
        now = {group: share * final for group, final in self._final.items()}
        self._apply(keep_strongest(self._importance(), now, 1))

    def close(self) -> StageNet:
        """Return the network without the masked filters."""
        return shrink(self._network, self.kept)

    def state(self) -> Masks:
        """Return what a checkpoint has to hold."""
        return dict(self.kept)

    def restore(self, state: Masks) -> None:
        """Go on from what ``state`` returned."""
        self._apply(state)

    def _apply(self, kept: Mapping[int, Tensor]) -> None:
        self.kept = dict(kept)
        self._network.mask_filters(self.kept)

    def _importance(self) -> dict[int, Tensor]:
        # The same draw each time: what goes by chance goes in one order.
        generator = torch.Generator().manual_seed(self._seed)
        found = importance(self._network, self._criterion, generator=generator)
        for group, kept in self.kept.items():
            found[group] = torch.where(kept, found[group], -torch.inf)
        return found


class WeightPruner:
    """Single weights of ``network``, the smallest of each layer: what is 0 stays 0."""

    def __init__(self, network: StageNet, pruning: WeightPruning) -> None:
        self._network = network
        costs, given = network.costs(), pruning.sparsity
        shares = given if isinstance(given, tuple) else (given,) * len(costs)
        self._final = {
            layer: share
            for layer, (share, cost) in enumerate(zip(shares, costs, strict=True))
            if cost.weight_bit_width > 1 and share > 0
        }
        self.masks: Masks = {}

    def update(self, share: float) -> None:
        """Mask weights up to ``share`` (0..1) of the final sparsity."""
        weights = self._weights()
        found = self._final.items()
        self._apply({layer: self._mask(layer, weights[layer], share * x) for layer, x in found})

    def close(self) -> StageNet:
        """Return a copy of the network with zeros for the masked weights."""
        weights = self._weights()
        with torch.no_grad():
            for layer, mask in self.masks.items():
                weights[layer].mul_(mask)
        return shrink(self._network, {})

    def state(self) -> Masks:
        """Return what a checkpoint has to hold."""
        return dict(self.masks)

    def restore(self, state: Masks) -> None:
        """Go on from what ``state`` returned."""
        self._apply(state)

    def _apply(self, masks: Masks) -> None:
        self.masks = masks
        self._network.mask_weights(masks)

    def _mask(self, layer: int, weight: Tensor, sparsity: float) -> Tensor:
        size = weight.detach().abs().flatten()
        if layer in self.masks:
            size = torch.where(self.masks[layer].flatten(), size, -1.0)
        mask = torch.ones_like(size, dtype=torch.bool)
        gone = size.argsort(stable=True)[: round(sparsity * len(size))]
        mask[gone] = False
        return mask.view_as(weight)

    def _weights(self) -> list[Any]:
        return [unit.layer.weight for unit in self._network.weight_layers()]


Pruner = FilterPruner | WeightPruner


def new_pruner(
    network: StageNet, pruning: FilterPruning | WeightPruning, *, seed: int, where: str
) -> Pruner:
    """Return what prunes ``network``; ``seed``: for pruning by chance.

    Raises:
        ConfigError: ``pruning`` does not suit the network, which ``where`` names.
    """
    if isinstance(pruning, WeightPruning):
        return WeightPruner(network, pruning)
    return FilterPruner(network, pruning, seed=seed, where=where)


def targets(network: StageNet, pruning: FilterPruning, where: str) -> dict[int, float]:
    """Return the sparsity of each filter group of ``network``.

    Raises:
        ConfigError: naming the entry, if layers that share channels have different ones, or one
            of a residual sum has any; or no layer can be pruned, or loses a filter.
    """
    found = _targets(network, pruning, where)
    groups = network.filter_groups()
    asked = {group: share for group, share in found.items() if share}
    if asked and all(
        kept_count(groups[group].channels, share, pruning.granule) == groups[group].channels
        for group, share in asked.items()
    ):
        most = max(groups[group].channels for group in asked)
        raise ConfigError(
            f"{where}: pruning: no layer loses a filter: the widest has {most}, of which granules "
            f"of {pruning.granule} go; give a smaller granule or a greater sparsity"
        )
    return found


def _targets(network: StageNet, pruning: FilterPruning, where: str) -> dict[int, float]:
    groups = network.filter_groups()
    given = pruning.sparsity
    if not isinstance(given, tuple):
        free = {index: given for index, group in enumerate(groups) if group.prunable}
        if not free:
            raise ConfigError(
                f"{where}: pruning: this network has no filters that could go; leave it out"
            )
        return free
    found = {}
    for index, group in enumerate(groups):
        shares = {unit: given[unit] for unit in group.units}
        first, *others = shares
        differing = [unit for unit in others if shares[unit] != shares[first]]
        if differing:
            raise ConfigError(
                f"{where}: pruning.sparsity[{differing[0]}] = {shares[differing[0]]:g}: layers "
                f"{first} and {differing[0]} share channels; give both {shares[first]:g}"
            )
        if shares[first] and not group.prunable:
            raise ConfigError(
                f"{where}: pruning.sparsity[{first}] = {shares[first]:g}: a residual sum holds "
                "these channels together; give 0"
            )
        if group.prunable:
            found[index] = shares[first]
    return found
