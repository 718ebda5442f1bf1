"""Cascades against single networks, on frames whose routing can be counted on the fingers."""

from __future__ import annotations

import pytest
from hand_made import cascade, hardware, number, policy, single, split, variant

from hwflow.config.study import Study
from hwflow.reproduce.compare import (
    Candidate,
    compare,
    is_faster,
    mark_front,
    reach,
    within_limits,
)

# Margin:  10 … 5 stage 0 is right; 4, 3 wrong; 2 right; 1 wrong. Stage 1 has all right but 2.
# Right in all, leaving at margin ≥ t: 9 at t = 5 (and above), 8 at 4, 7 at 3, 8 at 2, 7 at 1.
MARGINS = tuple(range(10, 0, -1))
FIRST = "yyyyyynnyn"
LAST = "yyyyyyyyny"
SINGLES = [single("w2a2", 30.0, 0.7, 0.7), single("w4a4", 60.0, 0.8, 0.8)]


def candidate(*, fps=500.0, test=None, accuracy=0.9, avg_bops=50.0):
    fits = []

    def fit(reached):
        fits.append(tuple(reached))
        return hardware(fps, *reached)

    measured = split("test", MARGINS, FIRST, LAST) if test is None else test
    told = Candidate(
        name="joint",
        seed=1,
        scored=cascade(split("validation", MARGINS, FIRST, LAST), measured),
        policy={s: policy(accuracy, avg_bops, 0.6) for s in ("validation", "test")},
        fit=fit,
    )
    return told, fits


def only(told, singles):
    return compare(told, mark_front(singles)).matches[0]


def test_thresholds_reach_the_single_network_at_the_highest_exit_rate():
    told, fits = candidate()
    match = only(told, [single("w4a4", 60.0, 0.9, 0.9, fps=400.0)])
    assert match.point.threshold == (5,)
    assert match.point.accuracy.value == pytest.approx(0.9)
    assert match.point.avg_bops.value == pytest.approx(10 + 0.4 * 100)
    assert match.bops_ratio.value == pytest.approx(50 / 60)
    assert fits[0] == pytest.approx((1.0, 0.4))
    assert (match.more_accurate, match.fewer_bops, match.faster) == (True, True, True)
    assert match.better
    assert (match.point.accuracy.n, match.point.accuracy.split, match.point.accuracy.seed) == (
        10,
        "test",
        1,
    )
    assert (match.point.accuracy.provenance, match.point.avg_bops.provenance) == (
        "measured",
        "estimated",
    )


def test_a_lower_accuracy_is_reached_with_fewer_frames_going_on():
    told, _ = candidate()
    match = only(told, [single("w2a2", 60.0, 0.8, 0.8)])
    assert match.point.threshold == (2,)
    assert match.point.avg_bops.value == pytest.approx(10 + 0.1 * 100)


def test_what_validation_frames_do_not_reach_is_not_better():
    told, fits = candidate()
    match = only(told, [single("w8a8", 100.0, 0.95, 0.5)])
    assert match.point is None
    assert not match.better
    assert len(fits) == 1, "only the cascade at its policy was fitted"


@pytest.mark.parametrize(
    ("bops", "test", "fps", "lacks"),
    [
        (50.0, 0.9, 400.0, "fewer_bops"),
        (60.0, 0.91, 400.0, "more_accurate"),
        (60.0, 0.9, 500.0, "faster"),
    ],
)
def test_better_takes_all_three(bops, test, fps, lacks):
    told, _ = candidate(fps=500.0)
    match = only(told, [single("w4a4", bops, 0.9, test, fps=fps)])
    assert {x for x in ("fewer_bops", "more_accurate", "faster") if not getattr(match, x)} == {
        lacks
    }
    assert not match.better


def test_test_frames_choose_no_threshold():
    """With every answer of the test split wrong, thresholds stay and accuracy is 0."""
    told, _ = candidate(test=split("test", MARGINS, "n" * 10, "n" * 10))
    match = only(told, [single("w4a4", 60.0, 0.9, 0.9)])
    assert match.point.threshold == (5,)
    assert match.point.accuracy.value == 0.0
    assert not match.more_accurate


@pytest.mark.parametrize(
    ("here", "there", "faster"), [(None, None, False), (None, 5.0, False), (5.0, None, True)]
)
def test_what_does_not_fit_takes_no_frames(here, there, faster):
    assert is_faster(hardware(here), hardware(there)) is faster


