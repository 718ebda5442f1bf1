"""Small recipes for tests: 8×8 frames, one or two convolutions, seconds to train."""

from __future__ import annotations

from typing import Any

import torch

from hwflow.config.base import parse
from hwflow.config.recipe import Recipe, StageRecipe

# Networks this small lose time on a second thread, most of all beside other processes.
torch.set_num_threads(1)


def stage_data(**changes: Any) -> dict[str, Any]:
    return {
        "name": "stage0",
        "net": {"name": "vgg_tiny", "features": [8, 16, "pool"], "hidden": [16]},
        "weight_bit_width": 1,
        "act_bit_width": 1,
        "training": {"epochs": 2, "lr": 0.01},
        **changes,
    }


def stage(**changes: Any) -> StageRecipe:
    return parse(StageRecipe, stage_data(**changes), source="test")


def recipe(*stages: dict[str, Any], seed: int = 1, **changes: Any) -> Recipe:
    data = {
        "schema_version": 1,
        "name": "tiny",
        "seed": seed,
        "dataset": {"name": "digits", "upscale": 1},
        "stages": list(stages) or [stage_data()],
        **changes,
    }
    return parse(Recipe, data, source="test")
