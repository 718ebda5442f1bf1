"""Quantisation-aware training of the stages of a recipe."""

from __future__ import annotations

from pathlib import Path

from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.recipe import Recipe
from hwflow.data import load
from hwflow.log import Progress, silent
from hwflow.train.files import (
    RESULT_FILE,
    StageResult,
    TrainResult,
    read_train_result,
    read_weights,
    write_json,
)
from hwflow.train.fit import fixed_threads, real_scores, to_codes
from hwflow.train.stage import stage_key, train_stage

__all__ = [
    "RESULT_FILE",
    "StageResult",
    "TrainResult",
    "fixed_threads",
    "read_train_result",
    "read_weights",
    "real_scores",
    "stage_key",
    "to_codes",
    "train",
]

# One thread is as fast as two on networks this small (0.5 s an epoch of the demo), several times
# faster where the second core is busy, and the sums do not depend on the number of cores.
DEFAULT_THREADS = 1


def train(
    recipe: Recipe,
    out_dir: Path,
    *,
    data: DataRoot = USUAL,
    threads: int = DEFAULT_THREADS,
    progress: Progress = silent,
) -> TrainResult:
    """Train every stage of ``recipe`` into ``out_dir`` and return what was reached.

    Writes ``<stage>.safetensors`` and ``<stage>.json`` per stage and ``train.json``. Stages that
    ``out_dir`` already holds for the same inputs are kept, and an interrupted one goes on from its
    last epoch; both give the same bytes as one uninterrupted run. The same recipe, machine and
    ``threads`` give the same weights; another CPU may differ in the last bits.

    Raises:
        ConfigError: if a network does not fit the frames, or the data set in ``data`` is missing or
            damaged.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    splits = load(recipe.dataset, data, progress=progress)
    with fixed_threads(threads):
        stages = tuple(
            train_stage(recipe, index, splits, out_dir, threads=threads, progress=progress)
            for index in range(len(recipe.stages))
        )
    result = TrainResult(recipe=recipe.name, stages=stages)
    write_json(out_dir / RESULT_FILE, result)
    return result
