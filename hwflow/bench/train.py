"""``hwflow bench train``: the figures of the training engine, section by section.

Trainings are made by the commands that a user runs, into folders that a later run reuses or goes
on with.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hwflow.bench import train_recipes
from hwflow.bench.commands import run_hwflow
from hwflow.bench.figures import Figure, figure
from hwflow.bench.record import Record
from hwflow.bench.sections import Result, measure
from hwflow.bench.train_kill import kill_at_random
from hwflow.config.recipe import Recipe
from hwflow.config.train_options import ON_CPU
from hwflow.log import Progress, silent

if TYPE_CHECKING:
    from hwflow.train.speed import Speeds

BENCH = "train"
FRAME = (32, 32, 1)
SPEED_STEPS, SPEED_ROUNDS = 4, 5
KILLS = 20

Epochs = Sequence[tuple[float, float]]
"""(seconds so far, validation accuracy) after each."""


@dataclass(frozen=True)
class Bench:
    """Where a bench works, and how much.

    ``root``: folder for what is made; ``data``: the data sets' folder, or none for the usual one.
    ``threads`` of torch; ``batch_size`` of the speed section, 0 for the recipes' own.
    """

    root: Path
    data: Path | None = None
    threads: int = 2
    batch_size: int = 0

    def train(self, name: str, recipe: Recipe) -> Path:
        """Train ``recipe``, or what is left of it, and return its folder."""
        file = write_recipe(recipe, self.root / f"{name}.json")
        options: tuple[object, ...] = ("--threads", self.threads)
        if self.data is not None:
            options += ("--data", self.data)
        out = self.root / name
        run_hwflow("train", file, "--out", out, *options, log=self.root / f"{name}.log")
        return out


def run(
    bench: Bench, record_file: Path, *, only: Sequence[str] = (), progress: Progress = silent
) -> Record:
    """Measure the sections ``only`` (all if none) and return the record with them.

    Each section goes to ``record_file`` once it is done.

    Raises:
        ConfigError: an unknown section, or a place that cannot be written.
    """
    sections = {name: partial(part, bench) for name, part in SECTIONS.items()}
    return measure(
        BENCH, sections, record_file, out=bench.root, only=only, progress=progress, tools=TOOLS
    )


def speed(bench: Bench, progress: Progress) -> Result:
    """Images per second of a quantised step, against plain loops on Brevitas and the float net."""
    del progress  # a matter of seconds
    from hwflow.train.launch import computed
    from hwflow.train.speed import measure as measure_speed

    figures, details = [], {}
    for name in train_recipes.NETWORKS:
        (stage,) = train_recipes.ours(name).stages
        size = bench.batch_size or stage.training.batch_size
        training = stage.training.model_copy(update={"batch_size": size})
        found = measure_speed(
            stage.model_copy(update={"training": training}),
            FRAME,
            threads=bench.threads,
            steps=SPEED_STEPS,
            rounds=SPEED_ROUNDS,
        )
        details[name] = {**vars(found), "batch_size": size, "threads": bench.threads}
        told = f"32×32, batch {size}, {bench.threads} threads"
        precision = computed(training.precision, ON_CPU.device)
        figures += speed_figures(name, found, precision, told)
    return Result(tuple(figures), details)


def speed_figures(name: str, found: Speeds, precision: str, told: str) -> list[Figure]:
    """Return the ratios of ``found``; the goal is that of the recipe's ``precision``."""
    note = (
        f"{told}; images/s: {found.ours:,.0f} in {precision}, {found.ours_float32:,.0f} in "
        f"float32, {found.brevitas:,.0f} of a plain Brevitas loop, {found.float_:,.0f} of a plain "
        f"float one, both float32; medians of {SPEED_ROUNDS} rounds of {SPEED_STEPS} steps in turn"
    )
    times = partial(figure, unit="times", provenance="measured", note=note)
    return [
        times(
            f"{name}, images/s in {precision} against a plain Brevitas loop in float32",
            round(found.over_brevitas, 2),
            goal=("≥", 1.3),
        ),
        times(
            f"{name}, images/s against a plain Brevitas loop, both float32",
            round(found.over_brevitas_float32, 2),
        ),
        times(
            f"{name}, images/s in {precision} against the float network in float32",
            round(found.over_float, 2),
        ),
    ]


