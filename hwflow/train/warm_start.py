"""Carries trained weights into a network of the same shape, but of other bits, or first bits."""

from __future__ import annotations

import torch
from torch import Tensor

from hwflow.config.network import NetworkRecipe
from hwflow.nets import StageNet, Unit, build
from hwflow.nets.activations import Activation
from hwflow.nets.scales import LearnedScale

# Latent binary weights live in [-1, 1]; at this many deviations few are clamped, and those in the
# middle can still change sign (tried: 87.5 against 86.0 % from scratch on Fashion-MNIST).
_DEVIATIONS = 2.5


def from_float(
    state: dict[str, Tensor], network: StageNet, *, before: NetworkRecipe | None = None
) -> dict[str, Tensor]:
    """Return the ``state_dict`` of a float network, or one of ``before``, fit for ``network``.

    Layers that become binary get weights / (2.5 σ), clamped to [-1, 1]. Learned scales of layers
    whose weights get other bits start from the weights; those of activations that get other bits
    keep their range. Scales that ``state`` lacks start anew. All else is copied.
    """
    carried = {name: state.get(name, value) for name, value in network.state_dict().items()}
    if before is not None:
        for name, shift in _range_shifts(before, network).items():
            carried[name] = carried[name] + shift
    units = [(path, unit) for path, unit in network.named_modules() if isinstance(unit, Unit)]
    bits_before = (None,) * len(units) if before is None else before.weight_bits
    for (path, unit), bits in zip(units, bits_before, strict=True):
        if bits == unit.cost.weight_bit_width:
            continue
        place = f"{path}.layer.weight"
        weight = carried[place]
        if unit.cost.weight_bit_width == 1:
            carried[place] = torch.clamp(weight / (_DEVIATIONS * weight.std()), -1.0, 1.0)
        elif isinstance(unit.layer.weights.step, LearnedScale):
            carried[f"{path}.layer.weights.step.log_step"] = unit.layer.weights.step.start(weight)
    return carried


def _range_shifts(before: NetworkRecipe, network: StageNet) -> dict[str, Tensor]:
    """Return what to add to the logarithm of each activation's step so that it keeps its range.

    First steps have one range at all bits; so their distance is that of the bits.
    """
    with torch.random.fork_rng(devices=[]):
        first = build(before, network.frame_shape, network.classes, form=network.form)
        then = build(network.recipe, network.frame_shape, network.classes, form=network.form)
    old, new = first.state_dict(), then.state_dict()
    names = [
        f"{path}.step.log_step"
        for path, module in network.named_modules()
        if isinstance(module, Activation) and f"{path}.step.log_step" in new
    ]
    return {name: new[name] - old[name] for name in names if name in old}
