"""What a trained stage is the result of: the key of its files and checkpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hwflow.config.dataset import is_published
from hwflow.config.recipe import Recipe, StageRecipe
from hwflow.config.train_options import DeviceKind, TrainOptions
from hwflow.config.training import CosineSchedule, Precision
from hwflow.train.files import StageResult

# Part of every key: raise it when the same recipe would train to other weights, or go on from
# another kind of checkpoint.
TRAINING_VERSION = 3
_BEFORE = 2
# The same for float starts and for joint training.
START_VERSION = 1
JOINT_VERSION = 1

_ELSEWHERE = {"name", "pruning", "stream"}
"""Fields of a stage that its weights do not depend on, or that count under another name."""

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
        "index": recipe.stream(index),
        "stage": recipe.stages[index].model_dump(mode="json", exclude=_ELSEWHERE),
        "threads": options.threads,
        "device": str(options.device),
        "devices": options.devices,
    }
    if not is_published(recipe.dataset):
        inputs["splits"] = splits
    return inputs


def start_inputs(
    recipe: Recipe, index: int, options: TrainOptions, *, splits: str | None
) -> dict[str, Any]:
    """Return all that decides the weights at the end of the float start of stage ``index``.

    Bits are no part of it where quantisers leave none in a float network: 8 and 4 bits of the
    usual ones share their start.
    """
    inputs = stage_inputs(recipe, index, options, splits=splits)
    stage = recipe.stages[index]
    usual = stage.scale == "power_of_two"
    inputs["version"] = START_VERSION
    inputs["stage"] = {
        "net": stage.net.model_dump(mode="json"),
        "training": stage.training.model_dump(mode="json", exclude=_behind_start(stage)),
        "weights": _quantisers(stage.weight_quantisers, stage.weight_bits, usual=usual),
        "acts": _quantisers(stage.act_quantisers, stage.act_bits, usual=usual),
    }
    return inputs


def _behind_start(stage: StageRecipe) -> set[str]:
    """Return the fields of training that only phases behind the float start know."""
    fields = {"lr", "lowering", "frozen_epochs", "patience", "form"}
    schedule = stage.training.schedule
    # Warm-up and milestones are told in epochs of the last phase; so these count too.
    if isinstance(schedule, CosineSchedule) and not schedule.warmup_epochs:
        fields.add("epochs")
    return fields


def _quantisers(names: Sequence[str], bits: Sequence[int], *, usual: bool) -> list[str]:
    plain = {"int", "uint", "sign", "approx_sign"} if usual else set()
    return [
        name if name in plain else f"{name} {width}"
        for name, width in zip(names, bits, strict=True)
    ]


def joint_inputs(
    recipe: Recipe, index: int, options: TrainOptions, *, splits: str | None
) -> dict[str, Any]:
    """Return all that decides the weights of stage ``index`` after ``recipe.joint``.

    What the last stage learns depends on no other; nor does any, where nobody teaches.
    """
    joint, last = recipe.joint, len(recipe.stages) - 1
    assert joint is not None, "callers look"
    told = joint.model_dump(mode="json")
    told["lr"] = joint.rates(len(recipe.stages))[index]
    told["pruning_epochs"] = joint.pruning_epochs if recipe.prunes else 0
    if index == last:
        del told["distillation"], told["cross_entropy"]
    elif not joint.distillation.weight:
        del told["distillation"]
    pruning = recipe.stages[index].pruning
    return {
        "version": JOINT_VERSION,
        "joint": told,
        "pruning": None if pruning is None else pruning.model_dump(mode="json"),
        "alone": stage_inputs(recipe, index, options, splits=splits),
        "teacher": joint_inputs(recipe, last, options, splits=splits)
        if "distillation" in told
        else None,
    }


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
    """Return whether ``result`` is what this very recipe comes to in stage ``index``."""
    options = TrainOptions(threads=result.threads, device=result.device, devices=result.devices)
    if recipe.joint is None:
        inputs = stage_inputs(recipe, index, options, splits=result.splits)
    else:
        inputs = joint_inputs(recipe, index, options, splits=result.splits)
    return result.key == hashed(inputs)


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
