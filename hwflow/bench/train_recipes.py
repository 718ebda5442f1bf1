"""The recipes that ``hwflow bench train`` runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwflow.config.base import parse
from hwflow.config.recipe import Recipe

SEED = 1
NETWORKS: dict[str, dict[str, Any]] = {
    "CNV W1A1": {"net": {"name": "cnv"}, "weight_bit_width": 1, "act_bit_width": 1},
    "VGG-small W8A8": {"net": {"name": "vgg_small"}, "weight_bit_width": 8, "act_bit_width": 8},
}
"""Networks whose training is timed, on frames of 32×32."""

_PLAIN: dict[str, dict[str, Any]] = {
    "CNV W1A1": {"epochs": 4, "lr": 0.005},
    "VGG-small W8A8": {"epochs": 4, "lr": 0.003},
}
# Float epochs are cheap and binary ones then need few; at 8 bits one at a twentieth of the rate is
# enough.
_OURS: dict[str, dict[str, Any]] = {
    "CNV W1A1": {
        "epochs": 3,
        "lr": 0.003,
        "start": {"kind": "float", "epochs": 1, "lr": 0.003},
    },
    "VGG-small W8A8": {
        "epochs": 1,
        "lr": 0.00015,
        "start": {"kind": "float", "epochs": 4, "lr": 0.003},
    },
}

EXACT: dict[str, dict[str, Any]] = {
    "tfc": {"name": "tfc"},
    "sfc": {"name": "sfc"},
    "lfc": {"name": "lfc", "width": 0.5},
    "cnv": {"name": "cnv", "width": 0.125},
    "vgg_tiny": {"name": "vgg_tiny", "features": [8, 8, "pool", 16, "pool"], "hidden": [32]},
    "vgg_small": {"name": "vgg_small", "width": 0.25},
    "resnet8": {"name": "resnet8", "width": 0.5},
    "resnet18": {"name": "resnet18", "stem": "small", "width": 0.0625},
    "mobilenet_v1": {"name": "mobilenet_v1", "stem": "small", "width": 0.125},
    "resnet20": {"name": "resnet20", "width": 0.25},
}
"""Every family, at a width at which 10,000 frames of 32×32 take a minute; the longest last."""
EXACT_BITS = (1, 4, 8)


def exact_names() -> Iterator[tuple[str, int]]:
    """Yield each family with each number of bits."""
    yield from ((family, bits) for family in EXACT for bits in EXACT_BITS)


def exact(family: str, bits: int) -> Recipe:
    """Return a training of one epoch: enough for scores that vary."""
    stage = {
        "name": "stage0",
        "net": EXACT[family],
        "weight_bit_width": bits,
        "act_bit_width": bits,
        "training": {"epochs": 1, "lr": 0.01, "batch_size": 32},
    }
    return _parse({"name": "fashion_mnist", "pad": 2, "validation": 1000}, stage)


def plain(network: str) -> Recipe:
    """Return training as it is usually done: from random weights, Brevitas' layers, float32."""
    told = {**_PLAIN[network], "form": "brevitas"}
    return _recipe(network, told)


def ours(network: str) -> Recipe:
    """Return hwflow's own way: a float start, its own quantisers, bf16."""
    return _recipe(network, {**_OURS[network], "precision": "bf16"})


def killed() -> Recipe:
    """Return a training of seconds that has every kind of phase."""
    stage = {
        "name": "stage0",
        "net": {"name": "vgg_tiny", "features": [16, 16, "pool"], "hidden": [16]},
        "weight_bit_width": 1,
        "act_bit_width": 2,
        "training": {
            "epochs": 8,
            "lr": 0.01,
            "max_shift": 1,
            "start": {"kind": "float", "epochs": 4, "lr": 0.003},
            "lowering": [{"weight_bit_width": 4, "act_bit_width": 4, "epochs": 4, "lr": 0.003}],
            "ema_decay": 0.99,
            "frozen_epochs": 2,
        },
    }
    return _parse({"name": "digits", "upscale": 1}, stage)


def _recipe(network: str, training: dict[str, Any]) -> Recipe:
    common = {"batch_size": 128, "max_shift": 1}
    stage = {"name": "stage0", **NETWORKS[network], "training": {**common, **training}}
    return _parse({"name": "fashion_mnist", "pad": 2}, stage)


def _parse(dataset: dict[str, Any], stage: dict[str, Any]) -> Recipe:
    told = {
        "schema_version": 1,
        "name": "bench",
        "seed": SEED,
        "dataset": dataset,
        "stages": [stage],
    }
    return parse(Recipe, told, source="bench")
