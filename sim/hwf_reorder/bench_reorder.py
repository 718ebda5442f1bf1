"""hwf_reorder: ordered words leave by place, others pass by; nothing lost, doubled or stuck."""

from __future__ import annotations

from itertools import repeat

import cocotb
from bench import Bench, parameters
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from streams import PATTERNS, Port

FRAMES, BITS = (parameters()[name] for name in ("Frames", "DataBits"))
ORDERED = 1 << (BITS - 1)  # marks an ordered word in its data; a number fills the rest


class Reorder:
    """One hwf_reorder, and how many words may still be delivered before which."""

    def __init__(self, dut, *, name, idle="none", stall="none"):
        self.dut = dut
        self.bench = Bench(dut, name=name)
        self.source = self.bench.source(Port.axis(dut, "s_axis", "data", "user"), idle=idle)
        self.sink = self.bench.sink(Port.axis(dut, "m_axis", "data"), stall=stall)
        dut.place_take_i.value = 0
        self.taken = 0  # places
        self.peak = 0

    async def start(self):
        await self.bench.start()
        cocotb.start_soon(self._watch())

    async def _watch(self):
        """Count the places that are out, beside the RTL."""
        dut, came = self.dut, 0
        while True:
            await RisingEdge(dut.ap_clk)
            if not int(dut.s_axis_tready.value):
                user = int(dut.s_axis_tuser.value)
                assert not int(dut.s_axis_tvalid.value) or not user & 1, (
                    f"cycle {self.bench.cycle}: the ordered word of place {user >> 1} has to wait"
                )
            elif int(dut.s_axis_tvalid.value):
                came += int(dut.s_axis_tuser.value) & 1
            self.peak = max(self.peak, self.taken - came)

    async def take(self):
        """Take the next place; return it, or None where there is none."""
        dut = self.dut
        if not int(dut.place_valid_o.value):
            await RisingEdge(dut.ap_clk)
            return None
        place = int(dut.place_o.value)
        assert place == self.taken % FRAMES, (
            f"place {place} given at cycle {self.bench.cycle}, expected {self.taken % FRAMES}"
        )
        dut.place_take_i.value = 1
        await RisingEdge(dut.ap_clk)
        dut.place_take_i.value = 0
        self.taken += 1
        return place

    def put(self, number, place=None):
        """Queue word ``number``: ordered at ``place``, or passing by."""
        data = number | (ORDERED if place is not None else 0)
        user = (place or 0) << 1 | (place is not None)
        self.source.queue.append({"data": data, "user": user})

    def check(self, ordered, passing):
        """Each sort came whole and in its order: places by number, others as they went in."""
        seen = {True: 0, False: 0}
        for cycle, beat in self.sink.beats:
            kind, number = bool(beat["data"] & ORDERED), beat["data"] & ~ORDERED
            assert number == seen[kind], (
                f"cycle {cycle}: {'ordered' if kind else 'passing'} word {number}, "
                f"expected {seen[kind]}"
            )
            seen[kind] += 1
        self.sink.beats.clear()
        assert (seen[True], seen[False]) == (ordered, passing)


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS, share=(0.0, 0.5, 1.0))
async def any_order_in_declared_order_out(dut, idle, stall, share):
    """Words come in an order drawn at random among the places that are out."""
    reorder = Reorder(dut, name=f"reorder-{idle}-{stall}-{share}", idle=idle, stall=stall)
    await reorder.start()
    bench, rng = reorder.bench, reorder.bench.rng
    out, ordered, passing, total = [], 0, 0, 40 + 3 * FRAMES
    await RisingEdge(dut.ap_clk)
    for _ in range(400 * total):
        if ordered + passing + len(out) < total and rng.random() < 0.7:
            if rng.random() < share:
                place = await reorder.take()
                if place is not None:
                    out.append((reorder.taken - 1, place))
            else:
                reorder.put(passing)
                passing += 1
        if out and len(reorder.source.queue) < 2 and rng.random() < 0.5:
            number, place = out.pop(rng.randrange(len(out)))
            reorder.put(number, place)
            ordered += 1
        await RisingEdge(dut.ap_clk)
        if reorder.sink.taken == total:
            break
    assert reorder.sink.taken == total, f"{reorder.sink.taken} of {total} words left"
    reorder.check(ordered, passing)
    assert reorder.peak <= FRAMES
    await bench.finish()


