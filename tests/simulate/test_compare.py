import numpy as np
import pytest

from hwflow.errors import VerificationError
from hwflow.simulate.compare import compare


def test_equal_arrays_say_how_many_integers_were_compared():
    values = np.arange(12).reshape(4, 3)
    link = compare("a ↔ b", expected=values, got=values.astype(np.int16))
    assert (link.compared, link.mismatches, link.ties) == (12, 0, 0)


def test_the_first_differing_frame_is_named():
    expected = np.zeros((5, 2), np.int64)
    got = expected.copy()
    got[3, 1] = 7
    got[4] = 1
    with pytest.raises(
        VerificationError, match="frame 3: expected x 0, y 0, got x 0, y 7"
    ) as caught:
        compare("a ↔ b", expected=expected, got=got, labels=("x", "y"))
    assert (caught.value.sample, caught.value.mismatches, caught.value.compared) == (3, 3, 10)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("frames", [3, 6])
def test_missing_and_surplus_frames_differ(frames):
    expected = np.zeros((5, 2), np.int64)
    with pytest.raises(VerificationError) as caught:
        compare("a ↔ b", expected=expected, got=np.zeros((frames, 2), np.int64))
    assert caught.value.sample == min(frames, 5)


def test_values_beyond_32_bits_are_not_rounded():
    expected = np.array([[2**53 + 1]])
    with pytest.raises(VerificationError):
        compare("a ↔ b", expected=expected, got=expected - 1)
