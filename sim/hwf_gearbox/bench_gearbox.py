"""hwf_gearbox: the bytes of each frame in order, the zero tail gone, at full speed."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from streams import PATTERNS, Port

FRAME, IN, OUT = (parameters()[name] for name in ("FrameBytes", "InBytes", "OutBytes"))
BEATS = -(-FRAME // IN)
FRAMES = 8


def beats_of(frame, tail):
    """Return the input beats of ``frame``; the tail of the last beat is filled with ``tail``."""
    padded = frame + tail * (BEATS * IN - FRAME)
    return [
        {
            "data": int.from_bytes(padded[beat * IN : (beat + 1) * IN], "little"),
            "last": int(beat == BEATS - 1),
        }
        for beat in range(BEATS)
    ]


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def same_bytes(dut, idle, stall):
    bench = Bench(dut, name=f"gearbox-{idle}-{stall}")
    source = bench.source(Port.axis(dut, "s_axis", "data", "last"), idle=idle)
    sink = bench.sink(Port.axis(dut, "m_axis", "data"), stall=stall)
    await bench.start()
    frames = [bench.rng.randbytes(FRAME) for _ in range(FRAMES)]
    for index, frame in enumerate(frames):
        # What lies behind the frame's end must not matter.
        source.queue.extend(beats_of(frame, b"\xff" if index % 2 else b"\x00"))
    wanted = FRAMES * FRAME // OUT
    began = bench.cycle
    await bench.until(lambda: sink.taken == wanted, limit=60 * FRAMES * FRAME, what="all bytes out")
    if idle == stall == "none":
        slowest = FRAMES * max(BEATS, FRAME // OUT)
        assert bench.cycle - began <= slowest + FRAMES + 8, (
            f"{FRAMES} frames took {bench.cycle - began} cycles, {slowest} beats on the slow side"
        )
    for index, frame in enumerate(frames):
        for place in range(0, FRAME, OUT):
            cycle, beat = sink.beats.popleft()
            got = beat["data"].to_bytes(OUT, "little")
            assert got == frame[place : place + OUT], (
                f"frame {index}, bytes {place}... at cycle {cycle}: {got.hex()}, "
                f"expected {frame[place : place + OUT].hex()}"
            )
    await bench.finish()