@cocotb.test()
async def fills_wraps_and_frees(dut):
    """All places out, the first word last: nothing ordered leaves before it, others pass."""
    reorder = Reorder(dut, name="reorder-full")
    await reorder.start()
    await RisingEdge(dut.ap_clk)
    rounds = 3
    for turn in range(rounds):
        places = []
        while len(places) < FRAMES:
            place = await reorder.take()
            assert place is not None, f"only {len(places)} of {FRAMES} places"
            places.append(place)
            await RisingEdge(dut.ap_clk)
        assert await reorder.take() is None, "one place too many"
        for index in range(FRAMES - 1, 0, -1):
            reorder.put(turn * FRAMES + index, places[index])
        reorder.put(turn)
        left = reorder.sink.taken
        await ClockCycles(dut.ap_clk, 2 * FRAMES + 20)
        assert reorder.sink.taken == left + 1, "not just the word that passes by left"
        assert await reorder.take() is None, "a place was freed before its word left"
        reorder.put(turn * FRAMES, places[0])
        await ClockCycles(dut.ap_clk, 2 * FRAMES + 20)
        assert reorder.sink.taken == left + 1 + FRAMES
    reorder.check(rounds * FRAMES, rounds)
    assert reorder.peak == FRAMES
    await reorder.bench.finish()


@cocotb.test()
@cocotb.parametrize(ordered=(False, True))
async def latency(dut, ordered):
    """One clock for a word that passes by, two for an ordered one that is due."""
    reorder = Reorder(dut, name=f"reorder-latency-{ordered}")
    await reorder.start()
    await RisingEdge(dut.ap_clk)
    place = await reorder.take() if ordered else None
    accepted = []
    reorder.source.on_accept = lambda _: accepted.append(reorder.bench.cycle)
    reorder.put(0, place)
    await reorder.bench.until(lambda: bool(reorder.sink.beats), limit=20, what="the word")
    took = reorder.sink.beats[0][0] - accepted[0]
    assert took == (2 if ordered else 1), f"{took} clocks"
    reorder.check(int(ordered), int(not ordered))
    await reorder.bench.finish()


@cocotb.test()
@cocotb.parametrize(ordered=(False, True))
async def valid_does_not_wait_for_ready(dut, ordered):
    """A sink may wait for a word before it is ready (AXI4-Stream, 2.2.1)."""
    reorder = Reorder(dut, name=f"reorder-shy-{ordered}")
    reorder.sink.pause = repeat(True)
    await reorder.start()
    await ClockCycles(dut.ap_clk, 2)
    place = await reorder.take() if ordered else None
    reorder.put(0, place)
    await reorder.bench.until(
        lambda: bool(int(dut.m_axis_tvalid.value)), limit=20, what="the word, to a shy sink"
    )
    reorder.sink.pause = repeat(False)
    await reorder.bench.until(lambda: bool(reorder.sink.beats), limit=20, what="the word")
    reorder.check(int(ordered), int(not ordered))
    await reorder.bench.finish()


@cocotb.test()
@cocotb.parametrize(ordered=(False, True))
async def full_speed(dut, ordered):
    """One word a clock, ordered or not, where words come in order."""
    reorder = Reorder(dut, name=f"reorder-speed-{ordered}")
    await reorder.start()
    count = 60
    began = reorder.bench.cycle
    number = 0
    while number < count:
        await FallingEdge(dut.ap_clk)  # so that place_take_i sees this clock's place_valid_o
        take = ordered and bool(int(dut.place_valid_o.value))
        dut.place_take_i.value = int(take)
        if take or not ordered:
            reorder.put(number, int(dut.place_o.value) if take else None)
            number += 1
    await RisingEdge(dut.ap_clk)
    dut.place_take_i.value = 0
    await reorder.bench.until(lambda: reorder.sink.taken >= count, limit=100, what="all words")
    took = reorder.bench.cycle - began
    # A place is out for four clocks, so few places set the pace.
    share = 4 / min(FRAMES, 4) if ordered else 1
    assert took <= share * count + 10, f"{count} words took {took} cycles"
    reorder.check(count if ordered else 0, 0 if ordered else count)
    await reorder.bench.finish()


@cocotb.test()
async def reset_forgets_places_and_words(dut):
    reorder = Reorder(dut, name="reorder-reset", stall="random")
    await reorder.start()
    await RisingEdge(dut.ap_clk)
    first = await reorder.take()
    await RisingEdge(dut.ap_clk)
    second = await reorder.take()
    assert (first, second) == (0, 1)
    reorder.put(1, second)
    await ClockCycles(dut.ap_clk, 10)
    await reorder.bench.reset()
    assert not reorder.sink.taken
    reorder.taken = 0
    place = await reorder.take()
    assert place == 0, f"place {place} after reset"
    reorder.put(0, place)
    await ClockCycles(dut.ap_clk, 20)
    reorder.check(1, 0)
    await reorder.bench.finish()
