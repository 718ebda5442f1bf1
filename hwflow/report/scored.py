"""A cascade as its scores tell: what evaluation needs of a bundle, or of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwflow.cascade.calibration import thresholds_for
from hwflow.cascade.view import ScoredSplit
from hwflow.config.bundle import GOLDEN_FILE, load_bundle, recorded
from hwflow.config.calibration import CalibrationRecipe
from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.golden import read_golden, scored
from hwflow.config.recipe import Recipe
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent


@dataclass(frozen=True)
class ScoredStage:
    """One stage: real score = integer × ``score_scale``."""

    name: str
    bops: int
    score_scale: float


@dataclass(frozen=True)
class ScoredCascade:
    """Integer scores of every stage on the splits that there are, and how thresholds are chosen.

    ``thresholds``: the policy. ``calibration``: None where nobody knows how it was chosen.
    """

    name: str
    dataset: str
    classes: tuple[str, ...]
    stages: tuple[ScoredStage, ...]
    splits: Mapping[str, ScoredSplit]
    thresholds: tuple[int, ...]
    calibration: CalibrationRecipe | None

    def __post_init__(self) -> None:
        for name, data in self.splits.items():
            if data.split != name:
                raise ValueError(
                    f"{self.name}: frames of the {data.split!r} split given as {name!r}: "
                    "temperatures and thresholds are chosen on the validation split"
                )

    @property
    def bops(self) -> tuple[int, ...]:
        """BOPs per frame of each stage."""
        return tuple(stage.bops for stage in self.stages)

    def split(self, name: str) -> ScoredSplit:
        """Return the scores of a split.

        Raises:
            ConfigError: there are none, or no labels.
        """
        if name not in self.splits:
            raise ConfigError(
                f"{self.name}: {GOLDEN_FILE} holds no labelled scores of the {name} split; "
                + (f"it has {', '.join(self.splits)}" if self.splits else "nor of another")
                + "; `hwflow calibrate --frames data.npz` adds validation scores to a cascade"
            )
        return self.splits[name]


def from_training(
    recipe: Recipe,
    train_dir: Path,
    *,
    data: DataRoot = USUAL,
    test: bool,
    progress: Progress = silent,
) -> ScoredCascade:
    """Return the cascade of the stages trained in ``train_dir``, with the thresholds of ``recipe``.

    Those are chosen on validation frames. ``test``: score the test frames too.

    Raises:
        ConfigError: the folder does not hold this recipe's stages, the data set is missing, or no
            threshold reaches the recipe's goal.
        UnsupportedModelError: a network cannot be exact in integers.
    """
    from hwflow.export.scores import score_trained

    told = score_trained(recipe, train_dir, data=data, test=test, progress=progress)
    names = (stage.name for stage in recipe.stages)
    return ScoredCascade(
        name=recipe.name,
        dataset=recipe.dataset.name,
        classes=told.classes,
        stages=tuple(map(ScoredStage, names, told.bops, told.score_scale)),
        splits=told.splits,
        thresholds=thresholds_for(told.splits["validation"], recipe.calibration.goal(told.bops)),
        calibration=recipe.calibration,
    )


def from_bundle(folder: Path) -> ScoredCascade:
    """Return the cascade of the bundle in ``folder``.

    Raises:
        ConfigError: it is none, or damaged.
    """
    bundle, golden = load_bundle(folder), read_golden(folder)
    found = {name: scored(bundle, golden, name) for name in ("validation", "test")}
    told = bundle.policy.calibration
    return ScoredCascade(
        name=bundle.name,
        dataset=bundle.dataset,
        classes=bundle.classes,
        stages=tuple(ScoredStage(s.name, s.bops, s.score_scale) for s in bundle.stages),
        splits={name: data for name, data in found.items() if data is not None},
        thresholds=bundle.policy.threshold_int,
        calibration=None if told is None else recorded(told),
    )
