"""What the benches of all layers share: words in, words out, nothing else."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from bench import Bench
from streams import Port


def case() -> dict[str, np.ndarray]:
    """Return the arrays that the launcher wrote for this build."""
    with np.load(os.environ["HWF_CASE"]) as data:
        return dict(data)


def pack(values: np.ndarray, bits: int) -> list[int]:
    """Return one integer per row of ``values`` (words, lanes), lane 0 lowest, two's complement."""
    mask = (1 << bits) - 1
    return [sum((int(v) & mask) << (bits * k) for k, v in enumerate(row)) for row in values]


class LayerBench:
    """Drives s_axis, checks m_axis word by word; ``cycles`` keeps when each word came."""

    def __init__(self, dut: Any, *, idle: str = "none", stall: str = "none") -> None:
        self.bench = Bench(dut, name=f"{idle}-{stall}")
        self.source = self.bench.source(Port.axis(dut, "s_axis", "data"), idle=idle)
        self.sink = self.bench.sink(Port.axis(dut, "m_axis", "data"), stall=stall)

    async def start(self) -> None:
        """Start clock and reset."""
        await self.bench.start()

    async def run(self, words: list[int], expected: list[int]) -> list[int]:
        """Send ``words``, expect exactly ``expected``; return the cycle of each."""
        self.source.queue.extend({"data": word} for word in words)
        goal = self.sink.taken + len(expected)
        limit = 40 * (len(words) + len(expected)) + 20_000
        await self.bench.until(
            lambda: self.sink.taken >= goal and self.source.idle, limit=limit, what="all words out"
        )
        cycles = []
        for index, want in enumerate(expected):
            cycle, beat = self.sink.beats.popleft()
            got = beat["data"]
            assert got == want, f"word {index} at cycle {cycle}: expected {want:#x}, got {got:#x}"
            cycles.append(cycle)
        await self.bench.finish()
        return cycles
