"""``study.yaml`` beside a model's recipe: what `hwflow reproduce` trains, compares and commits."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hwflow.config.base import StrictModel
from hwflow.config.dataset import Seed
from hwflow.config.network import BitWidth

STUDY_FILE = "study.yaml"
_LIMIT = re.compile(r"\.(at|within)_([0-9.e-]+)_")


class Goal(StrictModel):
    """A figure to reach, as the mean over the seeds; one of ``at_least`` and ``at_most``.

    ``figure``: a name that `hwflow reproduce` gives, such as ``pruned.last_accuracy``. ``about``:
    the same in words.
    """

    figure: str
    about: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.figure}: give one of at_least and at_most")
        return self


class Study(StrictModel):
    """``study.yaml``.

    ``seeds``: each trains every variant anew. ``bundle_seed``: the one whose networks are
    committed. ``single_bits``: weight and activation bits of the single networks of the last
    stage's topology. ``between_bits``: of one more such network each, between the last stage and
    those before it, in a cascade of its own. ``losses``: accuracies given up, as fractions,
    against the last stage before it is pruned: a cascade is told of at thresholds that lose so much
    on validation frames. ``budgets``: average BOPs, as fractions of those of that stage: it is told
    of at thresholds that take so many on validation frames.
    ``board``: whose resources a cascade, or a single network, may fill. ``notes``: what a reader of
    the card has to know besides.
    """

    schema_version: Literal[1]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    bundle_seed: Seed
    single_bits: Annotated[tuple[BitWidth, ...], Field(min_length=1)] = (8, 4, 3, 2)
    between_bits: tuple[BitWidth, ...] = ()
    board: Literal["pynq-z1", "pynq-z2"] = "pynq-z2"
    losses: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = ()
    budgets: tuple[Annotated[float, Field(gt=0)], ...] = ()
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, values in (
            ("seeds", self.seeds),
            ("single_bits", self.single_bits),
            ("between_bits", self.between_bits),
            ("losses", self.losses),
            ("budgets", self.budgets),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: each once, got {list(values)}")
        for goal in self.goals:
            limit = _LIMIT.search(goal.figure)
            if limit is None:
                continue
            field = "losses" if limit[1] == "at" else "budgets"
            known = getattr(self, field)
            if float(limit[2]) not in known:
                raise ValueError(
                    f"goals: {goal.figure}: {limit[2]} is not one of {field}, {list(known)}"
                )
        if self.bundle_seed not in self.seeds:
            raise ValueError(
                f"bundle_seed = {self.bundle_seed}: not one of the seeds {list(self.seeds)}"
            )
        return self
