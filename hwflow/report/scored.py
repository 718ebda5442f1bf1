"""A cascade as its scores tell: what evaluation needs of a bundle, or of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwflow.cascade.view import ScoredSplit
from hwflow.config.bundle import GOLDEN_FILE, load_bundle, recorded
from hwflow.config.calibration import CalibrationRecipe
from hwflow.config.golden import read_golden, scored
from hwflow.errors import ConfigError


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
