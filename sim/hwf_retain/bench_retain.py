"""hwf_retain: tickets in order, escalated frames whole, slots never shared, nothing held back."""

from __future__ import annotations

from collections import deque

import cocotb
from bench import Bench, parameters
from cocotb.triggers import ClockCycles, RisingEdge
from streams import PATTERNS, Port

FRAMES, BEATS, BITS, USER, ON, QUEUE = (
    parameters()[name] for name in ("Frames", "Beats", "BeatBits", "UserBits", "OnBits", "Queue")
)


class Retention:
    """All ports of one hwf_retain, and the frames that went in."""

    def __init__(self, dut, *, name, idle="none", stall="none", ticket="none", decision="none"):
        self.dut = dut
        self.bench = Bench(dut, name=name)
        axis = Port.axis(dut, "s_axis", "data", "last", "user")
        self.source = self.bench.source(axis, idle=idle)
        port = Port(
            "ticket",
            dut.ticket_valid_o,
            dut.ticket_ready_i,
            {"slot": dut.ticket_slot_o, "user": dut.ticket_user_o},
        )
        self.tickets = self.bench.sink(port, stall=ticket)
        port = Port(
            "decision",
            dut.decision_valid_i,
            dut.decision_ready_o,
            {
                "slot": dut.decision_slot_i,
                "escalate": dut.decision_escalate_i,
                "user": dut.decision_user_i,
            },
        )
        self.decisions = self.bench.source(port, idle=decision)
        self.out = self.bench.sink(Port.axis(dut, "m_axis", "data", "last", "user"), stall=stall)
        self.frames = []
        self.peak = 0
        self.clocks_full = 0  # of the queue

    async def start(self, count):
        await self.bench.start()
        rng = self.bench.rng
        for _ in range(count):
            beats = [rng.getrandbits(BITS) for _ in range(BEATS)]
            user = rng.getrandbits(USER)
            self.frames.append((beats, user))
            self.source.queue.extend(
                {"data": data, "last": int(beat == BEATS - 1), "user": user}
                for beat, data in enumerate(beats)
            )
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut = self.dut
        waiting, held = 0, False  # frames that escalated, last beat not yet on m_axis
        while True:
            await RisingEdge(dut.ap_clk)
            occupancy = int(dut.occupancy_o.value)
            self.peak = max(self.peak, occupancy)
            assert occupancy <= FRAMES, f"{occupancy} slots taken at cycle {self.bench.cycle}"
            last = bool(int(dut.m_axis_tvalid.value)) and bool(int(dut.m_axis_tlast.value))
            waiting -= last and not held
            held = last and not int(dut.m_axis_tready.value)
            waiting += int(dut.decision_valid_i.value) and int(dut.decision_escalate_i.value)
            full = bool(int(dut.queue_full_o.value))
            assert full == (waiting >= QUEUE), (
                f"{waiting} frames of {QUEUE} wait at cycle {self.bench.cycle}: queue_full_o {full}"
            )
            self.clocks_full += full

    def ticket(self, frame):
        """Take the next ticket, which must be that of ``frame``; return its slot."""
        cycle, beat = self.tickets.beats.popleft()
        user = self.frames[frame][1]
        assert beat["user"] == user, (
            f"frame {frame}: ticket at cycle {cycle} carries {beat['user']:#x}, not {user:#x}"
        )
        return beat["slot"]

    def check_out(self, frame, on):
        """Take the beats of one escalated frame and compare them."""
        for index, data in enumerate(self.frames[frame][0]):
            cycle, beat = self.out.beats.popleft()
            expected = {"data": data, "last": int(index == BEATS - 1), "user": on}
            assert beat == expected, (
                f"frame {frame}, beat {index} at cycle {cycle}: {beat}, expected {expected}"
            )


