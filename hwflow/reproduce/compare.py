"""Cascades against single networks: at equal accuracy, and at thresholds that reach each of them.

Thresholds come from validation frames alone; what is claimed of them is counted on test frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hwflow.cascade.cost import expected_bops
from hwflow.cascade.goals import AccuracyGoal, CostGoal, Goal
from hwflow.cascade.view import Cuts, View, view
from hwflow.config.study import Study
from hwflow.report.scored import ScoredCascade
from hwflow.reproduce.metrics import (
    Comparison,
    HardwareMetrics,
    Limit,
    Limited,
    Match,
    Number,
    Point,
    PolicyMetrics,
    SingleMetrics,
    Split,
    VariantMetrics,
)

Fitter = Callable[[Sequence[float]], HardwareMetrics]
"""Returns the hardware of one cascade whose stages see these fractions of the frames."""


@dataclass(frozen=True)
class Candidate:
    """A cascade to compare: its scores, what its policy does by split, and its hardware."""

    name: str
    seed: int
    scored: ScoredCascade
    policy: Mapping[Split, PolicyMetrics]
    fit: Fitter


def mark_front(singles: Sequence[SingleMetrics]) -> tuple[SingleMetrics, ...]:
    """Return ``singles`` with those marked that no other beats, on test frames.

    Another beats one that is as accurate for no more BOPs, and better in one of both.
    """

    def place(one: SingleMetrics) -> tuple[float, float]:
        return -one.accuracy["test"].value, one.bops.value

    def beaten(one: SingleMetrics) -> bool:
        here = place(one)
        return any(
            all(a <= b for a, b in zip(place(other), here, strict=True)) and place(other) != here
            for other in singles
        )

    return tuple(one.model_copy(update={"on_front": not beaten(one)}) for one in singles)


def compare(candidate: Candidate, singles: Sequence[SingleMetrics]) -> Comparison:
    """Return how ``candidate`` stands against ``singles``, whose front is marked.

    The first stage alone is no match to reach: a cascade all of whose frames leave there is that
    network. It counts where networks of equal accuracy are looked for.
    """
    matches = tuple(_match(candidate, one) for one in singles if not one.is_first)
    policy = candidate.policy["test"]
    name, equal = _equal(policy.accuracy, policy.avg_bops, singles)
    front = {one.name for one in singles if one.on_front and not one.is_first}
    return Comparison(
        cascade=candidate.name,
        hardware=candidate.fit(reach([r.value for r in candidate.policy["validation"].exit_rate])),
        equal_single=name,
        equal_accuracy=equal,
        matches=matches,
        above_front=bool(front) and all(m.better for m in matches if m.single in front),
    )


def reach(exit_rate: Sequence[float]) -> tuple[float, ...]:
    """Return the fraction of the frames that each stage sees."""
    left = 1.0 - np.concatenate([[0.0], np.cumsum(exit_rate)[:-1]])
    return tuple(float(each) for each in np.clip(left, 0.0, 1.0))


def within_limits(
    candidate: Candidate,
    reference: VariantMetrics,
    study: Study,
    singles: Sequence[SingleMetrics],
) -> tuple[Limited, ...]:
    """Return ``candidate`` at the study's losses and budgets against ``reference``'s last stage."""
    last = reference.stages[-1]
    accuracy, bops = last.accuracy["validation"].value, candidate.scored.bops
    goals: list[tuple[Limit, float, Goal]] = [
        *(("loss", limit, AccuracyGoal(accuracy - limit)) for limit in study.losses),
        *(("bops", limit, CostGoal(limit * last.bops, bops)) for limit in study.budgets),
    ]
    told = []
    for of, limit, goal in goals:
        found = Limited(of=of, limit=limit, reference=reference.name)
        point = point_at(candidate, goal)
        if point is not None:
            lost = last.accuracy["test"].value - point.accuracy.value
            name, equal = _equal(point.accuracy, point.avg_bops, singles)
            found = found.model_copy(
                update={
                    "point": point,
                    "lost": point.accuracy.model_copy(update={"value": lost}),
                    "bops_ratio": ratio(point.avg_bops, last.bops),
                    "equal_single": name,
                    "equal_accuracy": equal,
                }
            )
        told.append(found)
    return tuple(told)


def _match(candidate: Candidate, single: SingleMetrics) -> Match:
    point = point_at(candidate, AccuracyGoal(single.accuracy["validation"].value))
    if point is None:
        return Match(
            single=single.name, more_accurate=False, fewer_bops=False, faster=False, better=False
        )
    accurate = point.accuracy.value >= single.accuracy["test"].value
    fewer = point.avg_bops.value < single.bops.value
    faster = is_faster(point.hardware, single.hardware)
    return Match(
        single=single.name,
        point=point,
        bops_ratio=ratio(point.avg_bops, single.bops.value),
        more_accurate=accurate,
        fewer_bops=fewer,
        faster=faster,
        better=accurate and fewer and faster,
    )


def point_at(candidate: Candidate, goal: Goal) -> Point | None:
    """Return ``candidate`` at thresholds for ``goal``; None where no threshold reaches it."""
    scored = candidate.scored
    chooser, test = (view(scored.split(split)) for split in ("validation", "test"))
    cuts = goal.cuts(chooser, chooser.ones)
    if cuts is None:
        return None
    threshold = chooser.thresholds(cuts)
    there = test.cuts(threshold)
    measured = Number(
        value=float(test.outcome(test.exit_stage(there)).mean()),
        unit="fraction",
        provenance="measured",
        n=test.independent,
        split="test",
        seed=candidate.seed,
    )
    bops = expected_bops(scored.bops, _rates(test, there))
    hardware = candidate.fit(reach(_rates(chooser, cuts)))
    return Point(
        threshold=tuple(int(each) for each in threshold),
        accuracy=measured,
        avg_bops=measured.model_copy(
            update={"value": bops, "unit": "BOPs", "provenance": "estimated"}
        ),
        hardware=hardware.model_copy(update={"taken": {}}),
    )


def ratio(bops: Number, by: float) -> Number:
    """Return ``bops`` over those of another network."""
    return bops.model_copy(update={"value": bops.value / by, "unit": "ratio", "interval95": None})


def is_faster(cascade: HardwareMetrics, single: HardwareMetrics) -> bool:
    """Return whether ``cascade`` fits the board and takes more frames per second than ``single``.

    What does not fit takes none.
    """
    here, there = (
        0.0 if x.frames_per_s is None else x.frames_per_s.value for x in (cascade, single)
    )
    return here > there


def _rates(seen: View, cuts: Cuts) -> list[float]:
    stages = np.bincount(seen.exit_stage(cuts), minlength=len(seen.right))
    rates: list[float] = (stages / seen.frames).tolist()
    return rates


def _equal(accuracy: Number, bops: Number, singles: Sequence[SingleMetrics]) -> tuple[str, Number]:
    """Return the network of equal accuracy on test frames, and ``bops`` over those of that.

    It is the cheapest one that is as accurate; where none is, the most accurate one.
    """
    rivals = [s for s in singles if s.accuracy["test"].value >= accuracy.value]
    if rivals:
        best = min(rivals, key=lambda one: one.bops.value)
    else:
        best = max(singles, key=lambda one: one.accuracy["test"].value)
    return best.name, ratio(bops, best.bops.value)
