import itertools

import numpy as np
import pytest

from hwflow.errors import ConfigError
from hwflow.simulate.stimulus import NOISE, SHIFT, Stimulus, check_count

GOLDEN = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 2), dtype=np.uint8)


def test_golden_frames_come_first_and_variations_follow():
    stimulus = Stimulus(GOLDEN, None, 1, signed=False)
    frames = stimulus.frames(0, 40)
    assert frames.shape == (40, 6, 4, 2)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames[:5], GOLDEN)
    assert len({frame.tobytes() for frame in frames}) == 40
    assert stimulus.limit is None


@pytest.mark.parametrize("cuts", [(0, 3, 5, 40), (0, 7, 8, 40), (0, 40)])
def test_frames_are_the_same_however_they_are_asked_for(cuts):
    stimulus = Stimulus(GOLDEN, None, 1, signed=False)
    parts = [stimulus.frames(a, b) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), stimulus.frames(0, 40))


@pytest.mark.parametrize("signed", [False, True])
def test_a_variation_is_its_golden_frame_moved_a_little(signed):
    kind = np.int8 if signed else np.uint8
    frames = Stimulus(GOLDEN, None, 1, signed=signed).frames(5, 25)
    for index, frame in enumerate(frames):
        golden = GOLDEN[index % 5].view(kind).astype(int)
        shifts = range(-SHIFT, SHIFT + 1)
        away = min(
            np.abs(frame.view(kind) - np.roll(golden, (dy, dx), axis=(0, 1))).max()
            for dy in shifts
            for dx in shifts
        )
        assert 0 < away <= NOISE


def test_another_seed_gives_other_variations():
    one, other = (Stimulus(GOLDEN, None, seed, signed=False).frames(5, 9) for seed in (1, 2))
    assert (one != other).any()


def test_a_users_frames_come_behind_the_golden_ones_and_end():
    extra = 255 - GOLDEN[:3]
    stimulus = Stimulus(GOLDEN, extra, 1, signed=False)
    np.testing.assert_array_equal(stimulus.frames(0, 8), np.concatenate([GOLDEN, extra]))
    np.testing.assert_array_equal(stimulus.frames(4, 7), [GOLDEN[4], *extra[:2]])
    np.testing.assert_array_equal(stimulus.frames(6, 8), extra[1:])
    np.testing.assert_array_equal(stimulus.frames(1, 3), GOLDEN[1:3])
    check_count(stimulus, 8)
    with pytest.raises(ConfigError, match=r"9 images asked for, but there are 8"):
        check_count(stimulus, 9)
