"""Integer scores of trained stages, frozen as for export but without QONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwflow.cascade.view import ScoredSplit
from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.recipe import Recipe
from hwflow.cost import total
from hwflow.data import load, translated
from hwflow.export.bundle import check_splits, check_trained
from hwflow.export.canonical import canonical
from hwflow.export.freeze import freeze
from hwflow.export.verify import score_network
from hwflow.log import Progress, silent
from hwflow.train import read_networks


@dataclass(frozen=True)
class TrainedScores:
    """What a training's networks compute: per stage BOPs and score scale, and scores by split."""

    classes: tuple[str, ...]
    bops: tuple[int, ...]
    score_scale: tuple[float, ...]
    splits: dict[str, ScoredSplit]


def score_trained(
    recipe: Recipe,
    train_dir: Path,
    *,
    data: DataRoot = USUAL,
    test: bool,
    progress: Progress = silent,
) -> TrainedScores:
    """Return the integer scores of the stages in ``train_dir`` on validation frames.

    Those are translated as the recipe's calibration says. ``test``: on test frames too, which are
    left alone otherwise. The networks are Brevitas', frozen as ``export`` does.

    Raises:
        ConfigError: ``train_dir`` does not hold this recipe's stages, or the data set is missing.
        UnsupportedModelError: a network cannot be exact in integers.
    """
    check_trained(recipe, train_dir)
    splits = load(recipe.dataset, data, progress=progress)
    check_splits(splits, train_dir)
    wanted = [translated(splits.validation, recipe.calibration.shift)]
    wanted += [splits.test] if test else []
    bops, scales, scores = [], [], []
    networks = read_networks(recipe, train_dir, splits.frame_shape, len(splits.classes))
    for index, (stage, trained) in enumerate(zip(recipe.stages, networks, strict=True)):
        progress(f"score {stage.name}", index, len(recipe.stages))
        network = canonical(trained)
        freeze(network)
        bops.append(total(network.costs()).bops)
        scales.append(network.score_scale)
        scores.append([score_network(network, subset.frames) for subset in wanted])
    progress("scores", len(recipe.stages), len(recipe.stages))
    by_split = zip(wanted, zip(*scores, strict=True), strict=True)
    return TrainedScores(
        classes=splits.classes,
        bops=tuple(bops),
        score_scale=tuple(scales),
        splits={
            subset.split: ScoredSplit(
                subset.split, subset.labels, each, copies=len(subset) // len(set(subset.indices))
            )
            for subset, each in by_split
        },
    )