def accuracy(bench: Bench, progress: Progress) -> Result:
    """Wall time on Fashion-MNIST to the best validation accuracy of an epoch of plain training.

    Each side's time is that to the end of its first epoch at or above it.
    """
    del progress  # its steps are commands of their own
    from hwflow.train.launch import computed

    figures, details = [], {}
    for name in train_recipes.NETWORKS:
        short = name.split()[0].lower()
        plain = epochs_of(bench.train(f"{short}_plain", train_recipes.plain(name)))
        ours = epochs_of(bench.train(f"{short}_ours", train_recipes.ours(name)))
        details[name] = {"plain": plain, "ours": ours}
        told = f"{bench.threads} threads, seed {train_recipes.SEED}"
        asked = train_recipes.ours(name).stages[0].training.precision
        precision = computed(asked, ON_CPU.device)
        figures.append(accuracy_figure(name, plain, ours, precision, told))
    return Result(tuple(figures), details)


def accuracy_figure(name: str, plain: Epochs, ours: Epochs, precision: str, told: str) -> Figure:
    """Return the ratio of the times to the best accuracy of ``plain``; 1e9 if never reached."""
    wanted = max(reached for _, reached in plain)
    in_plain, in_ours = seconds_to(plain, wanted), seconds_to(ours, wanted)
    assert in_plain is not None, "the best is reached"
    best = max(reached for _, reached in ours)
    took = "never" if in_ours is None else f"{in_ours:,.0f} s"
    return figure(
        f"{name}, wall time to equal validation accuracy",
        # Where it is never reached, no ratio holds.
        1e9 if in_ours is None else round(in_ours / in_plain, 3),
        "ratio",
        provenance="measured",
        goal=("≤", 0.5),
        note=f"{wanted:.4f} of 5,000 frames, the best epoch's: {in_plain:,.0f} s in {len(plain)} "
        f"epochs from random weights in Brevitas, float32; {took} by float start and {precision}, "
        f"which reach {best:.4f}; {told}",
    )


def kill(bench: Bench, progress: Progress) -> Result:
    """Trainings killed at random moments and begun again, against one left alone."""
    del progress  # its steps are commands of their own
    recipe = train_recipes.killed()
    file = write_recipe(recipe, bench.root / "killed.json")
    found = kill_at_random(file, bench.root / "killed", times=KILLS, seed=train_recipes.SEED)
    count = figure(
        "trainings killed at a random moment, final weights equal",
        found.equal,
        f"of {found.killed}",
        provenance="measured",
        goal=("=", KILLS),
        note=f"kill -9, then the same command again; byte for byte; moments of seed "
        f"{train_recipes.SEED}, over {found.seconds:.1f} s of float, 4-bit and binary training "
        "with a checkpoint after every step",
    )
    return Result((count,), {"moments_s": found.moments})


def exact(bench: Bench, progress: Progress) -> Result:
    """Integers in which trained network, file, integer network and hardware graph differ."""
    from hwflow.bench.train_exact import exact as compare_all

    return compare_all(
        bench.root / "exact", data=bench.data, threads=bench.threads, progress=progress
    )


def write_recipe(recipe: Recipe, path: Path) -> Path:
    """Write ``recipe`` to ``path`` and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(recipe.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def epochs_of(folder: Path) -> Epochs:
    """Return each epoch of quantised training; the seconds count the float ones before, too."""
    found, seconds = [], 0.0
    with (folder / "stage0.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            seconds += float(row["seconds"])
            if row["phase"] != "float":
                found.append((seconds, float(row["validation_accuracy"])))
    return found


def seconds_to(epochs: Epochs, wanted: float) -> float | None:
    """Return the seconds to the first epoch at or above ``wanted``; None if there is none."""
    return next((seconds for seconds, reached in epochs if reached >= wanted), None)


TOOLS = ("torch", "brevitas", "lightning-fabric", "numpy")
SECTIONS: dict[str, Callable[[Bench, Progress], Result]] = {
    "speed": speed,
    "accuracy": accuracy,
    "kill": kill,
    "exact": exact,
}
