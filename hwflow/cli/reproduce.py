"""``hwflow reproduce``: train, export and compare every variant of a model, and write its card."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from hwflow.cli.commands import OUT, Data, work
from hwflow.cli.output import Output, shown
from hwflow.cli.reproduce_jobs import SeedJobs, seed_jobs
from hwflow.config.base import load
from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe
from hwflow.config.study import STUDY_FILE, Study
from hwflow.config.train_options import TrainOptions
from hwflow.errors import ConfigError
from hwflow.reproduce.figure_names import check_goals
from hwflow.reproduce.folder import TRAINED, settle
from hwflow.reproduce.trainings import trainings
from hwflow.reproduce.variants import headline

if TYPE_CHECKING:  # comes with numpy and the report, which a command line alone does not need
    from hwflow.reproduce.metrics import Metrics, SeedMetrics
    from hwflow.reproduce.published import Joined, Published

RECIPE_FILE = "recipe.yaml"
METRICS, CARD = "metrics", "card"
_TRAINS = ("train", "export")
HEAVY = 20_000_000
"""Bytes that a repository should not be given at once."""


def reproduce(
    output: Output,
    model: str,
    *,
    data: DataRoot,
    seeds: tuple[int, ...],
    out: Path | None,
    only: str | None,
    options: TrainOptions,
    known: tuple[Path, ...],
    dry_run: bool,
) -> None:
    """Reproduce the model in a folder, or of a name; ``only``: a part that needs no training.

    ``known``: folders of other trainings, to take from what is the same.
    """
    if only not in (None, METRICS, CARD, TRAINED):
        raise ConfigError(f"--only {only}: expected {METRICS}, {CARD} or {TRAINED}")
    if dry_run and only in (CARD, TRAINED):
        raise ConfigError(f"--dry-run: --only {only} trains nothing; leave one of them out")
    folder = find_model(model)
    if only == CARD:
        _card(output, folder)
        return
    recipe, study = load(Recipe, folder / RECIPE_FILE), load(Study, folder / STUDY_FILE)
    chosen = _seeds(study, seeds)
    root = out or OUT / "reproduce" / recipe.name
    if only == TRAINED:
        _hand_on(output, folder, root, chosen, known)
        return
    check_goals(recipe, study)
    before = _published(folder)
    if trainings(folder / TRAINED):
        known = (*known, folder / TRAINED)
    plan = [
        seed_jobs(recipe, study, seed=seed, out=root, data=data, options=options, known=known)
        for seed in chosen
    ]
    if dry_run:
        _tell_plan(output, plan, root, told=before.seeds(recipe, study))
        return
    for each in plan:
        if only == METRICS:
            _refuse_untrained(each)
        _run(output, each)
    _write(output, _joined(recipe, study, plan, before), folder=folder, root=root)


def _hand_on(
    output: Output, folder: Path, root: Path, seeds: tuple[int, ...], known: tuple[Path, ...]
) -> None:
    """Put what is trained into the model's folder, from which another machine takes it."""
    from hwflow.reproduce.hand_on import hand_on

    size = hand_on(folder, root, seeds, known)
    if size > HEAVY:
        output.note(f"more than {HEAVY / 1e6:.0f} MB: heavy for a repository")
    place = shown(folder / TRAINED)
    data = {"command": "reproduce", "only": TRAINED, "trained": place, "bytes": size}
    output.result(data, f"{place}: {size / 1e6:.1f} MB")


def _published(folder: Path) -> Published:
    """Look at the model's card before hours of training, not behind them."""
    from hwflow.reproduce.published import published

    return published(folder)


def find_model(told: str) -> Path:
    """Return the folder of a model with a study, given that folder or its name below ``models``.

    Raises:
        ConfigError: there is none; lists those that there are.
    """
    checkout = Path(str(resources.files("hwflow"))).parent
    roots = [Path("models"), checkout / "models"]
    for path in (Path(told).resolve(), *((root / told).resolve() for root in roots)):
        if path.name:  # the root of the file system is no model
            settle(path)
        if (path / STUDY_FILE).is_file() and (path / RECIPE_FILE).is_file():
            return path
    there = {path.parent.name for root in roots for path in root.glob(f"*/{STUDY_FILE}")}
    raise ConfigError(
        f"{told}: expected a folder with {RECIPE_FILE} and {STUDY_FILE}, or the name of such a "
        f"folder in models/; there are: {', '.join(sorted(there)) or 'none'}"
    )


