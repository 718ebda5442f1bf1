"""Everything that a network carries from one training step to the next, as plain values.

``state_dict`` is not that. Brevitas 0.13.0 leaves out of it the step counter and the buffer of
scales and zero points that are collected at run time, writes the buffer in place of the learned
value while it collects, and ends the collection on loading
(``brevitas/core/scaling/standalone.py``, ``ParameterFromRuntimeStatsScaling``). Training resumed
from it goes another way. Here parameters and buffers are taken as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# Plain attributes in which Brevitas' modules keep how far they are: calls counted
# (ParameterFromRuntimeStatsScaling, ParameterFromRuntimeZeroPoint, _RuntimeStats), and whether a
# learned scale has had its first value (ParameterFromStatsFromParameterScaling).
_PLACES = ("counter", "init_done")


def take(network: nn.Module) -> dict[str, Any]:
    """Return copies of all tensors of ``network``, and the places of its collecting modules."""
    return {
        "tensors": {name: value.detach().clone() for name, value in _tensors(network).items()},
        "places": {
            f"{name}.{place}": getattr(module, place)
            for name, module in network.named_modules()
            for place in _PLACES
            if isinstance(getattr(module, place, None), int)
        },
    }


def put(network: nn.Module, taken: dict[str, Any]) -> None:
    """Give ``network`` the state that ``take`` returned for one of the same layers."""
    present = _tensors(network)
    assert present.keys() == taken["tensors"].keys(), "the network is the snapshot's"
    with torch.no_grad():
        for name, value in present.items():
            value.copy_(taken["tensors"][name])
    for path, value in taken["places"].items():
        name, _, place = path.rpartition(".")
        setattr(network.get_submodule(name), place, value)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.named_parameters()) | dict(network.named_buffers())
