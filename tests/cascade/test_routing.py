"""Chance and hindsight, by trying every routing of a few frames."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from score_data import scored

from hwflow.cascade.curves import cost_curve
from hwflow.cascade.routing import oracle_accuracy, random_accuracy
from hwflow.cascade.scores import parse_score
from hwflow.cascade.view import view


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.data())
def test_against_every_routing(stages, draw):
    right = draw.draw(arrays(bool, (stages, 6)))
    stage_of = np.sort(draw.draw(arrays(np.int64, 6, elements=st.integers(0, stages - 1))))
    exits = np.bincount(stage_of, minlength=stages)[None, :]
    routings = set(permutations(stage_of.tolist()))
    reached = [right[list(routing), range(6)].mean() for routing in routings]
    assert oracle_accuracy(right, exits)[0] == pytest.approx(max(reached))
    # Each routing is as likely as any other.
    assert random_accuracy(right, exits)[0] == pytest.approx(np.mean(reached))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 4),
    st.sampled_from(["margin", "max_softmax", "neg_entropy", "gbvsb_1_3"]),
)
def test_no_score_beats_the_oracle_and_chance_mixes_the_stages(seed, stages, name):
    data = scored(seed, stages=stages)
    seen = view(data, parse_score(name), scales=(0.2,) * stages)
    bops = (1, 10, 100, 1000)[:stages]
    curve = cost_curve(seen, bops, points=20)
    assert np.all(curve.oracle_accuracy >= curve.accuracy - 1e-12)
    assert np.all(curve.oracle_accuracy >= curve.random_accuracy - 1e-12)
    alone = seen.right.mean(axis=1)
    np.testing.assert_allclose(curve.random_accuracy, curve.exit_rate @ alone)
    np.testing.assert_allclose(curve.exit_rate.sum(axis=1), 1.0)
    assert np.all(curve.random_accuracy <= alone.max() + 1e-12)
    assert np.all(curve.random_accuracy >= alone.min() - 1e-12)
    # From every stage for every frame to stage 0 alone.
    assert curve.worst_bops == sum(bops) == curve.avg_bops[0]
    assert curve.avg_bops[-1] == pytest.approx(bops[0])
    assert curve.accuracy[0] == pytest.approx(alone[-1])
    assert curve.accuracy[-1] == pytest.approx(alone[0])
    assert np.all(np.isinf(curve.threshold[0]) | (curve.threshold[0] > 0))
