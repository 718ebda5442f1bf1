"""A tiny instance of each network family, and a few steps of training, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tiny import stage

from hwflow.config.recipe import StageRecipe
from hwflow.nets import Form, StageNet, build

CLASSES = 10
EIGHTH = 0.125

# Family: (net of the recipe, frame shape).
FAMILIES: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "vgg_tiny": ({"name": "vgg_tiny", "features": [8, "pool", 8], "hidden": [8]}, (8, 8, 1)),
    "vgg_small": ({"name": "vgg_small", "features": [8, 8, "pool"], "hidden": [8]}, (8, 8, 3)),
    "tfc": ({"name": "tfc", "width": EIGHTH}, (6, 5, 1)),
    "cnv": ({"name": "cnv", "width": EIGHTH}, (32, 32, 1)),
    "resnet8": ({"name": "resnet8", "width": 0.5}, (16, 16, 3)),
    "resnet20": ({"name": "resnet20", "width": 0.5}, (8, 8, 3)),
    "resnet18": ({"name": "resnet18", "width": EIGHTH}, (32, 32, 3)),
    "resnet18_small": ({"name": "resnet18", "stem": "small", "width": EIGHTH}, (8, 8, 3)),
    "mobilenet_v1": ({"name": "mobilenet_v1", "stem": "small", "width": EIGHTH}, (16, 16, 3)),
}


def family_stage(family: str, **changes: Any) -> tuple[StageRecipe, tuple[int, int, int]]:
    """Return the stage of a family's tiny instance, and the shape of its frames."""
    net, shape = FAMILIES[family]
    return stage(net=net, **changes), shape


def random_frames(shape: tuple[int, int, int], count: int, seed: int = 0) -> np.ndarray:
    """Return (count, H, W, C) uint8 frames, the first two black and white."""
    frames = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    frames[0], frames[1] = 0, 255
    return frames


def trained(
    recipe: StageRecipe, shape: tuple[int, int, int], form: Form = Form.FAST, steps: int = 3
) -> StageNet:
    """Return the network after a few steps on random frames: batch-norms far from the identity."""
    torch.manual_seed(7)
    network = build(recipe, shape, CLASSES, form=form)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for step in range(steps):
        frames = random_frames(shape, 16, step)
        codes = torch.from_numpy(frames.transpose(0, 3, 1, 2).copy()).float()
        labels = torch.arange(16) % CLASSES
        loss = torch.nn.functional.cross_entropy(network(codes) * 0.3, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for module in network.modules():  # statistics of the last batch alone
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        network(codes)
    return network.eval()