@cocotb.test()
@cocotb.parametrize(idle=PATTERNS, stall=PATTERNS, share=(0.0, 0.3, 1.0))
async def any_order(dut, idle, stall, share):
    name = f"retain-{idle}-{stall}-{share}"
    retain = Retention(dut, name=name, idle=idle, stall=stall, ticket="random", decision=idle)
    bench, rng, count = retain.bench, retain.bench.rng, 40
    await retain.start(count)
    waiting, inside, escalated = [], {}, deque()
    tickets = 0
    while True:
        await RisingEdge(dut.ap_clk)
        assert bench.cycle < 400 * BEATS * count, f"stuck at cycle {bench.cycle}: ticket {tickets}"
        while retain.tickets.beats:
            slot = retain.ticket(tickets)
            assert slot not in inside, (
                f"frame {tickets} got slot {slot} of frame {inside.get(slot)} at {bench.cycle}"
            )
            inside[slot] = tickets
            waiting.append((tickets, slot))
            tickets += 1
        if waiting and rng.random() < 0.3:
            # Any of them: a decision for a later frame may come first.
            frame, slot = waiting.pop(rng.randrange(len(waiting)))
            escalate = int(rng.random() < share)
            on = rng.getrandbits(ON)
            retain.decisions.queue.append({"slot": slot, "escalate": escalate, "user": on})
            del inside[slot]
            if escalate:
                escalated.append((frame, on))
        while escalated and len(retain.out.beats) >= BEATS:
            retain.check_out(*escalated.popleft())
        if tickets == count and not waiting and not escalated and retain.decisions.idle:
            break
    await bench.finish()
    assert int(dut.occupancy_o.value) == 0, f"{int(dut.occupancy_o.value)} slots never came back"
    assert share or not retain.clocks_full


@cocotb.test()
async def fills_and_stalls(dut):
    retain = Retention(dut, name="fill")
    await retain.start(FRAMES + 2)
    await ClockCycles(dut.ap_clk, 10 * BEATS * FRAMES)
    assert len(retain.tickets.beats) == FRAMES
    assert retain.peak == FRAMES
    for frame in range(FRAMES + 2):
        await retain.bench.until(lambda: bool(retain.tickets.beats), limit=100, what="a ticket")
        slot = retain.ticket(frame)
        retain.decisions.queue.append({"slot": slot, "escalate": 0, "user": 0})
    await ClockCycles(dut.ap_clk, 20)
    await retain.bench.finish()


@cocotb.test()
async def a_waiting_frame_blocks_nothing(dut):
    """The next stage never takes the first frame; all others come and go meanwhile."""
    retain = Retention(dut, name="wait")
    retain.out.pause = iter(lambda: True, False)
    count = 6 * FRAMES
    await retain.start(count)
    for frame in range(count):
        await retain.bench.until(
            lambda: bool(retain.tickets.beats), limit=100 + 10 * BEATS, what=f"ticket {frame}"
        )
        slot = retain.ticket(frame)
        retain.decisions.queue.append({"slot": slot, "escalate": int(frame == 0), "user": 5})
    assert retain.out.taken == 0
    assert (retain.clocks_full > 0) == (QUEUE == 1 and BEATS > 2)
    retain.out.pause = iter(lambda: False, True)
    await retain.bench.until(lambda: retain.out.taken == BEATS, limit=100, what="the first frame")
    retain.check_out(0, 5)
    await retain.bench.finish()


@cocotb.test()
@cocotb.parametrize(escalate_every=(0, 3, 1))
async def full_speed(dut, escalate_every):
    """Frames back to back: decided as soon as their ticket comes, one beat a clock throughout."""
    retain = Retention(dut, name=f"speed-{escalate_every}")
    count = 120
    await retain.start(count)
    began = retain.bench.cycle
    for frame in range(count):
        await retain.bench.until(lambda: bool(retain.tickets.beats), limit=200, what="a ticket")
        slot = retain.ticket(frame)
        escalate = int(escalate_every > 0 and frame % escalate_every == 0)
        retain.decisions.queue.append({"slot": slot, "escalate": escalate, "user": 0})
    took = retain.bench.cycle - began
    if FRAMES * BEATS >= BEATS + 8:  # room for what comes while a decision is under way
        assert took <= count * BEATS + 10, f"{count} frames of {BEATS} beats took {took} cycles"
    for frame in range(0, count, escalate_every) if escalate_every else ():
        await retain.bench.until(lambda: len(retain.out.beats) >= BEATS, limit=100, what="a frame")
        retain.check_out(frame, 0)
    await retain.bench.finish()
