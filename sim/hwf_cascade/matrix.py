"""The runs of the verification matrix: all combinations, or enough to see every pair."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from design import FULL, SHAPE, N
from factors import every_pair
from streams import PATTERNS

COMPLETION, ACCEPTANCE, MIXED = "completion", "acceptance", "mixed"
STALL, SHED = "stall", "shed"
ESCALATIONS = ("none", "all", "alternating", "bursts", "random")

FACTORS = {
    "idle": PATTERNS,
    "stall": PATTERNS,
    "order": (COMPLETION, ACCEPTANCE, MIXED) if SHAPE.reorder_frames else (COMPLETION,),
    "policy": (STALL, SHED, MIXED),
    "escalation": ESCALATIONS,
}


@dataclass(frozen=True)
class Run:
    """One run of the matrix; ``mixed`` changes by a register write between frames."""

    idle: str
    stall: str
    order: str
    policy: str
    escalation: str

    @property
    def mixed(self):
        return MIXED in (self.order, self.policy)

    @property
    def name(self):
        return "_".join((self.idle, self.stall, self.order, self.policy, self.escalation))


RUNS = {
    run.name: run
    for row in (product(*FACTORS.values()) if FULL else every_pair(FACTORS))
    for run in (Run(*row),)
}


def hardness(escalation, index, rng):
    """Return for each stage whether frame ``index`` is hard for it."""
    if escalation == "random":
        return [rng.random() < 0.5 for _ in range(N)]
    hard = {
        "none": False,
        "all": True,
        "alternating": index % 2 == 1,
        "bursts": index % 10 >= 5,
    }
    return [hard[escalation]] * N
