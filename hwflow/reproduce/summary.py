"""Named figures of a study: one number per seed, their mean and spread, and the study's goals."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence

from hwflow.config.study import Goal
from hwflow.errors import ConfigError
from hwflow.reproduce.compare import ratio
from hwflow.reproduce.metrics import Limit, Number, Reached, SeedMetrics, Spread, VariantMetrics
from hwflow.reproduce.mixture import mixed_bops
from hwflow.reproduce.variants import JOINT, SEPARATE

Figures = dict[str, Number]
LIMITS: dict[Limit, str] = {"loss": "at", "bops": "within"}
"""What the names of figures say before a limit."""
_OF_A_LIMIT = re.compile(
    rf"(?:{'|'.join(LIMITS.values())})_(\d+(?:\.\d+)?(?:e-?\d+)?)_"
    r"(?:loss_of_unpruned|bops_of_unpruned|equal_accuracy|bops_of_mixed)"
)


def figures(one: SeedMetrics) -> Figures:
    """Return the figures of a seed by name; test frames where nothing else is said.

    Per variant: ``stage<k>_accuracy``, ``last_accuracy``, ``cascade_accuracy``, ``loss``,
    ``exit_rate`` (before the last stage), ``avg_bops``, ``bops_ratio`` (to its own last stage) and
    ``minutes``.

    Per compared cascade: ``equal_accuracy``, ``bops_of_mixed`` (its BOPs over those of two single
    networks that take turns by chance, as accurate as it is; none beyond the most accurate one),
    ``frames_per_s``, ``fits`` and ``above_front`` (1 or 0); ``<part>_lut``, ``_bram36`` and
    ``_dsp`` of each stage, of what stands ``around`` them and of ``all``;
    ``at_<loss>_loss_of_unpruned`` and ``_bops_of_unpruned``, against the last stage of ``joint``,
    ``_equal_accuracy`` and ``_bops_of_mixed``, at thresholds that may lose so much, and
    ``within_<budget>_…`` at those that may take such a part of its BOPs. Of all but ``separate``,
    at their own thresholds: ``loss_of_unpruned`` and ``bops_of_unpruned``.

    Per single network: ``single.<name>.accuracy``, ``.bops`` and ``.frames_per_s``. And
    ``mismatches`` between Brevitas and QONNX, of all variants.
    """
    found: Figures = {}
    for variant in one.variants:
        found |= _variant(variant)
    for single in one.singles:
        found |= {
            f"single.{single.name}.accuracy": single.accuracy["test"],
            f"single.{single.name}.bops": single.bops,
        }
        if single.hardware.frames_per_s is not None:
            found[f"single.{single.name}.frames_per_s"] = single.hardware.frames_per_s
    names = {variant.name for variant in one.variants}
    for told in one.comparisons:
        fps = told.hardware.frames_per_s
        found |= {
            f"{told.cascade}.fits": _truth(fps is not None, one.seed),
            f"{told.cascade}.above_front": _truth(told.above_front, one.seed),
            f"{told.cascade}.equal_accuracy": told.equal_accuracy,
        }
        if fps is not None:
            found[f"{told.cascade}.frames_per_s"] = fps
        for each in told.limited:
            numbers = {
                "loss_of_unpruned": each.lost,
                "bops_of_unpruned": each.bops_ratio,
                "equal_accuracy": each.equal_accuracy,
            }
            key = f"{told.cascade}.{LIMITS[each.of]}_{each.limit:g}"
            found |= {f"{key}_{name}": n for name, n in numbers.items() if n is not None}
            if each.point is not None:
                found |= _of_mixed(key + "_", each.point.accuracy, each.point.avg_bops, one)
        policy = one.variant(told.cascade).policy["test"]
        found |= _of_mixed(f"{told.cascade}.", policy.accuracy, policy.avg_bops, one)
        for part, resources in told.hardware.taken.items():
            found |= {f"{told.cascade}.{part}_{name}": n for name, n in resources.items()}
    for name in (told.cascade for told in one.comparisons if JOINT in names):
        if name != SEPARATE:
            found |= _of_unpruned(one.variant(name), one.variant(JOINT))
    links = [link for variant in one.variants for link in variant.exactness]
    found["mismatches"] = Number(
        value=sum(link.mismatches for link in links),
        unit="integers",
        provenance="measured",
        seed=one.seed,
    )
    return found


def summarise(seeds: Sequence[SeedMetrics]) -> dict[str, Spread]:
    """Return mean and standard deviation of each figure over the seeds that have it."""
    tables = [figures(each) for each in seeds]
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: spread([table[name] for table in tables if name in table]) for name in names}


def spread(numbers: Sequence[Number]) -> Spread:
    """Return mean and sample standard deviation of one figure's ``numbers``, at least one."""
    values, first = [number.value for number in numbers], numbers[0]
    return Spread(
        mean=statistics.fmean(values),
        sd=statistics.stdev(values) if len(values) > 1 else None,
        unit=first.unit,
        provenance=first.provenance,
        seeds=tuple(number.seed for number in numbers if number.seed is not None),
        n=first.n,
        split=first.split,
    )


