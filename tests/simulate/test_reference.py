from dataclasses import replace

import numpy as np
import pytest

from hwflow.errors import VerificationError
from hwflow.simulate.accelerator import SimResult
from hwflow.simulate.reference import check_run, expect

SCORES = tuple(np.random.default_rng(k).integers(-20, 20, (30, 4)) for k in range(2))
THRESHOLDS = (6,)


def perfect_run():
    """What an accelerator that does it right gives for ``SCORES``."""
    results = expect(SCORES, THRESHOLDS).results
    reached = [np.flatnonzero(results.exit_stage >= k) for k in range(2)]
    nothing = np.zeros(30, np.int64)
    return SimResult(
        prediction=results.label,
        exit_stage=results.exit_stage,
        margin=results.margin,
        flags=results.flags,
        in_cycle=nothing,
        out_cycle=nothing,
        scores=tuple(s[r] for s, r in zip(SCORES, reached, strict=True)),
        score_cycle=(nothing, nothing),
        counters={},
    )


def part(first, stop):
    return expect([scores[first:stop] for scores in SCORES], THRESHOLDS)


def test_every_value_of_the_asked_frames_is_compared():
    got = perfect_run()
    escalated = int(np.count_nonzero(got.exit_stage[10:20] >= 1))
    assert 0 < escalated < 10
    links = check_run(part(10, 20), got, first=110, skip=10)
    assert [link.compared for link in links] == [40, 40, 4 * escalated]
    assert sum(link.mismatches for link in links) == 0


@pytest.mark.parametrize("frame", [10, 14, 19])
def test_a_wrong_frame_is_named_as_the_caller_counts(frame):
    got = perfect_run()
    wrong = got.margin.copy()
    wrong[frame] += 1
    with pytest.raises(VerificationError, match="numpy controller") as raised:
        check_run(part(10, 20), replace(got, margin=wrong), first=110, skip=10)
    assert raised.value.sample == 100 + frame


def test_a_wrong_score_of_a_later_stage_is_named_by_frame():
    got = perfect_run()
    reached = np.flatnonzero(got.exit_stage >= 1)
    place = int(np.flatnonzero(reached >= 10)[1])
    late = got.scores[1].copy()
    late[place, 2] += 1
    with pytest.raises(VerificationError, match="stage 1 RTL") as raised:
        check_run(part(10, 30), replace(got, scores=(got.scores[0], late)), first=10, skip=10)
    assert raised.value.sample == reached[place]


@pytest.mark.parametrize(
    ("stage", "rows", "frame"), [(0, -1, 129), (0, 1, 129), (1, -1, None), (1, 1, 129)]
)
def test_scores_too_few_or_too_many_are_refused(stage, rows, frame):
    got = perfect_run()
    there = got.scores[stage]
    changed = there[:rows] if rows < 0 else np.concatenate([there, there[:rows]])
    scores = tuple(changed if k == stage else kept for k, kept in enumerate(got.scores))
    last = 100 + int(np.flatnonzero(got.exit_stage >= stage)[-1])
    with pytest.raises(VerificationError, match=f"stage {stage} RTL.*those of") as raised:
        check_run(part(10, 20), replace(got, scores=scores), first=110, skip=10)
    assert raised.value.sample == (last if frame is None else frame)
    assert raised.value.mismatches == 4


def test_wrong_frames_outside_are_somebody_elses():
    got = perfect_run()
    wrong = got.margin.copy()
    wrong[[9, 20]] += 1
    check_run(part(10, 20), replace(got, margin=wrong), skip=10)
