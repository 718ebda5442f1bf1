"""hwf_top2: label and margin equal hwflow.cascade.decision.top2 on random and extreme scores."""

from __future__ import annotations

import cocotb
import numpy as np
from bench import Bench, parameters
from streams import PATTERNS, Port

from hwflow.cascade.decision import top2

CLASSES, LANES, BITS = (parameters()[name] for name in ("Classes", "Lanes", "ScoreBits"))
BEATS = -(-CLASSES // LANES)
LOW, HIGH = -(1 << (BITS - 1)), (1 << (BITS - 1)) - 1


def scores_of(rng, frames):
    """Return (frames, CLASSES) int64: wide, narrow (ties), extreme, all equal, rising, falling."""
    rows = []
    for index in range(frames):
        kind = index % 6
        if kind == 0:
            row = [rng.randint(LOW, HIGH) for _ in range(CLASSES)]
        elif kind == 1:
            row = [rng.randint(-1, 1) for _ in range(CLASSES)]
        elif kind == 2:
            row = [rng.choice((LOW, HIGH)) for _ in range(CLASSES)]
        elif kind == 3:
            row = [rng.choice((LOW, HIGH, 0))] * CLASSES
        else:
            row = sorted(rng.randint(LOW, HIGH) for _ in range(CLASSES))
            row = row[::-1] if kind == 5 else row
        rows.append(row)
    # Best and second best as far apart as scores can be.
    rows[2] = [LOW] * CLASSES
    rows[2][rng.randrange(CLASSES)] = HIGH
    return np.array(rows, dtype=np.int64)


def beats_of(row):
    """Return the beats of one frame; lanes beyond the last class carry the best score there is."""
    lanes = [int(score) for score in row] + [HIGH] * (BEATS * LANES - CLASSES)
    mask = (1 << BITS) - 1
    return [
        {"data": sum((lanes[beat * LANES + lane] & mask) << (BITS * lane) for lane in range(LANES))}
        for beat in range(BEATS)
    ]


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def equals_model(dut, idle, stall):
    bench = Bench(dut, name=f"top2-{idle}-{stall}")
    source = bench.source(Port.axis(dut, "s_axis", "data"), idle=idle)
    port = Port(
        "verdict",
        dut.verdict_valid_o,
        dut.verdict_ready_i,
        {"label": dut.verdict_label_o, "margin": dut.verdict_margin_o},
    )
    sink = bench.sink(port, stall=stall)
    await bench.start()
    scores = scores_of(bench.rng, 60)
    for row in scores:
        source.queue.extend(beats_of(row))
    label, margin = top2(scores)
    began = bench.cycle
    await bench.until(lambda: sink.taken == 60, limit=6000 * BEATS, what="all verdicts")
    if idle == stall == "none":
        assert bench.cycle - began <= 60 * BEATS + 8, f"60 frames: {bench.cycle - began} cycles"
    for frame in range(60):
        cycle, beat = sink.beats.popleft()
        expected = {"label": int(label[frame]), "margin": int(margin[frame])}
        assert beat == expected, f"frame {frame} at cycle {cycle}: {beat}, expected {expected}"
    await bench.finish()
