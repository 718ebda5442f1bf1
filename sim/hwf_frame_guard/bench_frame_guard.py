"""hwf_frame_guard: whatever comes, exact frames leave, with flags, ids and frozen settings."""

from __future__ import annotations

import cocotb
from bench import Bench, parameters
from cocotb.triggers import ClockCycles, RisingEdge
from streams import PATTERNS, Port

BEATS, BITS, SETTINGS, IDS = (
    parameters()[name] for name in ("Beats", "BeatBits", "SettingsBits", "IdBits")
)


class Guard:
    """The ports of one guard, frames of any length going in, and what must come out."""

    def __init__(self, dut, *, name, idle="none", stall="none"):
        self.dut = dut
        self.bench = Bench(dut, name=name)
        dut.flush_i.value = 0
        dut.enable_i.value = 1
        dut.settings_i.value = 0
        self.source = self.bench.source(Port.axis(dut, "s_axis", "data", "last"), idle=idle)
        self.out = self.bench.sink(Port.axis(dut, "m_axis", "data", "last", "user"), stall=stall)
        self.settings = []  # as they were when each frame's first beat was accepted
        self.events = {"accepted": 0, "short": 0, "long": 0}
        self.sent = []

    async def start(self):
        await self.bench.start()
        cocotb.start_soon(self._watch())

    async def _watch(self):
        while True:
            await RisingEdge(self.dut.ap_clk)
            if int(self.dut.accepted_o.value):
                self.settings.append(int(self.dut.settings_i.value))
            for event in self.events:
                self.events[event] += int(getattr(self.dut, f"{event}_o").value)
            # New settings each clock: only those of the right clock may travel with the frame.
            self.dut.settings_i.value = self.bench.rng.getrandbits(SETTINGS)

    def send(self, length):
        rng = self.bench.rng
        beats = [rng.getrandbits(BITS) for _ in range(length)]
        self.sent.append(beats)
        self.source.queue.extend(
            {"data": data, "last": int(index == length - 1)} for index, data in enumerate(beats)
        )

    def check_frame(self, frame, *, sample_id):
        """Take one frame from the output; ``frame`` counts those that were sent."""
        beats = self.sent[frame]
        flags = (len(beats) < BEATS) | (len(beats) > BEATS) << 1
        expected = (beats + [0] * BEATS)[:BEATS]
        user = (sample_id, self.settings.pop(0))
        for index, data in enumerate(expected):
            cycle, beat = self.out.beats.popleft()
            where = f"frame {frame}, beat {index} at cycle {cycle}"
            assert beat["data"] == data, f"{where}: {beat['data']:#x}, expected {data:#x}"
            assert beat["last"] == int(index == BEATS - 1), f"{where}: tlast is {beat['last']}"
            if beat["last"]:
                got_flags = beat["user"] >> IDS & 3
                assert got_flags == flags, f"{where}: flags {got_flags}, expected {flags}"
            got = (beat["user"] & ((1 << IDS) - 1), beat["user"] >> (IDS + 2))
            assert got == user, f"{where}: id and settings {got}, expected {user}"


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS)
async def exact_frames(dut, idle, stall):
    guard = Guard(dut, name=f"guard-{idle}-{stall}", idle=idle, stall=stall)
    await guard.start()
    lengths = [
        guard.bench.rng.choice((1, BEATS - 1, BEATS, BEATS, BEATS, BEATS + 1, 3 * BEATS))
        for _ in range(40)
    ]
    lengths = [max(1, length) for length in lengths]
    for length in lengths:
        guard.send(length)
    await guard.bench.until(
        lambda: guard.out.taken == BEATS * len(lengths) and guard.source.idle,
        limit=200 * sum(lengths),
        what="all frames",
    )
    for frame in range(len(lengths)):
        guard.check_frame(frame, sample_id=frame % (1 << IDS))
    expected = {
        "accepted": len(lengths),
        "short": sum(length < BEATS for length in lengths),
        "long": sum(length > BEATS for length in lengths),
    }
    assert guard.events == expected, f"events {guard.events}, expected {expected}"
    await guard.bench.finish()


@cocotb.test()
async def full_speed(dut):
    guard = Guard(dut, name="speed")
    await guard.start()
    began = guard.bench.cycle
    for _ in range(20):
        guard.send(BEATS)
    await guard.bench.until(lambda: guard.out.taken == 20 * BEATS, limit=1000, what="all frames")
    assert guard.bench.cycle - began <= 20 * BEATS + 6
    for frame in range(20):
        guard.check_frame(frame, sample_id=frame % (1 << IDS))


@cocotb.test()
async def enable_stops_between_frames(dut):
    guard = Guard(dut, name="enable")
    await guard.start()
    for _ in range(8):
        guard.send(BEATS)
    await guard.bench.until(lambda: guard.events["accepted"] == 2, limit=100, what="two frames")
    dut.enable_i.value = 0
    await ClockCycles(dut.ap_clk, 2)  # a frame may have begun in the clock of the change
    begun = guard.events["accepted"]
    await ClockCycles(dut.ap_clk, 10 * BEATS)
    assert guard.events["accepted"] == begun < 8, "a frame was taken while disabled"
    assert guard.out.taken == begun * BEATS, "a frame under way was not finished"
    dut.enable_i.value = 1
    await guard.bench.until(lambda: guard.out.taken == 8 * BEATS, limit=100, what="the others")
    for frame in range(8):
        guard.check_frame(frame, sample_id=frame)
    await guard.bench.finish()


@cocotb.test()
@cocotb.parametrize(cut=range(5), length=(1, BEATS, BEATS + 3))
async def flush_discards_the_frame_under_way(dut, cut, length):
    """Flush after ``cut`` accepted beats of the stream; later frames are whole, ids restart."""
    guard = Guard(dut, name=f"flush-{cut}-{length}")
    await guard.start()
    guard.send(length)
    for _ in range(6):
        guard.send(BEATS)
    before = len(guard.source.queue)
    await guard.bench.until(
        lambda: before - len(guard.source.queue) >= cut, limit=100, what="beats"
    )
    dut.flush_i.value = 1
    # What moves in this very clock is still before the flush.
    await ClockCycles(dut.ap_clk, 2)
    begun = guard.events["accepted"]
    guard.settings.clear()
    await ClockCycles(dut.ap_clk, 2)
    assert not int(dut.m_axis_tvalid.value), f"output during flush at cycle {guard.bench.cycle}"
    guard.out.beats.clear()
    dut.flush_i.value = 0
    left = 7 - begun
    await guard.bench.until(lambda: len(guard.out.beats) == left * BEATS, limit=200, what="frames")
    for number, frame in enumerate(range(begun, 7)):
        guard.check_frame(frame, sample_id=number)
    await guard.bench.finish()
