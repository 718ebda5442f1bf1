"""What a trained stage is the result of: the key of its files and checkpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hwflow.config.dataset import is_published
from hwflow.config.recipe import Recipe, StageRecipe
from hwflow.config.train_options import DeviceKind, TrainOptions
from hwflow.config.training import Precision
from hwflow.train.files import StageResult

# Part of every key: raise it when the same recipe would train to other weights, or go on from
# another kind of checkpoint.
TRAINING_VERSION = 3
_BEFORE = 2

MACHINE = ("threads", "device", "devices")
"""Inputs that are no part of a recipe: they split the sums of a step."""


def stage_inputs(
    recipe: Recipe, index: int, options: TrainOptions, *, splits: str | None
) -> dict[str, Any]:
    """Return all that decides the weights of stage ``index``, as plain values.

    ``splits``: digest of the data set. It counts where the recipe does not decide what that holds:
    a folder of pictures holds what its owner puts there. Names and the calibration are left out:
    changing them does not ask for new training.
    """
    inputs: dict[str, Any] = {
        "version": _version(recipe.stages[index]),
        "dataset": recipe.dataset.model_dump(mode="json"),
        "seed": recipe.seed,
        "index": index,
        "stage": recipe.stages[index].model_dump(mode="json", exclude={"name"}),
        "threads": options.threads,
        "device": str(options.device),
        "devices": options.devices,
    }
    if not is_published(recipe.dataset):
        inputs["splits"] = splits
    return inputs


def hashed(inputs: Mapping[str, Any]) -> str:
    """Return the key of ``inputs``."""
    return hashlib.sha256(json.dumps(dict(inputs), sort_keys=True).encode()).hexdigest()


def stage_key(
    recipe: Recipe,
    index: int,
    *,
    threads: int,
    device: DeviceKind = DeviceKind.CPU,
    devices: int = 1,
    splits: str | None = None,
) -> str:
    """Return the hash of ``stage_inputs``."""
    options = TrainOptions(threads=threads, device=device, devices=devices)
    return hashed(stage_inputs(recipe, index, options, splits=splits))


def is_trained(recipe: Recipe, index: int, result: StageResult) -> bool:
    """Return whether ``result`` is of stage ``index`` of this very recipe."""
    wanted = stage_key(
        recipe,
        index,
        threads=result.threads,
        device=result.device,
        devices=result.devices,
        splits=result.splits,
    )
    return result.key == wanted


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields in which inputs differ, such as ``stage.training.lr: 0.1 there, 0.2 here``.

    A field that only one of both has stands for its default in the other.
    """
    for name in sorted({*there, *here}):
        before, now = there.get(name), here.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from (f"{name}.{each}" for each in differences(before, now))
        elif before != now:
            yield f"{name}: {_shown(before)} there, {_shown(now)} here"


def _shown(value: Any) -> str:
    return "not given" if value is None else str(value)


def _version(stage: StageRecipe) -> int:
    """Return the version of a stage's training; one that version 3 left alone is of that before.

    Version 3 settles an average's or an early best epoch's statistics behind frozen epochs, lets
    learned scales not decay, quantises float scales in float32 under bf16, and has other HWGQ
    steps.
    """
    training = stage.training
    chosen = training.ema_decay is not None or training.patience is not None
    learned = {"learned_step", "pact"} & {*stage.weight_quantisers, *stage.act_quantisers}
    touched = (
        (training.frozen_epochs and chosen)
        or (training.weight_decay and learned)
        or (training.precision is Precision.BF16 and stage.scale == "float")
        or "hwgq" in stage.act_quantisers
    )
    return TRAINING_VERSION if touched else _BEFORE
