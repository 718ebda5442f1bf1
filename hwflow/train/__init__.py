"""Quantisation-aware training of the stages of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.pruning import FilterPruning
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import DEFAULT_THREADS, ON_CPU, TrainOptions
from hwflow.data import load
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.train.evaluate import real_scores
from hwflow.train.files import (
    RESULT_FILE,
    StageResult,
    TrainResult,
    read_train_result,
    read_weights,
    write_json,
)
from hwflow.train.fit import fixed_threads
from hwflow.train.frames import to_codes
from hwflow.train.joint import train_jointly
from hwflow.train.key import is_trained, stage_key
from hwflow.train.launch import check_devices
from hwflow.train.phases import phases
from hwflow.train.pruner import targets
from hwflow.train.stage import train_stages
from hwflow.train.trained import read_networks

__all__ = [
    "DEFAULT_THREADS",
    "RESULT_FILE",
    "StageResult",
    "TrainOptions",
    "TrainResult",
    "check",
    "fixed_threads",
    "is_trained",
    "read_networks",
    "read_train_result",
    "read_weights",
    "real_scores",
    "stage_key",
    "to_codes",
    "train",
]

# No network fits by its number of classes, which of a folder of pictures is not known yet.
_ANY_CLASSES = 10


def train(
    recipe: Recipe,
    out_dir: Path,
    *,
    data: DataRoot = USUAL,
    options: TrainOptions = ON_CPU,
    progress: Progress = silent,
    known: Sequence[Path] = (),
) -> TrainResult:
    """Train every stage of ``recipe`` into ``out_dir`` and return what was reached.

    Writes ``<stage>.safetensors``, ``<stage>.json`` and ``<stage>.csv`` per stage and
    ``train.json``; where the recipe says so, the same of the stages trained together, below
    ``joint/``: ``train.json`` tells of those then. Stages that ``out_dir`` already holds for the
    same inputs are kept, and an interrupted one goes on from its last checkpoint; on the CPU both
    give the same weights, byte for byte, as one uninterrupted run. The same recipe, CPU and
    ``options`` give the same weights; another CPU may differ in the last bits, and a GPU from run
    to run. ``known``: folders of other trainings, from which stages and float starts that are the
    same are taken.

    Raises:
        ConfigError: if a network does not fit the frames, the data set in ``data`` is missing or
            damaged, the machine lacks the devices, ``out_dir`` holds finished or begun stages of
            other threads or devices, or training diverges.
    """
    check(recipe, options)
    out_dir.mkdir(parents=True, exist_ok=True)
    splits = load(recipe.dataset, data, progress=progress)
    if len(splits.train) < options.devices:
        raise ConfigError(
            f"--devices {options.devices}: only {len(splits.train)} training frames are there, and "
            "each device needs one of a batch; ask for fewer devices"
        )
    stages = train_stages(
        recipe, splits, out_dir, data=data, options=options, progress=progress, known=known
    )
    if recipe.joint is not None:
        stages = train_jointly(
            recipe,
            splits,
            out_dir,
            stages,
            data=data,
            options=options,
            progress=progress,
            known=known,
        )
    result = TrainResult(recipe=recipe.name, splits=splits.digest, stages=stages)
    write_json(out_dir / RESULT_FILE, result)
    return result


def check(recipe: Recipe, options: TrainOptions) -> None:
    """Make sure, before anything is trained, that every stage of ``recipe`` can be.

    Each phase's network is built once, for frames of the size that the data set's field says.

    Raises:
        ConfigError: naming the field or option.
    """
    check_devices(options)
    for index, stage in enumerate(recipe.stages):
        size = stage.training.batch_size
        if size % options.devices:
            raise ConfigError(
                f"stages.{index}.training.batch_size: {size} frames cannot be shared evenly by "
                f"{options.devices} devices; choose a multiple"
            )
        for phase in phases(stage):
            network = phase.build(recipe.dataset.frame_shape, _ANY_CLASSES, seed=0)
        if isinstance(stage.pruning, FilterPruning):
            targets(network, stage.pruning, f"stages.{index}")
    if recipe.joint is not None and recipe.joint.batch_size % options.devices:
        raise ConfigError(
            f"joint.batch_size: {recipe.joint.batch_size} frames cannot be shared evenly by "
            f"{options.devices} devices; choose a multiple"
        )
