"""The figures that a study will have, so that its goals can be checked before it is trained."""

from __future__ import annotations

from difflib import get_close_matches

from hwflow.config.recipe import Recipe
from hwflow.config.study import STUDY_FILE, Study
from hwflow.errors import ConfigError
from hwflow.reproduce.variants import (
    ALL,
    AROUND,
    JOINT,
    SEPARATE,
    Variant,
    cascades,
    single_name,
    variants,
)

_EVERY = ("last_accuracy", "cascade_accuracy", "loss", "exit_rate", "avg_bops", "bops_ratio")
_CASCADE = ("equal_accuracy", "bops_of_mixed", "frames_per_s", "fits", "above_front")
_LIMITED = ("loss_of_unpruned", "bops_of_unpruned", "equal_accuracy", "bops_of_mixed")


def figure_names(recipe: Recipe, study: Study) -> set[str]:
    """Return the names of all figures that ``summary.figures`` may give of a seed.

    Raises:
        ConfigError: recipe and study make no comparison.
    """
    every = variants(recipe, study, seed=recipe.seed)
    shown, teaches = cascades(recipe, study), any(each.name == JOINT for each in every)
    found = {"mismatches"}
    for variant in every:
        names = {*_EVERY, "minutes"}
        names |= {f"stage{index}_accuracy" for index in range(len(variant.recipe.stages))}
        if variant.name in shown:
            names |= _of_cascade(variant, study)
            if teaches and variant.name != SEPARATE:
                names |= {"loss_of_unpruned", "bops_of_unpruned"}
        found |= {f"{variant.name}.{name}" for name in names}
    singles = [f"{recipe.stages[0].name} alone", *map(single_name, study.single_bits)]
    return found | {
        f"single.{single}.{name}"
        for single in singles
        for name in ("accuracy", "bops", "frames_per_s")
    }


def check_goals(recipe: Recipe, study: Study) -> None:
    """Make sure that every goal is of a figure that there will be.

    Raises:
        ConfigError: naming the goal, and the figures that are spelt alike.
    """
    known = figure_names(recipe, study)
    for index, goal in enumerate(study.goals):
        if goal.figure not in known:
            near = get_close_matches(goal.figure, sorted(known), n=3) or sorted(known)
            raise ConfigError(
                f"{STUDY_FILE}: goals.{index}: no figure {goal.figure!r}; did you mean "
                f"{', '.join(near)}? docs/reproduce.md lists all"
            )


def _of_cascade(variant: Variant, study: Study) -> set[str]:
    parts = [*(stage.name for stage in variant.recipe.stages), AROUND, ALL]
    limits = [f"at_{each:g}" for each in study.losses]
    limits += [f"within_{each:g}" for each in study.budgets]
    return {
        *_CASCADE,
        *(f"{part}_{name}" for part in parts for name in ("lut", "bram36", "dsp")),
        *(f"{limit}_{name}" for limit in limits for name in _LIMITED),
    }
