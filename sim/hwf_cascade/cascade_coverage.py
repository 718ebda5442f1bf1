"""Situations that the runs of the matrix must have been in, all builds taken together."""

from __future__ import annotations

from pathlib import Path

from functional_coverage import Coverage
from streams import PATTERNS

_STAGES = ("0", "1", "2")

BINS = {
    "stages": ("1", "2", "3"),
    "idle": PATTERNS,
    "stall": PATTERNS,
    "order": ("completion", "acceptance", "mixed"),
    "policy": ("stall", "shed", "mixed"),
    "escalation": ("none", "all", "alternating", "bursts", "random"),
    "retention depth": ("minimum", "larger"),
    "retention": ("empty", "one left", "full"),
    "full queue meets": ("sure", "unsure, waits", "unsure, shed", "forced"),
    "back-pressure": (
        "input",
        "result",
        *(f"stage {k}" for k in _STAGES),
        *(f"verdict {k}" for k in _STAGES),
        *(f"escalated {k}" for k in _STAGES[:2]),
    ),
    "exit stage": _STAGES,
    "flags": ("none", "short", "long", "forced", "shed", "ordered", "short and shed"),
    "exits in one clock": ("two", "three"),
    "malformed": tuple(
        f"{kind}, {place}"
        for kind in ("one beat", "one beat short", "one beat long", "far too long")
        for place in ("first", "after a whole one", "after a malformed one")
    ),
    "malformed and": ("ordered", "not ordered", "forced"),
    "soft reset": (
        "idle",
        "taking a frame",
        "padding",
        "draining",
        "frame inside",
        "frame waits for a stage",
        "result waits",
        "ordered result is kept",
        "again before it is over",
    ),
    "hard reset": ("idle", "frame inside"),
    "written while a frame is taken": ("threshold", "force", "order", "shed"),
    "write refused in traffic": ("read-only", "unmapped"),
    "reorder store": ("full", "places wrap", "unordered result passes"),
    "ids": ("wrap",),
    "alarm": ("fires", "window below the limit"),
    "interrupt": ("alarm", "malformed", "shed", "event while it is cleared"),
}

# One for all bench modules of a simulation; a later simulation in the same folder adds to it.
COVERAGE = Coverage(BINS, Path("coverage.json"))
