"""From a design's targets and budget to the folding of all its stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from hwflow.config.design import Design, Fill
from hwflow.config.folding import Folding, Solved
from hwflow.cost.resources import Resources
from hwflow.dataflow.folding import file
from hwflow.dataflow.folding.goal import Budget, Found, Goal
from hwflow.dataflow.folding.options import set_fold
from hwflow.dataflow.folding.problem import RESOURCES, FloatArray, vector
from hwflow.dataflow.folding.search import search
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
    """A folding for every stage of ``space``: the option of each layer, and a file that says so."""

    space: Space
    choice: tuple[int, ...]
    folding: Folding

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
    they are folded, since retention buffers depend on how fast the stages are.

    Raises:
        ConfigError: no such folding; see ``search``.
    """
    space = space_of(models)
    budget = request.budget(vector(around or Resources()))
    if surroundings is None:
        beside = None
    else:
        stands = surroundings

        def beside(choice: tuple[int, ...]) -> FloatArray:
            Plan(space, choice, file.to_file(space, choice)).set_folds()
            return vector(stands())

    found = search(space, request.goal, budget, around=beside)
    plan = Plan(space, found.choice, _solved(space, found))
    plan.set_folds()
    return plan


def _solved(space: Space, found: Found) -> Folding:
    solved = Solved(
        target_ii_cycles=tuple(int(limit) for limit in found.limits),
        cost=round(found.cost, 6),
        gap=round(found.gap, 6),
        undecided_ii_cycles=found.undecided,
    )
    return file.to_file(space, found.choice).model_copy(update={"solved": solved})


def read_plan(models: Sequence[Model], folding: Folding, *, source: str) -> Plan:
    """Return the folding of the unfolded ``models`` that ``folding`` says, and set it.

    Raises:
        ConfigError: it does not fit the models; names ``source``, stage, layer and field.
    """
    space = space_of(models)
    # What the solver said of it need not hold for a file that anybody may have edited.
    bare = folding.model_copy(update={"solved": None})
    plan = Plan(space, file.from_file(space, folding, source=source), bare)
    plan.set_folds()
    return plan


def request_of(design: Design, *, part: str, reach: Sequence[float], frame_beats: int) -> Request:
    """Return what ``design`` asks for; ``reach``: part of the frames that each stage must take.

    Raises:
        ConfigError: a target beyond what the frame stream can bring.
    """
    target, asked = design.target_ii, f"target_ii = {design.target_ii}"
    advice = "raise --target-ii (target_ii: in the design) to that"
    if design.target_fps is not None:
        # As decimal fractions, which is what was written: floats could lose a cycle.
        period, fps = Fraction(str(design.clk_period_ns)), Fraction(str(design.target_fps))
        target = floor(10**9 / (period * fps))
        asked = f"target_fps = {design.target_fps:g}, {target:,} cycles per frame,"
        advice = "lower --target-fps (target_fps: in the design) to that"
    elif target is None:
        advice = "raise target_ii_cycles of the stages to these"
    if target is not None and target < frame_beats:
        raise ConfigError(
            f"{asked} cannot be met: a frame arrives in {frame_beats:,} beats of "
            f"{design.frame_beat_bytes} bytes; raise frame_beat_bytes or the clock, or "
            f"{advice.removesuffix(' to that')}"
        )
    own = tuple(
        None if stage.target_ii_cycles == "auto" else stage.target_ii_cycles
        for stage in design.stages
    )
    goal = Goal(
        share=tuple(_share(part_of) for part_of in reach),
        fixed=own,
        ii_cycles=target,
        least=frame_beats,
        asked=asked,
        advice=advice,
        clk_period_ns=design.clk_period_ns,
    )
    given = design.fill
    fill = Fill() if given == "auto" else given
    if fill is None:
        fill = Fill() if target is None and None in own else WHOLE_PART
    return Request(goal, part, fill)


def _share(part_of: float) -> Fraction:
    """Return ``part_of`` the frames, rounded up to a millionth: a stage gets no time too much."""
    return Fraction(ceil(Fraction(str(max(part_of, _RAREST))) * 10**6), 10**6)
