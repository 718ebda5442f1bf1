"""What single networks that take turns by chance cost, counted by hand."""

from __future__ import annotations

import pytest
from hand_made import single

from hwflow.reproduce.mixture import mixed_bops

SINGLES = [
    single("w2a2", 20.0, 0.0, 0.6),
    single("w3a3", 60.0, 0.0, 0.7),  # dearer than w2a2 and w4a4 in turn
    single("w4a4", 80.0, 0.0, 0.9),
]


@pytest.mark.parametrize(
    ("accuracy", "bops"),
    [
        (0.5, 20.0),
        (0.6, 20.0),
        (0.7, 20 + 60 / 3),
        (0.75, 50.0),
        (0.9, 80.0),
    ],
)
def test_the_cheapest_two_are_taken_in_the_shares_that_reach_it(accuracy, bops):
    assert mixed_bops(accuracy, SINGLES) == pytest.approx(bops)
    assert mixed_bops(accuracy, SINGLES[::-1]) == pytest.approx(bops)


def test_nothing_reaches_more_than_the_most_accurate():
    assert mixed_bops(0.91, SINGLES) is None
