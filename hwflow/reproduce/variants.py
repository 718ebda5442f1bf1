"""The variants of a recipe that its card compares, each a recipe of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hwflow.config.base import parse
from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.errors import ConfigError

SEPARATE, CONTINUED = "separate", "continued"
JOINT, PRUNED_ALONE, PRUNED = "joint", "pruned_alone", "pruned"

# Rows of the card's hardware beside the stages: what stands around them, and the whole.
AROUND, ALL = "around", "all"

ABOUT = {
    SEPARATE: "each stage trained alone",
    CONTINUED: "then trained on for as long as joint training takes, nobody teaching",
    JOINT: "then trained together, the last stage teaching the others",
    PRUNED_ALONE: "pruned for as long as joint pruning takes, nobody teaching",
    PRUNED: "trained together and pruned on the way",
}


@dataclass(frozen=True)
class Variant:
    """A recipe with its name in the study; ``about``: what sets it apart."""

    name: str
    about: str
    recipe: Recipe


def variants(recipe: Recipe, study: Study, *, seed: int) -> tuple[Variant, ...]:
    """Return the variants of ``recipe`` at ``seed``, in the order in which they should be trained.

    A recipe without ``joint`` has none that needs it. Single networks of fewer bits are the last
    stage at these bits, trained for as long as ``continued``; those of the last stage's own bits
    are the last stage of ``continued``.

    Raises:
        ConfigError: the networks of the recipe cannot be at the study's bits, or these make no
            comparison of a cascade.
    """
    _check(recipe, study)
    told = recipe.model_dump(mode="json") | {"seed": seed}
    return tuple(
        Variant(name, about, parse(Recipe, data, source=f"{recipe.name}, variant {name}"))
        for name, about, data in _plans(told, recipe, study)
    )


def comparable(recipe: Recipe, study: Study) -> dict[str, Any]:
    """Return what decides the metrics of a seed; seeds for which it is equal fit into one card."""
    return {
        "recipe": recipe.model_dump(mode="json", exclude={"seed"}),
        "study": study.model_dump(mode="json", exclude={"goals", "seeds", "bundle_seed", "notes"}),
    }


def headline(recipe: Recipe) -> str:
    """Return the variant that the model stands for: the recipe as it is."""
    if recipe.joint is None:
        return SEPARATE
    return PRUNED if any(stage.pruning is not None for stage in recipe.stages) else JOINT


def unpruned(recipe: Recipe) -> str:
    """Return the variant whose last stage is what pruning is told against."""
    return SEPARATE if recipe.joint is None else JOINT


def cascades(recipe: Recipe, study: Study) -> tuple[str, ...]:
    """Return the variants that are compared as cascades, whose curves are drawn."""
    names = (SEPARATE, JOINT, PRUNED)
    through = tuple(through_name(bits) for bits in study.between_bits)
    return (*names[: names.index(headline(recipe)) + 1], *through)


def single_variant(recipe: Recipe, bits: int) -> str:
    """Return the variant whose last stage is the single network of ``bits`` bits."""
    if bits == _own_bits(recipe):
        return SEPARATE if recipe.joint is None else CONTINUED
    return single_name(bits)


def single_name(bits: int) -> str:
    """Return the name of a network with so many bits for weights and activations."""
    return f"w{bits}a{bits}"


def through_name(bits: int) -> str:
    """Return the name of the cascade with one more network of so many bits before the last."""
    return f"through_{single_name(bits)}"


def _check(recipe: Recipe, study: Study) -> None:
    """Raise ``ConfigError`` where nothing is a cascade, or the card could not tell of it."""
    if len(recipe.stages) < 2:
        raise ConfigError(
            f"{recipe.name}: one stage is no cascade, and there is nothing to compare; add a stage"
        )
    for index, stage in enumerate(recipe.stages):
        if stage.name in (ALL, AROUND):
            raise ConfigError(
                f"stages.{index}.name: {stage.name} is a row of the card; choose another name"
            )
    own = _own_bits(recipe)
    if own is not None and own not in study.single_bits:
        raise ConfigError(
            f"single_bits: {list(study.single_bits)} leave out {own}, the bits of the last stage; "
            "add them, or no cascade is held against its own last stage"
        )
    if own in study.between_bits:
        raise ConfigError(
            f"between_bits: {own} are those of the last stage; leave them out, as the same network "
            "twice is no cascade of three"
        )


def _own_bits(recipe: Recipe) -> int | None:
    """Return the bits of all weights and activations of the last stage; None if they differ."""
    last = recipe.stages[-1]
    bits = {*last.weight_bits, *last.act_bits}
    return bits.pop() if len(bits) == 1 else None


def _plans(
    told: dict[str, Any], recipe: Recipe, study: Study
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    whole = told | {"stages": [_unpruned(stage) for stage in told["stages"]]}
    whole.pop("joint", None)
    alone = whole
    yield SEPARATE, ABOUT[SEPARATE], whole
    if recipe.joint is not None:
        untaught = _untaught(told["joint"])
        alone = whole | {"joint": untaught}
        yield CONTINUED, ABOUT[CONTINUED], alone
        yield JOINT, ABOUT[JOINT], whole | {"joint": told["joint"]}
        if headline(recipe) == PRUNED:
            yield PRUNED, ABOUT[PRUNED], told
            yield PRUNED_ALONE, ABOUT[PRUNED_ALONE], told | {"joint": untaught}
    for bits in study.between_bits:
        taught = whole if recipe.joint is None else whole | {"joint": told["joint"]}
        about = f"one more stage, the last one's topology at {bits} bits, before it"
        yield through_name(bits), about, _through(taught, recipe, bits)
    for bits in study.single_bits:
        name = single_name(bits)
        if single_variant(recipe, bits) != name:
            continue
        *first, last = alone["stages"]
        lowered = _at_bits(last, recipe, bits)
        about = f"the last stage at {bits} bits, trained as long"
        yield name, about, alone | {"stages": [*first, lowered]}


def _through(told: dict[str, Any], recipe: Recipe, bits: int) -> dict[str, Any]:
    """Return the plan with the last stage at ``bits`` before the last stage.

    Both keep the last one's stream of random numbers, so that what they share with other variants
    is trained once.
    """
    *first, last = told["stages"]
    place = len(first)
    last = last | {"stream": last.get("stream", place)}
    between = _at_bits(last, recipe, bits) | {"name": single_name(bits)}
    more = {"stages": [*first, between, last]}
    if recipe.joint is not None:
        rates = recipe.joint.rates(place + 1)
        more["joint"] = told["joint"] | {"lr": [*rates[:place], rates[-1], rates[-1]]}
    return told | more


def _unpruned(stage: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stage.items() if name != "pruning"}


def _untaught(joint: dict[str, Any]) -> dict[str, Any]:
    return joint | {"distillation": joint["distillation"] | {"weight": 0.0}}


def _at_bits(stage: dict[str, Any], recipe: Recipe, bits: int) -> dict[str, Any]:
    """Return the last stage at ``bits``: on the way down it may no longer pass below them."""
    network = recipe.stages[-1].at_bits(bits, bits).model_dump(mode="json")
    names = ("weight_bit_width", "act_bit_width", "weight_quantiser", "act_quantiser")
    return stage | {name: network[name] for name in names if name in network}
