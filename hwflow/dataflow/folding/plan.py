"""From a design's targets and budget to the folding of all its stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from hwflow.config.design import Design, Fill
from hwflow.config.folding import Folding
from hwflow.cost.resources import Resources
from hwflow.dataflow.folding import file
from hwflow.dataflow.folding.options import set_fold
from hwflow.dataflow.folding.problem import RESOURCES, FloatArray, vector
from hwflow.dataflow.folding.search import Budget, Goal, search
from hwflow.dataflow.folding.space import Space, space_of
from hwflow.dataflow.parts import resources_of
from hwflow.dataflow.units import Placement, place
from hwflow.errors import ConfigError

Model = Any

# A stage that next to no frame reaches still has to answer some day.
_RAREST = 1e-4
WHOLE_PART = Fill(lut=1.0, bram=1.0, dsp=1.0)
# What a share of the part costs. LUTs, block RAM and DSPs end a design when they run out, whichever
# does first, so each counts by the share that it takes of the part: one BRAM36 of a 7Z020 is worth
# 380 LUTs. A DSP counts half its share (121 LUTs instead of 242), since DSPs left over can be used
# for nothing else here, while LUTs are also what routing and everything around the layers wants.
PRICES = Resources(lut=1.0, bram36=1.0, dsp=0.5)


@dataclass(frozen=True, eq=False)
class Request:
    """What the stages of a design are folded for: ``goal`` within ``fill`` of ``part``."""

    goal: Goal
    part: str
    fill: Fill = WHOLE_PART
    prices: Resources = PRICES

    def budget(self, fixed: FloatArray) -> Budget:
        """Return the budget of the layers beside ``fixed``, what else the design takes."""
        held, fill = resources_of(self.part), self.fill
        # LUTs as memory and flip-flops run out last; they follow a budget beyond the part only.
        beyond = max(1.0, fill.lut)
        limit = Resources(
            lut=fill.lut * held.lut,
            lutram=beyond * held.lutram,
            ff=beyond * held.ff,
            dsp=fill.dsp * held.dsp,
            bram36=fill.bram * held.bram36,
        )
        # A thousandth of a LUT settles what is equal otherwise for fewer flip-flops.
        prices = vector(self.prices) + 1e-3 * (np.array(RESOURCES) == "ff")
        return Budget(self.part, vector(limit), prices / vector(held), fixed)


@dataclass(frozen=True, eq=False)
class Plan:
    """A folding for every stage of ``space``: the option of each layer, and the file that says so.

    ``gap``: proven relative distance of its cost from the optimum; None if read from a file.
    """

    space: Space
    choice: tuple[int, ...]
    folding: Folding
    gap: float | None = None

    def set_folds(self) -> None:
        """Fold the models that the space was made of, in place."""
        styles = file.ram_styles(self.space, self.folding)
        for layer, option, style in zip(self.space.layers, self.choice, styles, strict=True):
            set_fold(layer.operator, layer.options[option].fold)
            if file.has_weights(layer):
                layer.operator.set_nodeattr("ram_style", style)

    def place_units(self, stage: int, model: Model) -> Model:
        """Move the multiplying layers of folded stage ``stage`` to their units, in place."""
        units = [
            Placement(layer.operator.onnx_node.name, unit == "finn")
            for layer, option in zip(self.space.layers, self.choice, strict=True)
            if layer.stage == stage and (unit := layer.options[option].fold.unit) in {"dsp", "finn"}
        ]
        return place(model, tuple(units))


def solve_plan(
    models: Sequence[Model],
    request: Request,
    *,
    around: Resources | None = None,
    surroundings: Callable[[], Resources] | None = None,
) -> Plan:
    """Return the folding of the unfolded hardware graphs ``models`` for ``request``, and set it.

    ``around``: what stands around the stages at least. ``surroundings`` returns what does once
    they are folded, since retention buffers depend on how fast the stages are; if that does not
    fit beside them, the search starts again with it.

    Raises:
        ConfigError: no such folding; see ``search``.
    """
    space = space_of(models)
    fixed = vector(around or Resources())
    while True:
        budget = request.budget(fixed)
        found = search(space, request.goal, budget)
        folding = file.to_file(space, found.choice)
        plan = Plan(space, found.choice, folding, found.gap)
        plan.set_folds()
        if surroundings is None:
            return plan
        actual = vector(surroundings())
        if budget.holds(found.used - fixed + actual):
            return plan
        fixed = np.maximum(fixed, actual)


def read_plan(models: Sequence[Model], folding: Folding, *, source: str) -> Plan:
    """Return the folding of the unfolded ``models`` that ``folding`` says, and set it.

    Raises:
        ConfigError: it does not fit the models; names ``source``, stage, layer and field.
    """
    space = space_of(models)
    plan = Plan(space, file.from_file(space, folding, source=source), folding)
    plan.set_folds()
    return plan


def request_of(design: Design, *, part: str, reach: Sequence[float], frame_beats: int) -> Request:
    """Return what ``design`` asks for; ``reach``: part of the frames that each stage must take.

    Raises:
        ConfigError: a target beyond what the frame stream can bring.
    """
    target, asked = design.target_ii, f"target_ii = {design.target_ii}"
    if design.target_fps is not None:
        target = floor(1e9 / (design.clk_period_ns * design.target_fps))
        asked = f"target_fps = {design.target_fps:g}, {target:,} cycles per frame,"
    if target is not None and target < frame_beats:
        raise ConfigError(
            f"{asked} cannot be met: a frame arrives in {frame_beats:,} beats of "
            f"{design.frame_beat_bytes} bytes; raise frame_beat_bytes or the clock, or lower the "
            "target"
        )
    own = tuple(
        None if stage.target_ii_cycles == "auto" else stage.target_ii_cycles
        for stage in design.stages
    )
    goal = Goal(
        share=tuple(Fraction(max(part_of, _RAREST)).limit_denominator(10**6) for part_of in reach),
        fixed=own,
        ii_cycles=target,
        least=frame_beats,
        asked=asked,
        clk_period_ns=design.clk_period_ns,
    )
    given = design.fill
    fill = Fill() if given == "auto" else given
    if fill is None:
        fill = Fill() if target is None and None in own else WHOLE_PART
    return Request(goal, part, fill)