def _seeds(study: Study, wanted: tuple[int, ...]) -> tuple[int, ...]:
    unknown = [seed for seed in wanted if seed not in study.seeds]
    if unknown:
        raise ConfigError(
            f"--seeds: {unknown[0]} is not one of the study's, {list(study.seeds)}; add it to "
            f"{STUDY_FILE} or leave it out"
        )
    return tuple(seed for seed in study.seeds if not wanted or seed in wanted)


def _run(output: Output, plan: SeedJobs) -> None:
    count = len(plan.variants)
    for number, each in enumerate(plan.variants, start=1):
        what = f"{each.variant.name} ({number} of {count}): {each.variant.about}"
        output.note(f"[bold]seed {plan.seed}[/], {escape(what)}")
        for job in each.chain:
            work(output, job)
    work(output, plan.comparison)


def _refuse_untrained(plan: SeedJobs) -> None:
    for name, job in plan.steps:
        if job.step.name in _TRAINS and not job.is_complete():
            raise ConfigError(
                f"--only {METRICS}: seed {plan.seed}, {name}: `{job.step.name}` is not done, or "
                "for another recipe; run `hwflow reproduce` without --only"
            )


def _tell_plan(
    output: Output, plan: list[SeedJobs], root: Path, *, told: Mapping[int, SeedMetrics]
) -> None:
    """Say what is done and what remains; what reads a step that remains, remains too.

    ``told``: seeds that the card has.
    """
    rows: list[Data] = []
    for each in plan:
        missing: set[Path] = set()
        for name, job in each.steps:
            inputs = set(job.step.inputs.values())
            remains = bool(inputs & missing) or not all(path.exists() for path in inputs)
            if remains or not job.is_complete():
                missing.add(job.step.out)
            done = job.step.out not in missing
            rows.append({"seed": each.seed, "variant": name, "step": job.step.name, "done": done})
    remaining = sum(not row["done"] for row in rows)
    lines = [
        f"seed {row['seed']}  {row['variant']:<13} {row['step']:<8} "
        + ("done" if row["done"] else "remains")
        for row in rows
    ]
    lines.append(f"{remaining} of {len(rows)} steps remain in {shown(root)}")
    if told:
        lines.append(f"the card has seeds {sorted(told)} already; --seeds adds others to them")
    data = {
        "command": "reproduce",
        "out": shown(root),
        "dry_run": True,
        "steps": rows,
        "told": sorted(told),
    }
    output.result(data, "\n".join(lines))


def _joined(recipe: Recipe, study: Study, plan: list[SeedJobs], before: Published) -> Joined:
    from hwflow.reproduce.assemble import SEED_FILE
    from hwflow.reproduce.metrics import SeedMetrics
    from hwflow.reproduce.published import join

    found = {
        each.seed: (
            load(SeedMetrics, each.comparison.step.out / SEED_FILE),
            each.bundle_of(headline(recipe)),
        )
        for each in plan
    }
    return join(recipe, study, found, before)


def _write(output: Output, joined: Joined, *, folder: Path, root: Path) -> None:
    from hwflow.reproduce.card import write_documents
    from hwflow.reproduce.publish import publish

    write_documents(joined.metrics, root)
    if joined.missing:
        output.note(f"{shown(folder)} is left as it is: {joined.missing}")
    else:
        publish(joined.metrics, folder, bundle_dir=joined.bundle_dir)
    _tell(output, joined.metrics, root if joined.missing else folder)


def _card(output: Output, folder: Path) -> None:
    from hwflow.reproduce.card import write_documents
    from hwflow.reproduce.metrics import METRICS_FILE, Metrics

    if not (folder / METRICS_FILE).is_file():
        raise ConfigError(f"{folder}: no {METRICS_FILE}; run `hwflow reproduce` without --only")
    metrics = load(Metrics, folder / METRICS_FILE)
    write_documents(metrics, folder)
    _tell(output, metrics, folder)


def _tell(output: Output, metrics: Metrics, place: Path) -> None:
    from hwflow.reproduce.metrics import CARD_FILE
    from hwflow.reproduce.verdict import claim

    goals = [told.model_dump(mode="json") for told in metrics.goals]
    claims = {c.cascade: claim(metrics, c.cascade) for c in metrics.bundle.comparisons}
    lines = [
        f"{'met   ' if told.met else 'missed'} {told.goal.figure}: "
        + ("none" if told.got is None else f"{told.got:.4g}")
        for told in metrics.goals
    ]
    data = {
        "command": "reproduce",
        "card": shown(place / CARD_FILE),
        "seeds": [each.seed for each in metrics.seeds],
        "goals": goals,
        "claims": claims,
        "summary": {name: told.model_dump() for name, told in metrics.summary.items()},
    }
    text = "\n".join([*lines, claims[metrics.headline].replace("**", ""), f"{data['card']}"])
    output.result(data, escape(text))
