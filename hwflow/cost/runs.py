"""The runs behind the fits: one synthesised node each, as numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwflow.cost.block import Block
from hwflow.cost.controller import Controller, StageSide
from hwflow.cost.matrix import FinnMatrix, Matrix
from hwflow.cost.resources import Resources
from hwflow.cost.streams import Converter, Fifo, Fork, Join, Pad, Pool, Requantiser, Thresholds
from hwflow.cost.window import Window

RUNS_FILE = Path(__file__).with_name("runs.json")

# By the first word of what a run was drawn as, but for FINN's matrix unit.
_BLOCKS: dict[str, type[Any]] = {
    "matrix": Matrix,
    "window": Window,
    "thresholds": Thresholds,
    "requant": Requantiser,
    "pad": Pad,
    "pool": Pool,
    "join": Join,
    "fork": Fork,
    "converter": Converter,
    "fifo": Fifo,
    "controller": Controller,
}


@dataclass(frozen=True)
class Run:
    """One node and what it took.

    ``sample``: what it was drawn as; ``block``: its numbers, the fields of the block; ``rtl``: hash
    of its sources and memories.
    """

    sample: str
    op: str
    block: Mapping[str, Any]
    resources: Resources
    rtl: str

    @property
    def kind(self) -> str:
        """The fit that it belongs to."""
        return self.numbers().kind

    def numbers(self) -> Block:
        """Return the block."""
        fields = dict(self.block)
        if self.sample == "controller":
            fields["stages"] = [StageSide(**stage) for stage in fields["stages"]]
        finn = self.sample == "matrix_finn"
        block: Block = (FinnMatrix if finn else _BLOCKS[self.sample.split("_")[0]])(**fields)
        return block


def load_runs(path: Path = RUNS_FILE) -> tuple[Run, ...]:
    """Return the runs in ``path``."""
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    return tuple(Run(**run | {"resources": Resources(**run["resources"])}) for run in runs)


def save_runs(path: Path, runs: Sequence[Run], *, tool: str) -> None:
    """Write ``runs`` to ``path``, one a line."""
    lines = ",\n  ".join(json.dumps(asdict(run)) for run in runs)
    path.write_text(f'{{\n "tool": {json.dumps(tool)},\n "runs": [\n  {lines}\n ]\n}}\n', "utf-8")


def tool_of(path: Path = RUNS_FILE) -> str:
    """Return what made the runs in ``path``."""
    return str(json.loads(path.read_text(encoding="utf-8"))["tool"])
