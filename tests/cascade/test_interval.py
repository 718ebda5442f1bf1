import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from hwflow.cascade.interval import most_losses, wilson


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Wilson intervals without continuity correction, Newcombe 1998, table I, method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(right, n, low, high):
    assert wilson(right / n, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400), st.floats(0.001, 0.6), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_the_losses_are_those_that_clopper_and_pearson_bound(n, rate, confidence):
    most = most_losses(n, rate, confidence=confidence)

    def bound(count):
        """The one-sided upper bound: a quantile of the beta distribution."""
        return 1.0 if count == n else beta.ppf(confidence, count + 1, n - count)

    if most is None:
        assert bound(0) > rate * (1 - 1e-9)
        return
    assert bound(most) <= rate * (1 + 1e-9)
    assert most == n or bound(most + 1) > rate * (1 - 1e-9)


def test_many_frames_do_not_underflow():
    # A normal approximation: 50,000 · 0.05 − 1.645 · standard deviation
    assert most_losses(50_000, 0.05, confidence=0.95) == pytest.approx(2420, abs=2)


def test_no_frames_show_a_rate_of_nothing():
    assert most_losses(10**6, 0.0, confidence=0.95) is None
    assert most_losses(10, 1.0, confidence=0.95) == 10
