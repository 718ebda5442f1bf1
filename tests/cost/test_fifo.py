"""Where the words of a FIFO lie, and at which depths that changes."""

from __future__ import annotations

import pytest

from hwflow.cost.fifo import FifoMemory, depth_steps, fifo_memory, ram_ramb18


@pytest.mark.parametrize(
    ("depth", "bits", "expected"),
    [
        (1, 512, FifoMemory.REGISTERS),
        (2, 8, FifoMemory.REGISTERS),
        (3, 8, FifoMemory.DISTRIBUTED),
        (300, 8, FifoMemory.DISTRIBUTED),  # 60 LUTs, less than a block is worth
        (512, 8, FifoMemory.BLOCK),
        (128, 64, FifoMemory.DISTRIBUTED),  # 176 LUTs against a RAMB36, two RAMB18
        (192, 64, FifoMemory.BLOCK),
    ],
)
def test_memory(depth, bits, expected):
    assert fifo_memory(depth, bits) is expected


@pytest.mark.parametrize(
    ("depth", "bits", "blocks"),
    # As yosys maps hwf_fifo_block.
    [
        (512, 8, 1),
        (2000, 8, 1),
        (4449, 8, 3),
        (513, 12, 1),
        (3300, 12, 3),
        (513, 24, 2),
        (2000, 24, 3),
        (4449, 24, 7),
        (512, 64, 2),
        (2000, 64, 8),
        (3300, 64, 14),
        (4449, 64, 18),
    ],
)
def test_blocks(depth, bits, blocks):
    assert ram_ramb18(depth, bits) == blocks


def test_steps_reach_what_is_asked_for_and_no_further():
    assert depth_steps(1) == (1,)
    assert depth_steps(5) == (1, 2, 4, 8)
    assert depth_steps(130) == (1, 2, 4, 8, 16, 32, 64, 128, 192)
    assert depth_steps(1100)[-3:] == (512, 1024, 1536)
    for least in range(1, 2000, 7):
        steps = depth_steps(least)
        assert steps[-1] >= least
        assert all(depth < least for depth in steps[:-1])
