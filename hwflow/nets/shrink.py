"""Removes filters physically: a network of fewer channels that computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from hwflow.nets import StageNet, Unit, build
from hwflow.nets.filters import checked, remaining
from hwflow.nets.form import Form
from hwflow.nets.plain import Remaining

_PER_CHANNEL = ("weight", "bias", "running_mean", "running_var")


def shrink(network: StageNet, kept: Mapping[int, Tensor]) -> StageNet:
    """Return a copy of ``network`` with the filters ``kept`` alone, of the same form and recipe.

    ``kept``: by filter group, bool (channels,); of other groups all are kept. What the network's
    filter mask leaves out is removed too, so of a masked network ``shrink(network, {})`` is the
    one that computes the same. Single weights that are masked become 0, and stay masked.

    Raises:
        ValueError: an entry is of no group, is no bool (channels,), or leaves no channel.
    """
    kept = _with_mask(network, kept)
    units = network.weight_layers()
    parts = remaining(kept, network.filter_groups(), units)
    with torch.random.fork_rng(devices=[]):
        smaller = build(
            network.recipe,
            network.frame_shape,
            network.classes,
            form=network.form,
            channels=channels_of(network, kept),
        )
    first = units[0].layer.weight
    smaller = smaller.to(device=first.device, dtype=first.dtype)
    smaller.load_state_dict(_state(network, parts))
    _settings(network, smaller)
    if network.form is not Form.BREVITAS:
        smaller.mask_weights(_weight_masks(units, parts))
    return smaller


def channels_of(network: StageNet, kept: Mapping[int, Tensor]) -> tuple[int, ...]:
    """Return the ``channels`` for ``build`` of ``network`` with the filters ``kept`` alone."""
    channels = list(network.channels)
    for number, mask in kept.items():
        for index in network.filter_groups()[number].units:
            channels[index] = int(mask.sum())
    return tuple(channels)


def _with_mask(network: StageNet, kept: Mapping[int, Tensor]) -> dict[int, Tensor]:
    groups, device = network.filter_groups(), network.classifier.layer.weight.device
    joint = {**network.kept, **checked(kept, groups, device)}
    for number in joint.keys() & network.kept.keys():
        joint[number] = joint[number] & network.kept[number]
    return checked(joint, groups, device)


def _state(network: StageNet, parts: Sequence[Remaining]) -> dict[str, Tensor]:
    """Return the ``state_dict`` of what remains; scales of layers and activations are as they are.

    Learned ones have one value for a whole layer, and others are taken from the weights.
    """
    state = network.state_dict()
    paths = [path for path, module in network.named_modules() if isinstance(module, Unit)]
    for path, unit, part in zip(paths, network.weight_layers(), parts, strict=True):
        weight = unit.layer.weight.detach()
        if network.form is not Form.BREVITAS and unit.layer.nonzero is not None:
            weight = weight * unit.layer.nonzero
        state[f"{path}.layer.weight"] = part.of(weight)
        if unit.norm is not None and part.rows is not None:
            for name in _PER_CHANNEL:
                place = f"{path}.norm.{name}"
                state[place] = state[place].index_select(0, part.rows)
    return state


def _weight_masks(units: Sequence[Unit], parts: Sequence[Remaining]) -> dict[int, Tensor]:
    return {
        index: part.of(unit.layer.nonzero)
        for index, (unit, part) in enumerate(zip(units, parts, strict=True))
        if unit.layer.nonzero is not None
    }


def _settings(network: StageNet, smaller: StageNet) -> None:
    """Give ``smaller`` the mode, the trained parameters and the batch-norms' constants."""
    for old, new in zip(network.modules(), smaller.modules(), strict=True):
        new.training = old.training
        if isinstance(old, _BatchNorm):
            assert isinstance(new, _BatchNorm)
            new.eps, new.momentum = old.eps, old.momentum
    for was, now in zip(network.parameters(), smaller.parameters(), strict=True):
        now.requires_grad_(was.requires_grad)