def test_the_front_is_what_nobody_beats():
    singles = [
        single("first", 10.0, 0.7, 0.7, is_first=True),
        single("w2a2", 20.0, 0.7, 0.7),  # as accurate as the first, dearer
        single("w3a3", 30.0, 0.85, 0.85),
        single("w4a4", 30.0, 0.8, 0.8),  # as dear as w3a3, less accurate
        single("w8a8", 90.0, 0.9, 0.9),
        single("twin", 90.0, 0.9, 0.9),  # equal: neither beats the other
    ]
    front = {one.name for one in mark_front(singles) if one.on_front}
    assert front == {"first", "w3a3", "w8a8", "twin"}


def test_above_the_front_is_better_than_all_on_it():
    told, _ = candidate()
    strong = single("w4a4", 60.0, 0.9, 0.9, fps=400.0)
    cheap = single("w2a2", 30.0, 0.8, 0.8, fps=400.0)
    beaten = single("w3a3", 65.0, 0.95, 0.9)  # no threshold reaches it, but w4a4 is cheaper
    assert compare(told, mark_front([strong, cheap, beaten])).above_front
    best = single("w8a8", 200.0, 0.95, 0.95)
    assert not compare(told, mark_front([strong, cheap, best])).above_front
    first = single("first", 1.0, 0.99, 0.99, is_first=True)
    assert not compare(told, mark_front([first, strong])).above_front, "nothing else is on it"


def test_equal_accuracy_is_against_the_cheapest_that_is_as_accurate():
    told, _ = candidate(accuracy=0.85, avg_bops=40.0)
    singles = [
        single("w2a2", 30.0, 0.8, 0.84),
        single("w3a3", 60.0, 0.8, 0.85),
        single("w4a4", 80.0, 0.9, 0.9),
    ]
    found = compare(told, mark_front(singles))
    assert found.equal_single == "w3a3"
    assert found.equal_accuracy.value == pytest.approx(40 / 60)
    with_first = [*singles, single("first", 50.0, 0.9, 0.9, is_first=True)]
    found = compare(told, mark_front(with_first))
    assert (found.equal_single, found.equal_accuracy.value) == ("first", pytest.approx(40 / 50))


def test_without_an_equal_it_is_against_the_most_accurate():
    told, _ = candidate(accuracy=0.95, avg_bops=40.0)
    singles = [single("w3a3", 60.0, 0.8, 0.8), single("w4a4", 80.0, 0.9, 0.9)]
    found = compare(told, mark_front(singles))
    assert (found.equal_single, found.equal_accuracy.value) == ("w4a4", pytest.approx(40 / 80))


def test_reach_is_what_the_stages_before_leave():
    assert reach((0.5, 0.25, 0.25)) == pytest.approx((1.0, 0.5, 0.25))
    assert reach((1.0,)) == (1.0,)


def test_what_may_be_lost_is_counted_against_the_unpruned_last_stage():
    """The reference has 0.9 and 100 M BOPs on both splits: 0.8 is reached at 20, 0.9 at 50."""
    told, _ = candidate()
    reference = variant("joint", 0.9, 4e7)
    nothing, some = within_limits(told, reference, study(losses=(0.0, 0.1)), SINGLES)
    assert (nothing.of, nothing.limit, nothing.reference) == ("loss", 0.0, "joint")
    assert nothing.point.threshold == (5,)
    assert nothing.lost.value == pytest.approx(0.0)
    assert nothing.bops_ratio.value == pytest.approx(50 / 1e8)
    assert some.point.threshold == (2,)
    assert some.lost.value == pytest.approx(0.1)
    assert some.bops_ratio.value == pytest.approx(20 / 1e8)
    better = reference.stages[-1].model_copy(update={"accuracy": variant_accuracy(0.95)})
    higher = reference.model_copy(update={"stages": (reference.stages[0], better)})
    assert within_limits(told, higher, study(losses=(0.0,)), SINGLES)[0].point is None


def test_what_may_be_spent_is_a_part_of_the_unpruned_last_stages_bops():
    """Of 100 M BOPs 45 are enough for 3 frames in 10 to go on, and 5 for no cascade at all."""
    told, _ = candidate()
    reference = variant("joint", 0.9, 4e7)
    scale = reference.stages[-1].bops
    some, too_few = within_limits(told, reference, study(budgets=(45 / scale, 5 / scale)), SINGLES)
    assert some.of == "bops"
    assert some.point.threshold == (4,)
    assert some.bops_ratio.value == pytest.approx(40 / scale)
    assert some.lost.value == pytest.approx(0.1)
    assert (some.equal_single, some.equal_accuracy.value) == ("w4a4", pytest.approx(40 / 60))
    assert too_few.point is None


def study(**limits):
    return Study(schema_version=1, seeds=(1,), bundle_seed=1, **limits)


def variant_accuracy(value):
    return {split: number(value) for split in ("validation", "test")}
