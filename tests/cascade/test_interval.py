import pytest

from hwflow.cascade.interval import wilson


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
