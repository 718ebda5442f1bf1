import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwflow.errors import ConfigError
from hwflow.simulate.accelerator import (
    AcceleratorModel,
    check_settings,
    load_accelerator,
    simulated_ids,
    to_beats,
    unpack_scores,
)
from hwflow.simulate.library import Recording


def pack(scores, *, bits, lanes):
    """Return score beats as the stage packs them: lane 0 lowest, padded to whole bytes."""
    beats = []
    for row in scores:
        padded = [*row, *[0] * (-len(row) % lanes)]
        for start in range(0, len(padded), lanes):
            word = 0
            for lane, value in enumerate(padded[start : start + lanes]):
                word |= (int(value) & ((1 << bits) - 1)) << (lane * bits)
            beats.append(list(word.to_bytes(-(-bits * lanes // 8), "little")))
    return np.array(beats, np.uint8)


@given(
    bits=st.integers(2, 32),
    lanes=st.integers(1, 5),
    classes=st.integers(2, 7),
    seed=st.integers(0, 99),
)
def test_scores_survive_packing(bits, lanes, classes, seed):
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    scores = np.random.default_rng(seed).integers(low, high, (3, classes), endpoint=True)
    scores[0, 0], scores[1, 1] = low, high
    beats = pack(scores, bits=bits, lanes=lanes)
    got = unpack_scores(beats, bits=bits, lanes=lanes, classes=classes)
    np.testing.assert_array_equal(got, scores)


def test_half_a_frame_of_scores_is_no_frame():
    beats = pack([[1, 2, 3], [4, 5, 6]], bits=8, lanes=1)
    got = unpack_scores(beats[:5], bits=8, lanes=1, classes=3)
    np.testing.assert_array_equal(got, [[1, 2, 3]])


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)),
    beat=st.sampled_from([1, 2, 4, 8]),
)
def test_beats_hold_the_bytes_in_order_and_zeros_behind(shape, beat):
    frames = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    data, last = to_beats(frames, beat)
    size = frames[0].size
    per_frame = data.reshape(len(frames), -1)
    np.testing.assert_array_equal(per_frame[:, :size], frames.reshape(len(frames), -1))
    assert not per_frame[:, size:].any()
    beats = -(-size // beat)
    np.testing.assert_array_equal(np.flatnonzero(last), np.arange(1, len(frames) + 1) * beats - 1)


def test_sample_ids_beyond_16_bits_give_the_frames_index():
    count = 70_000
    order = np.arange(count).reshape(-1, 10)[:, ::-1].ravel()  # results ten places out of order
    words = (order % 65536).astype("<u8")
    recording = Recording(words.view(np.uint8).reshape(-1, 8), np.arange(count, dtype=np.uint64))
    np.testing.assert_array_equal(simulated_ids(recording), order)


@pytest.mark.parametrize(
    ("stages", "thresholds", "force", "words"),
    [
        (3, [5], None, r"thresholds: expected 2, one per decision of 3 stage\(s\), got 1"),
        (2, [], None, "thresholds: expected 1.*got 0"),
        (1, [1, 2, 3], None, "thresholds: expected 0.*got 3"),
        (2, [2**32], None, "number 0: expected 0 to 2.*got 4294967296"),
        (3, [1, -1], None, "number 1: expected 0 to 2.*got -1"),
        (2, [1], 2, "stage: expected 0 to 1 of 2, got 2"),
        (2, None, -1, "stage: expected 0 to 1 of 2, got -1"),
    ],
)
def test_settings_that_an_accelerator_does_not_have_are_refused(stages, thresholds, force, words):
    with pytest.raises(ConfigError, match=words):
        check_settings(stages, thresholds=thresholds, force=force)


def test_settings_at_the_ends_of_their_ranges_are_taken():
    check_settings(1, thresholds=(), force=0)
    check_settings(3, thresholds=np.array([0, 2**32 - 1]), force=2)
    check_settings(2, thresholds=None, force=None)


def test_a_folder_without_an_accelerator_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no design\.json in it.*hwflow build"):
        load_accelerator(tmp_path)
    with pytest.raises(ConfigError, match=r"no design\.json"):
        AcceleratorModel(tmp_path)
