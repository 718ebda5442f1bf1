"""``folding.json``: how each layer of a design is folded, to be read, edited and built again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from hwflow.config.base import StrictModel, load

FOLDING_FILE = "folding.json"

Lanes = Annotated[int, Field(ge=1)]


class LayerFolding(StrictModel):
    """One layer; it has exactly the fields that its ``op`` has.

    ``pe``: outputs or channels per clock, a divisor of the layer's. ``simd``: inputs of an output
    per clock, a divisor of the layer's; of a window generator, channels per clock.
    ``parallel_window``: 1 gives whole windows at a time. ``unit``: what multiplies, "lut" or "dsp"
    of hwflow's own unit, or "finn", FINN's DSP unit. ``ram_style``: where weights go.
    """

    op: str
    pe: Lanes | None = None
    simd: Lanes | None = None
    parallel_window: Literal[0, 1] | None = None
    unit: Literal["lut", "dsp", "finn"] | None = None
    ram_style: Literal["auto", "lut", "block"] | None = None


class StageFolding(StrictModel):
    """The layers of one stage by name, in order of execution."""

    name: str
    layers: dict[str, LayerFolding]


class Solved(StrictModel):
    """What the solver said of a folding that it found; nothing of it counts when a file is built.

    ``target_ii_cycles``: the most that each stage might take per frame. ``cost``: of the stages, in
    shares of the part as ``hwflow.dataflow.folding.plan.PRICES`` weighs them. ``gap``: at most so
    much of it could be saved by the same estimates, proven; 0 means optimal.
    ``undecided_ii_cycles``: cycles per frame of the design that were taken as too few because the
    solver had no answer in its time.
    """

    target_ii_cycles: tuple[int, ...]
    cost: float
    gap: float
    undecided_ii_cycles: tuple[int, ...] = ()


class Folding(StrictModel):
    """``folding.json``; ``solved`` only where a build chose the folding itself."""

    schema_version: Literal[1]
    solved: Solved | None = None
    stages: tuple[StageFolding, ...]


def render_folding(folding: Folding) -> str:
    """Return ``folding`` as JSON with a line per layer."""
    stages = []
    for stage in folding.stages:
        lines = [
            f"        {json.dumps(name)}: {layer.model_dump_json(exclude_none=True)}"
            for name, layer in stage.layers.items()
        ]
        layers = ",\n".join(lines)
        name = json.dumps(stage.name)
        stages.append(
            f'    {{\n      "name": {name},\n      "layers": {{\n{layers}\n      }}\n    }}'
        )
    listed = ",\n".join(stages)
    solved = "" if folding.solved is None else f'  "solved": {folding.solved.model_dump_json()},\n'
    return (
        f'{{\n  "schema_version": {folding.schema_version},\n{solved}  "stages": [\n{listed}\n'
        "  ]\n}\n"
    )


def read_folding(path: Path) -> Folding:
    """Return the folding file at ``path``; whether it fits a network shows in ``build``.

    Raises:
        ConfigError: not a folding file; names file and field.
    """
    return load(Folding, path)
