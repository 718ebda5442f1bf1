"""IIs of pipelines whose pace is known; stamps as the bench gives them."""

import numpy as np
import pytest

from hwflow.simulate.timing import steady_ii

SLOWEST = 320


def pipeline(cycles, frames, *, beats=16, room=24, source=1):
    """Return (accepted, finished) of a chain of layers with ``room`` beats before each.

    A layer takes ``cycles / beats`` cycles for a beat, and begins one when it has come and the
    layer behind has room for it. The source offers one every ``source`` cycles.
    """
    count = frames * beats
    begins = np.zeros((len(cycles), count))
    for beat in range(count):
        for layer in range(len(cycles)):
            came = begins[layer - 1, beat] + cycles[layer - 1] / beats if layer else beat * source
            free = begins[layer, beat - 1] + cycles[layer] / beats if beat else 0
            begins[layer, beat] = max(came, free)
            if layer + 1 < len(cycles) and beat >= room:
                begins[layer, beat] = max(begins[layer, beat], begins[layer + 1, beat - room])
    accepted = begins[0, ::beats]
    finished = begins[-1, beats - 1 :: beats] + cycles[-1] / beats
    return np.floor(accepted).astype(np.int64), np.ceil(finished).astype(np.int64)


CHAINS = {
    "slow last": (80, 160, SLOWEST),
    "slow first": (SLOWEST, 80, 16),
    "slow in the middle": (16, 64, SLOWEST, 128, 32),
    "hardly slow": (SLOWEST - 16, SLOWEST, 32),
}


@pytest.mark.parametrize("cycles", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("room", [4, 40, 200])
def test_any_number_of_frames_gives_the_slowest_layers_pace_or_none(cycles, room):
    told = []
    for frames in range(2, 65):
        found = steady_ii(*pipeline(cycles, frames, room=room))
        assert found is None or found == SLOWEST, (frames, found)
        told.append(found)
    assert told[-1] == SLOWEST
    # Once there are enough, more are too.
    enough = told.index(SLOWEST)
    assert None not in told[enough:]


def test_a_pipeline_that_only_fills_has_no_ii():
    accepted, finished = pipeline((16, 16, SLOWEST), 12, room=400)
    assert accepted[-1] - accepted[0] == 11 * 16
    assert steady_ii(accepted, finished) is None


def test_one_frame_has_no_ii():
    assert steady_ii(np.array([0]), np.array([300])) is None


def test_an_uneven_ii_is_a_mean():
    finished = 500 + np.cumsum(np.tile([10, 11], 20))
    accepted = np.concatenate([[0, 1, 2], finished[:-3]])
    assert steady_ii(accepted, finished) == pytest.approx(10.5, abs=0.02)


def cascade(frames, *, rate, second, slots=8, first=100, seed=0):
    """Return (accepted, finished) of a cascade: a part of the frames goes on to a slower stage."""
    hard = np.random.default_rng(seed).random(frames) < rate
    accepted, finished = np.zeros(frames, np.int64), np.zeros(frames, np.int64)
    decided = idle = 0
    waits: list[int] = []  # when the second stage begins with each frame that is kept for it
    for frame in range(frames):
        accepted[frame] = decided
        decided += first
        finished[frame] = decided + 50
        if hard[frame]:
            if len(waits) >= slots:
                decided = max(decided, waits[-slots])
            idle = max(idle, decided) + second
            waits.append(idle - second)
            finished[frame] = idle + 200
    return accepted, finished, hard


@pytest.mark.parametrize("seed", range(4))
def test_a_cascade_that_keeps_up_has_the_pace_of_its_first_stage(seed):
    accepted, finished, _ = cascade(400, rate=0.1, second=400, slots=50, seed=seed)
    assert (np.diff(finished) < 0).any()
    assert steady_ii(accepted, finished) == 100


@pytest.mark.parametrize("seed", range(4))
def test_a_cascade_that_does_not_has_that_of_its_second(seed):
    accepted, finished, hard = cascade(2000, rate=0.4, second=1000, seed=seed)
    found = steady_ii(accepted, finished)
    assert found == pytest.approx(1000 * hard.mean(), rel=0.05)
    # What went in meanwhile and what came out agree.
    full = accepted[200]
    out = np.count_nonzero((finished > full) & (finished <= accepted[-1]))
    assert found == pytest.approx((accepted[-1] - full) / out, rel=0.05)
