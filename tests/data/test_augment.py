from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hwflow.data.augment import augment, shift


def frames(count=16, channels=3, height=9, width=7):
    draw = torch.Generator().manual_seed(5)
    shape = (count, channels, height, width)
    # No zeros: those stand for what moved in from outside, or was cut out.
    return torch.randint(1, 256, shape, dtype=torch.uint8, generator=draw)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_without_wishes_only_the_type_changes():
    draw = generator()
    before = draw.get_state()
    changed = augment(frames(), draw)
    assert changed.dtype == torch.float32
    assert torch.equal(changed, frames().float())
    assert torch.equal(draw.get_state(), before)


def test_seed_decides_all():
    wishes = {"max_shift": 2, "flip": True, "cutout": 3}
    first, again, other = (augment(frames(), generator(seed), **wishes) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@settings(max_examples=30, deadline=None)
@given(most=st.integers(1, 4), seed=st.integers(0, 1000))
def test_shift_moves_each_frame_by_what_was_drawn(most, seed):
    original = frames()
    moved = shift(original, most, generator(seed))
    # The order of the draws is part of what a training seed means.
    by = torch.randint(0, 2 * most + 1, (2, len(original)), generator=generator(seed)) - most
    for frame, result, down, right in zip(original, moved, -by[0], -by[1], strict=True):
        expected = torch.roll(frame, (int(down), int(right)), (1, 2))
        rows = torch.arange(frame.shape[1]) - down
        columns = torch.arange(frame.shape[2]) - right
        inside = ((rows >= 0) & (rows < frame.shape[1]))[:, None] & (
            (columns >= 0) & (columns < frame.shape[2])
        )
        assert torch.equal(result, torch.where(inside, expected, 0))


def test_every_shift_happens_equally_often():
    count, most = 18_000, 1
    spot = torch.zeros(count, 1, 3, 3, dtype=torch.uint8)
    spot[:, 0, 1, 1] = 255
    found = (augment(spot, generator(), max_shift=most) > 0).sum(0).flatten()
    assert found.sum() == count
    # Nine places, 2,000 each on average with a deviation of 42.
    assert (found - count // 9).abs().max() < 5 * 42


def test_flip_mirrors_half_of_the_frames():
    original = frames(count=2000)
    changed = augment(original, generator(), flip=True)
    kept = (changed == original).flatten(1).all(1)
    mirrored = (changed == original.flip(3)).flatten(1).all(1)
    assert (kept ^ mirrored).all()
    assert 900 < kept.sum() < 1100


@pytest.mark.parametrize("side", [1, 2, 3, 20])
def test_cutout_zeroes_one_square(side):
    original = frames(count=500)
    changed = augment(original, generator(), cutout=side)
    gone = changed == 0
    assert torch.equal(changed[~gone], original.float()[~gone])
    assert (gone == gone[:, :1]).all(), "all channels of a pixel go together"
    rows, columns = gone[:, 0].any(2), gone[:, 0].any(1)
    assert torch.equal(gone[:, 0], rows[:, :, None] & columns[:, None, :])
    assert rows.sum(1).min() >= min((side + 1) // 2, 9)
    assert rows.sum(1).max() == min(side, 9)
    for line in (*rows, *columns):
        where = line.nonzero().flatten()
        assert torch.equal(where, torch.arange(int(where[0]), int(where[-1]) + 1))
