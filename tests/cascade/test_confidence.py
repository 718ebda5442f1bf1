"""Confidence scores against their definitions, and what a temperature does to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from score_data import scored

from hwflow.cascade.decision import run_cascade
from hwflow.cascade.scores import (
    COMPARED,
    MARGIN,
    confidence,
    fit_temperature,
    log_softmax,
    parse_score,
)
from hwflow.errors import ConfigError

SCORES = arrays(
    np.int32, st.tuples(st.integers(1, 12), st.integers(3, 6)), elements=st.integers(-40, 40)
)
SCALES = st.sampled_from([2.0**-6, 0.1, 0.3, 1.0])


def probabilities(row, scale):
    powers = [math.exp(scale * (int(value) - max(row))) for value in row]
    return [power / sum(powers) for power in powers]


@given(SCORES, SCALES)
def test_each_score_against_its_definition(scores, scale):
    for index, row in enumerate(scores.tolist()):
        p = probabilities(row, scale)
        ordered = sorted(p, reverse=True)
        expected = {
            "max_softmax": ordered[0],
            "neg_entropy": sum(x * math.log(x) for x in p if x > 0),
            "gbvsb_1_2": ordered[0] - ordered[1],
            "gbvsb_1_3": ordered[0] - ordered[1] - ordered[2],
            "gbvsb_2_3": ordered[0] + ordered[1] - ordered[2],
        }
        for name, value in expected.items():
            got = confidence(scores, parse_score(name), scale=scale)[index]
            assert got == pytest.approx(value, abs=1e-9), name
        first, second = sorted(row, reverse=True)[:2]
        assert confidence(scores, MARGIN, scale=scale)[index] == first - second


@given(st.integers(0, 1000), st.floats(0.01, 100), st.integers(1, 30))
def test_a_temperature_leaves_margins_in_their_order_and_who_exits(seed, temperature, threshold):
    """Of the integers themselves, and of the real scores that a temperature divides."""
    data = scored(seed)
    margin = confidence(data.scores[0], MARGIN)
    np.testing.assert_array_equal(margin, confidence(data.scores[0], MARGIN, scale=1 / temperature))
    real = np.sort(data.scores[0] / temperature, axis=1)
    scaled = real[:, -1] - real[:, -2]
    order = np.argsort(margin, kind="stable")
    assert np.all(np.diff(scaled[order]) >= -1e-9 / temperature)
    leaves = run_cascade(data.scores, (threshold,)).exit_stage == 0
    # Half a step below: real margins are multiples of one step, up to rounding.
    np.testing.assert_array_equal(leaves, scaled >= (threshold - 0.5) / temperature)


def test_a_temperature_does_change_the_order_of_the_others():
    """So that it is worth fitting one before they are compared."""
    rows = np.array([[10, 7, -100, -100], [13, 8, 8, 8]])  # one rival, but near; or three
    for name in ("max_softmax", "neg_entropy"):
        score = parse_score(name)
        cold = confidence(rows, score, scale=1.0)
        hot = confidence(rows, score, scale=0.1)
        assert (cold[0] < cold[1]) != (hot[0] < hot[1]), name


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1.0, 2.0**-15]))
def test_the_fitted_temperature_has_the_least_cross_entropy(seed, scale):
    data = scored(seed, frames=400)
    rows = np.arange(400)
    fitted = fit_temperature(data.scores[0], data.labels, scale=scale)

    def loss(temperature):
        return -log_softmax(data.scores[0], scale=scale / temperature)[rows, data.labels].mean()

    assert all(loss(fitted) <= loss(fitted * factor) + 1e-9 for factor in (0.5, 0.9, 1.1, 2.0))


def test_probabilities_of_far_integers_do_not_overflow():
    rows = np.array([[2**30, -(2**30), 0], [0, 0, 0]])
    for score in COMPARED:
        assert np.isfinite(confidence(rows, score).astype(float)).all(), score.name
    assert confidence(rows, parse_score("max_softmax")).tolist() == pytest.approx([1.0, 1 / 3])


@pytest.mark.parametrize("name", ["softmax", "", "gbvsb", "gbvsb_2_2", "gbvsb_0_1", "gbvsb_1_2_3"])
def test_an_unknown_score_is_refused(name):
    with pytest.raises(ConfigError, match="expected margin, max_softmax, neg_entropy, or gbvsb"):
        parse_score(name)


def test_gbvsb_of_too_few_classes_is_refused():
    with pytest.raises(ConfigError, match=r"gbvsb_2_4.*needs 4 classes, the network has 3"):
        confidence(np.zeros((1, 3), int), parse_score("gbvsb_2_4"))
