import numpy as np
import pytest

from hwflow.simulate.timing import steady_ii


def test_the_ii_is_that_of_the_steady_state():
    filling = np.array([0, 500, 900])
    steady = 1000 + 100 * np.arange(9)
    assert steady_ii(np.concatenate([filling, steady])) == 100


def test_an_uneven_ii_is_a_mean():
    assert steady_ii(np.cumsum([0, 10, 11, 10, 11, 10, 11, 10, 11])) == 10.5


def test_one_frame_has_no_ii():
    with pytest.raises(ValueError, match="at least two frames"):
        steady_ii(np.array([3]))