def reached(
    goals: Iterable[Goal], summary: Mapping[str, Spread], *, seeds: int
) -> tuple[Reached, ...]:
    """Return how each goal stands; one that not every of the ``seeds`` has a figure for is missed.

    Raises:
        ConfigError: no seed has a figure of that name.
    """
    told = []
    for goal in goals:
        if goal.figure not in summary and not _may_lack(goal.figure, summary):
            raise ConfigError(
                f"goals: no figure {goal.figure!r}; there are {', '.join(sorted(summary))}"
            )
        found = summary.get(goal.figure)
        whole = found is not None and len(found.seeds) == seeds
        got = found.mean if found is not None and whole else None
        told.append(Reached(goal=goal, got=got, met=got is not None and _holds(goal, got)))
    return tuple(told)


def _holds(goal: Goal, got: float) -> bool:
    low, high = goal.at_least, goal.at_most
    return (low is None or got >= low) and (high is None or got <= high)


def _may_lack(figure: str, summary: Mapping[str, Spread]) -> bool:
    """Return whether a cascade has this figure only where it reaches what the figure is of."""
    cascade, _, rest = figure.partition(".")
    lucky = rest in ("frames_per_s", "bops_of_mixed") or _is_of_a_limit(rest)
    return lucky and f"{cascade}.fits" in summary


def _is_of_a_limit(rest: str) -> bool:
    """Return whether a figure's name, behind its cascade, is one that ``figures`` gives."""
    found = _OF_A_LIMIT.fullmatch(rest)
    return found is not None and f"{float(found[1]):g}" == found[1]


def _variant(told: VariantMetrics) -> Figures:
    test = told.policy["test"]
    last = told.stages[-1]
    early = test.exit_rate[-1].model_copy(
        update={"value": 1.0 - test.exit_rate[-1].value, "interval95": None}
    )
    numbers: Figures = {
        f"stage{index}_accuracy": stage.accuracy["test"] for index, stage in enumerate(told.stages)
    }
    numbers |= {
        "last_accuracy": last.accuracy["test"],
        "cascade_accuracy": test.accuracy,
        "loss": test.loss,
        "exit_rate": early,
        "avg_bops": test.avg_bops,
        "bops_ratio": ratio(test.avg_bops, last.bops),
        "minutes": told.training,
    }
    return {f"{told.name}.{name}": number for name, number in numbers.items()}


def _of_unpruned(told: VariantMetrics, whole: VariantMetrics) -> Figures:
    test, last = told.policy["test"], whole.stages[-1]
    gap = last.accuracy["test"].value - test.accuracy.value
    return {
        f"{told.name}.bops_of_unpruned": ratio(test.avg_bops, last.bops),
        f"{told.name}.loss_of_unpruned": test.accuracy.model_copy(
            update={"value": gap, "interval95": None}
        ),
    }


def _of_mixed(key: str, accuracy: Number, bops: Number, one: SeedMetrics) -> Figures:
    """Return ``bops`` over those of single networks mixed to ``accuracy``; nothing beyond them."""
    mixed = mixed_bops(accuracy.value, one.singles)
    return {} if mixed is None else {f"{key}bops_of_mixed": ratio(bops, mixed)}


def _truth(value: bool, seed: int) -> Number:
    return Number(value=float(value), unit="1 or 0", provenance="estimated", seed=seed)
