"""Studies whose every number is made up by hand, so that what follows from them is arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tiny import recipe, stage_data

from hwflow.cascade.view import ScoredSplit
from hwflow.config.bundle import Link
from hwflow.config.study import Goal, Study
from hwflow.report.scored import ScoredCascade, ScoredStage
from hwflow.reproduce.compare import Candidate, compare, mark_front
from hwflow.reproduce.metrics import (
    CurveMetrics,
    HardwareMetrics,
    Metrics,
    Number,
    PolicyMetrics,
    ScoreMetrics,
    SeedMetrics,
    SingleMetrics,
    StageMetrics,
    VariantMetrics,
)
from hwflow.reproduce.summary import reached, summarise


def number(value: float, unit: str = "fraction", *, seed: int = 1) -> Number:
    return Number(value=value, unit=unit, provenance="measured", n=10, split="test", seed=seed)


def hardware(fps: float | None, *reach: float) -> HardwareMetrics:
    if fps is None:
        return HardwareMetrics(reach=reach or (1.0,), fails="too large")
    return HardwareMetrics(reach=reach or (1.0,), frames_per_s=number(fps, "frames/s"))


def single(
    name: str, bops: float, validation: float, test: float, *, fps=1000.0, is_first=False
) -> SingleMetrics:
    return SingleMetrics(
        name=name,
        variant="continued",
        is_first=is_first,
        bops=number(bops, "BOPs"),
        accuracy={"validation": number(validation), "test": number(test)},
        hardware=hardware(fps),
    )


def policy(accuracy: float, avg_bops: float, leave: float, *, seed: int = 1) -> PolicyMetrics:
    return PolicyMetrics(
        accuracy=number(accuracy, seed=seed),
        loss=number(0.0, seed=seed),
        avg_bops=number(avg_bops, "BOPs", seed=seed),
        exit_rate=(number(leave, seed=seed), number(1 - leave, seed=seed)),
        random=number(accuracy - 0.1, seed=seed),
        oracle=number(min(1.0, accuracy + 0.1), seed=seed),
    )


def split(name: str, margins: Sequence[int], first: str, last: str) -> ScoredSplit:
    """Return frames of one class; stage 0 answers with ``margins``, ``first`` and ``last`` say
    with y or n who is right about each."""
    labels = np.zeros(len(margins), dtype=np.int64)
    scores = []
    for told, margin in ((first, margins), (last, [5] * len(margins))):
        right = np.array([each == "y" for each in told])
        wide = np.zeros((len(margins), 2), dtype=np.int64)
        wide[np.arange(len(margins)), np.where(right, 0, 1)] = margin
        scores.append(wide)
    return ScoredSplit(name, labels, tuple(scores))


def cascade(validation: ScoredSplit, test: ScoredSplit, *, bops=(10, 100)) -> ScoredCascade:
    return ScoredCascade(
        name="hand",
        dataset="none",
        classes=("a", "b"),
        stages=tuple(ScoredStage(f"stage{k}", cost, 1.0) for k, cost in enumerate(bops)),
        splits={"validation": validation, "test": test},
        thresholds=(3,),
        calibration=None,
    )


def variant(name: str, accuracy: float, avg_bops: float, *, seed: int = 1) -> VariantMetrics:
    def stage(index: int, bops: int, right: float) -> StageMetrics:
        return StageMetrics(
            name=f"stage{index}",
            channels=(8, 10),
            weight_bits=(1, 1),
            act_bits=(8, 1),
            params=100,
            macs=1000,
            bops=bops,
            pruned=0.0,
            zeros=0.0,
            accuracy={"validation": number(right, seed=seed), "test": number(right, seed=seed)},
        )

    return VariantMetrics(
        name=name,
        about=f"the variant {name}",
        seed=seed,
        threshold=(3,),
        stages=(stage(0, 10_000_000, 0.8), stage(1, 100_000_000, 0.9)),
        policy={"validation": policy(accuracy, avg_bops, 0.75, seed=seed),
                "test": policy(accuracy, avg_bops, 0.75, seed=seed)},
        scores={"margin": ScoreMetrics(accuracy=number(accuracy), avg_bops=number(avg_bops)),
                "neg_entropy": ScoreMetrics()},
        curve=CurveMetrics(
            n=10, split="test", seed=seed, avg_bops=(1.1e8, 3.5e7, 1e7), accuracy=(0.9, 0.89, 0.8),
            random=(0.9, 0.83, 0.8), oracle=(0.93, 0.95, 0.8),
        ),
        exactness=(Link(link="stage0 brevitas-qonnx scores", compared=50, mismatches=0, ties=0),),
        training=number(2.0, "minutes", seed=seed),
        frames={"validation": 10, "test": 10},
        copies=1,
    )  # fmt: skip


def metrics(*seeds: SeedMetrics, goals: tuple[Goal, ...] = (), planned=(1, 2)) -> Metrics:
    told = recipe(stage_data(), stage_data(name="stage1", weight_bit_width=8, act_bit_width=8))
    study = Study(
        schema_version=1, seeds=planned, bundle_seed=planned[0], single_bits=(8, 4), goals=goals
    )
    summary = summarise(seeds)
    return Metrics(
        recipe=told,
        study=study,
        classes=("a", "b"),
        headline="separate",
        seeds=seeds,
        summary=summary,
        goals=reached(goals, summary, seeds=len(seeds)),
        provenance={},
    )


YES = "y" * 10


def one_seed(number, accuracy=0.9, bops=4e7, *, w4a4=0.9, fps=900.0):
    """One seed: cascade of 10 M and 100 M BOPs that is always right, against two networks."""
    told = variant("separate", accuracy, bops, seed=number)
    frames = [split(name, (9,) * 9 + (1,), "y" * 9 + "n", YES) for name in ("validation", "test")]
    candidate = Candidate(
        name="separate",
        seed=number,
        scored=cascade(*frames, bops=(10_000_000, 100_000_000)),
        policy=told.policy,
        fit=lambda reach: hardware(fps, *reach),
    )
    singles = mark_front(
        (
            single("stage0 alone", 1e7, 0.8, 0.8, fps=2000.0, is_first=True),
            single("w4a4", 5e7, w4a4, w4a4, fps=500.0),
            single("w8a8", 1e8, 1.0, 1.0, fps=400.0),
        )
    )
    return SeedMetrics(
        seed=number,
        variants=(told,),
        singles=singles,
        comparisons=(compare(candidate, singles),),
    )
