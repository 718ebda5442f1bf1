"""hwf_pool_max against numpy, frames back to back."""

from __future__ import annotations

from itertools import pairwise

import cocotb
from bench import parameters
from layer import LayerBench, case, pack
from streams import PATTERNS

VALUES = parameters()


def stimulus() -> tuple[list[int], list[int]]:
    """Return the words of all maps (N, H, W, C) and of their pooled maps."""
    maps, k, lanes = case()["maps"], VALUES["K"], VALUES["Lanes"]
    rows, columns = maps.shape[1] // k, maps.shape[2] // k
    whole = maps[:, : rows * k, : columns * k, :]
    pooled = whole.reshape(len(maps), rows, k, columns, k, -1).max(axis=(2, 4))
    bits = VALUES["Bits"]
    return pack(maps.reshape(-1, lanes), bits), pack(pooled.reshape(-1, lanes), bits)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def maxima(dut, idle, stall):
    bench = LayerBench(dut, idle=idle, stall=stall)
    await bench.start()
    words, expected = stimulus()
    cycles = await bench.run(words, expected)
    if idle == stall == "none":
        frames = len(case()["maps"])
        last = cycles[len(expected) // frames - 1 :: len(expected) // frames]
        per_frame = len(words) // frames
        assert all(b - a == per_frame for a, b in pairwise(last))
