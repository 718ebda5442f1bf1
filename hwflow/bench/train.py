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

from hwflow.bench import train_recipes
from hwflow.bench.commands import run_hwflow
from hwflow.bench.figures import figure
from hwflow.bench.record import Record
from hwflow.bench.sections import Result, measure
from hwflow.bench.train_kill import kill_at_random
from hwflow.config.recipe import Recipe
from hwflow.log import Progress, silent

BENCH = "train"
FRAME = (32, 32, 1)
SPEED_STEPS, SPEED_ROUNDS = 4, 5
KILLS = 20


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
    """Images per second of a quantised step, against a plain Brevitas loop and the float one."""
    del progress  # a matter of seconds
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
        told = (
            f"32×32, batch {size}, {bench.threads} threads; images/s: {found.fast:,.0f} in bf16, "
            f"{found.brevitas:,.0f} of a plain Brevitas loop, {found.float_:,.0f} of a plain float "
            f"one, both float32; medians of {SPEED_ROUNDS} rounds of {SPEED_STEPS} steps in turn"
        )
        figures += [
            figure(
                f"{name}, images/s against a plain Brevitas loop",
                round(found.over_brevitas, 2),
                "times",
                provenance="measured",
                goal=("≥", 1.3),
                note=told,
            ),
            figure(
                f"{name}, images/s against the float network",
                round(found.over_float, 2),
                "times",
                provenance="measured",
                note=told,
            ),
        ]
    return Result(tuple(figures), details)


def accuracy(bench: Bench, progress: Progress) -> Result:
    """Wall time on Fashion-MNIST to the validation accuracy that plain training ends with."""
    del progress  # its steps are commands of their own
    figures, details = [], {}
    for name in train_recipes.NETWORKS:
        short = name.split()[0].lower()
        plain = _epochs(bench.train(f"{short}_plain", train_recipes.plain(name)))
        ours = _epochs(bench.train(f"{short}_ours", train_recipes.ours(name)))
        wanted = max(reached for _, reached in plain)
        in_plain, in_ours = _seconds_to(plain, wanted), _seconds_to(ours, wanted)
        details[name] = {"plain": plain, "ours": ours}
        best = max(reached for _, reached in ours)
        took = "never" if in_ours is None else f"{in_ours:,.0f} s"
        figures.append(
            figure(
                f"{name}, wall time to equal validation accuracy",
                # Where it is never reached, no ratio holds.
                round(in_ours / in_plain, 3) if in_ours is not None and in_plain else 1e9,
                "ratio",
                provenance="measured",
                goal=("≤", 0.5),
                note=f"{wanted:.4f} of 5,000 frames: {in_plain:,.0f} s in {len(plain)} epochs "
                f"from random weights in Brevitas, float32; {took} by float start and bf16, which "
                f"reach {best:.4f}; {bench.threads} threads, seed {train_recipes.SEED}",
            )
        )
    return Result(tuple(figures), details)


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


def _epochs(folder: Path) -> list[tuple[float, float]]:
    """Return (seconds so far, validation accuracy) after each epoch of quantised training."""
    found, seconds = [], 0.0
    with (folder / "stage0.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            seconds += float(row["seconds"])
            if row["phase"] != "float":
                found.append((seconds, float(row["validation_accuracy"])))
    return found


def _seconds_to(epochs: Sequence[tuple[float, float]], wanted: float) -> float | None:
    return next((seconds for seconds, reached in epochs if reached >= wanted), None)


TOOLS = ("torch", "brevitas", "lightning-fabric", "numpy")
SECTIONS: dict[str, Callable[[Bench, Progress], Result]] = {
    "speed": speed,
    "accuracy": accuracy,
    "kill": kill,
    "exact": exact,
}
