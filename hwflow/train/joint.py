"""Trains the stages of a recipe together, once each has been trained alone.

After Cascaded Mixed-Precision Networks (Geng et al. 2020): the abstract tells that pruning and
quantisation are optimised jointly inside the cascade; losses and schedule are our own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric

from hwflow.config.data_root import DataRoot
from hwflow.config.joint import PLACE
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import TrainOptions
from hwflow.data import Splits, load
from hwflow.log import Progress
from hwflow.train.checkpoint import last_checkpoint
from hwflow.train.files import StageResult, intact_stage
from hwflow.train.fit import fixed_threads
from hwflow.train.joint_run import JointRun, JointTask
from hwflow.train.key import differences, hashed, joint_inputs
from hwflow.train.known import take
from hwflow.train.launch import float32_in_order, here, in_processes
from hwflow.train.unfinished import take_unfinished

log = logging.getLogger(__name__)


def train_jointly(
    recipe: Recipe,
    splits: Splits,
    folder: Path,
    alone: tuple[StageResult, ...],
    *,
    data: DataRoot,
    options: TrainOptions,
    progress: Progress,
    known: Sequence[Path] = (),
) -> tuple[StageResult, ...]:
    """Return the stages of ``recipe`` after ``recipe.joint``, from ``folder`` where that is done.

    ``alone``: the stages as they were trained alone, in ``folder``. ``known``: folders of other
    trainings, from which what is the same is taken.

    Raises:
        ConfigError: training diverges, or a stage's pruning does not suit its network.
    """
    assert recipe.joint is not None, "callers look"
    inputs = [
        joint_inputs(recipe, index, options, splits=splits.digest)
        for index in range(len(recipe.stages))
    ]
    (folder / PLACE).mkdir(exist_ok=True)
    for stage, told in zip(recipe.stages, inputs, strict=True):
        take(stage.name, hashed(told), folder, known, place=PLACE)
    task = JointTask(
        recipe,
        recipe.joint,
        alone,
        folder,
        options,
        tuple(inputs),
        _missing(recipe, folder, inputs),
    )
    if task.missing:
        places = [other / PLACE for other in known]
        take_unfinished(PLACE, hashed(task.all_inputs), folder / PLACE, places)
        _run(task, splits, data, progress)
    found = [intact_stage(folder, stage.name, place=PLACE) for stage in recipe.stages]
    done = tuple(each for each in found if each is not None)
    assert len(done) == len(found), "the run has written what was missing"
    return done


def _missing(recipe: Recipe, folder: Path, inputs: Sequence[dict[str, object]]) -> tuple[int, ...]:
    missing = []
    for index, (stage, told) in enumerate(zip(recipe.stages, inputs, strict=True)):
        found = intact_stage(folder, stage.name, place=PLACE)
        if found is None or found.key != hashed(told):
            missing.append(index)
    return tuple(missing)


def _run(task: JointTask, splits: Splits, data: DataRoot, progress: Progress) -> None:
    saved, options = _usable_checkpoint(task), task.options
    precision = task.joint.precision
    if options.devices == 1:
        with fixed_threads(options.threads), float32_in_order(options.device):
            JointRun(here(options, precision), task, splits, saved).run(progress)
    else:
        arguments = (task, data, saved)
        in_processes(
            _one_of_many, *arguments, options=options, precision=precision, progress=progress
        )


def _usable_checkpoint(task: JointTask) -> Path | None:
    found = last_checkpoint(task.checkpoint)
    if found is None:
        return None
    if found.key == hashed(task.all_inputs):
        return found.file
    log.warning(
        "%s: an unfinished run of another recipe (%s) is thrown away",
        found.file,
        "; ".join(differences(found.inputs, task.all_inputs)),
    )
    return None


def _one_of_many(
    fabric: Fabric, task: JointTask, data: DataRoot, saved: Path | None, progress: Progress
) -> None:
    torch.set_num_threads(task.options.threads)
    splits = load(task.recipe.dataset, data)
    with float32_in_order(task.options.device):
        JointRun(fabric, task, splits, saved).run(progress)
