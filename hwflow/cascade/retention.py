"""How many frames the retention buffer of a decision must hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINIMUM_FRAMES = 2
# Beside the last stage: tickets that LUTs as memory hold without a second row.
LAST_FRAMES = 32

# Clocks from a frame's first beat to its slot being free again, beyond the stage's own latency:
# guard, fork and skid, gearbox, top-2, decision, release. Counted on the RTL, rounded up.
CONTROLLER_CYCLES = 16


def backlog_decay(
    rate: float, *, ii_cycles: int, next_ii_cycles: int, burst_frames: float = 1.0
) -> float:
    """Return θ > 0 such that P(work waiting at the next stage >= x cycles) <= exp(-θ x).

    Frames come every ``ii_cycles``; each that escalates, a part ``rate`` of them, brings
    ``next_ii_cycles`` cycles of work. Frames that escalate come in runs of ``burst_frames`` on the
    average, as a chain of two states makes them: one is followed by another with probability
    h = 1 - 1/burst_frames, an easy one by a hard one with e = rate / (1 - rate) / burst_frames.
    Runs shorter than chance makes them, 1 / (1 - rate), count as those.

    θ is Lundberg's exponent of the random walk of the waiting time, where the matrix of
    transitions, each times exp(θ × its step), has spectral radius 1 (Asmussen, Applied Probability
    and Queues, 2nd ed., XIII.5 and XIII.8):

        (1 - (1-e) a) (1 - h c) = e (1-h) a c,  a = exp(-θ ii),  c = exp(θ (next_ii - ii))

    which without runs is (1 - rate) a + rate c = 1. The bound holds with factor 1, since the walk
    crosses x in a hard frame, from which it is likelier to go on than from any other.

    Infinite if work never waits; 0 if the next stage cannot keep up.
    """
    if rate <= 0.0 or next_ii_cycles <= ii_cycles:
        return math.inf
    if rate * next_ii_cycles >= ii_cycles:
        return 0.0
    run = max(burst_frames, 1 / (1 - rate))
    after_hard, after_easy = 1 - 1 / run, rate / (1 - rate) / run

    def inside(theta: float) -> bool:
        a, c = math.exp(-theta * ii_cycles), math.exp(theta * (next_ii_cycles - ii_cycles))
        return (1 - (1 - after_easy) * a) * (1 - after_hard * c) > after_easy * (
            1 - after_hard
        ) * a * c

    # The radius is 1 at 0, falls first, is convex, and above 1 where the hard state alone makes it.
    low, high = 0.0, -math.log(after_hard) / (next_ii_cycles - ii_cycles)
    for _ in range(200):
        middle = (low + high) / 2
        if inside(middle):
            low = middle
        else:
            high = middle
    return low


def depth(
    *,
    latency_cycles: int,
    ii_cycles: int,
    next_ii_cycles: int,
    escalation_rate: float,
    burst_frames: float = 1.0,
    stall_probability: float = 1e-3,
    most: int = 256,
) -> int:
    """Return the slots of the retention buffer beside a stage, a power of two, 2 to ``most``.

    slots = ⌈(latency + CONTROLLER_CYCLES) / ii⌉ + 1   frames inside the stage, and the one coming
          + 1                                          the frame being read out
          + ⌈ln(1 / stall_probability) / (θ next_ii)⌉  frames waiting for the next stage

    with θ of ``backlog_decay``. So at a load ρ = rate × next_ii / ii below 1 the buffer stalls
    the input for less than ``stall_probability`` of the frames when hard frames come at random,
    or in runs as long as told.
    At ρ >= 1 no depth prevents stalls (the next stage sets the pace), and one waiting frame keeps
    it busy. Rounded up to a power of two, since hwf_retain's memory has that many slots anyway.

    Args:
        latency_cycles: clocks from a frame's first beat into the stage to its scores.
        ii_cycles: clocks between frames of the stage, or of the source if that is slower.
        next_ii_cycles: clocks between frames of the next stage.
        escalation_rate: fraction of the frames that escalate.
        burst_frames: mean length of a run of such frames; 1 means at random.
        stall_probability: what to accept.
        most: limit, where ρ is close to 1.
    """
    for name, value in (("ii_cycles", ii_cycles), ("next_ii_cycles", next_ii_cycles)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    if latency_cycles < 0 or not 0.0 <= escalation_rate <= 1.0:
        raise ValueError(
            f"expected latency_cycles >= 0 and 0 <= escalation_rate <= 1, "
            f"got {latency_cycles} and {escalation_rate}"
        )
    if not 0.0 < stall_probability < 1.0:
        raise ValueError(f"stall_probability: expected 0..1, got {stall_probability}")
    inside = frames_inside(latency_cycles=latency_cycles, ii_cycles=ii_cycles)
    theta = backlog_decay(
        escalation_rate,
        ii_cycles=ii_cycles,
        next_ii_cycles=next_ii_cycles,
        burst_frames=burst_frames,
    )
    waiting = (
        1 if theta == 0.0 else math.ceil(-math.log(stall_probability) / theta / next_ii_cycles)
    )
    slots = inside + 1 + waiting
    return min(most, max(MINIMUM_FRAMES, 1 << (slots - 1).bit_length()))


def frames_inside(*, latency_cycles: int, ii_cycles: int) -> int:
    """Return the frames inside a stage at full rate, and the one that is coming."""
    return -(-(latency_cycles + CONTROLLER_CYCLES) // ii_cycles) + 1


def last_frames(*, latency_cycles: int, ii_cycles: int) -> int:
    """Return how many frames' tickets are kept beside the last stage, a power of two.

    As many as are inside it at full rate, and not less than ``LAST_FRAMES``.
    """
    inside = frames_inside(latency_cycles=latency_cycles, ii_cycles=ii_cycles)
    return max(LAST_FRAMES, 1 << (inside - 1).bit_length())


def queue_frames(frames: int, *, latency_cycles: int, ii_cycles: int) -> int:
    """Return how many of a buffer's ``frames`` may wait for the next stage.

    The others stay free for what the stage before keeps inside, so that shedding what would wait
    longer keeps the input running. At least 1.
    """
    return max(1, frames - frames_inside(latency_cycles=latency_cycles, ii_cycles=ii_cycles))


def reorder_depth(
    *,
    latency_cycles: Sequence[int],
    ii_cycles: Sequence[int],
    queue_frames: Sequence[int],
    most: int = 256,
) -> int:
    """Return the places of the reorder store, a power of two, 2 to ``most``.

    As many frames as come at full rate while one passes all stages, behind full queues:

        places = ⌈Σ_k (latency_k + CONTROLLER_CYCLES + queue_k × ii_{k+1}) / ii_0⌉ + 1

    With so many, order alone never stalls the input. Where ``most`` cuts it, the input stalls
    while a frame takes longer than ``most`` × ii_0.

    Args:
        latency_cycles: of each stage, from a frame's first beat to its scores.
        ii_cycles: clocks between frames of each stage.
        queue_frames: frames that may wait behind each stage but the last.
        most: limit.
    """
    slowest = sum(latency_cycles) + CONTROLLER_CYCLES * len(latency_cycles)
    slowest += sum(q * ii for q, ii in zip(queue_frames, ii_cycles[1:], strict=True))
    places = -(-slowest // ii_cycles[0]) + 1
    return min(most, max(2, 1 << (places - 1).bit_length()))
