"""Command lines of the whole flow, and of what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwflow.cli import commands
from hwflow.cli.lines.options import (
    Data,
    Download,
    DryRun,
    Json,
    Out,
    Seed,
    Set,
    Verbose,
)
from hwflow.cli.reproduce import CARD, METRICS
from hwflow.cli.reproduce import reproduce as run_reproduce
from hwflow.cli.session import start
from hwflow.config.data_root import DataRoot
from hwflow.config.train_options import DEFAULT_THREADS, DeviceKind, TrainOptions
from hwflow.errors import ConfigError
from hwflow.reproduce.folder import TRAINED


def demo(
    out: Out = None,
    seed: Seed = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Train, build and prove the two-stage digits cascade, and write a report."""
    commands.demo(
        start(json, verbose), out=out, seed=seed, overrides=tuple(set_ or ()), dry_run=dry_run
    )


def reproduce(
    model: Annotated[str, typer.Argument(help="Name of a model in models/, or its folder.")],
    data: Data = None,
    download: Download = False,
    threads: Annotated[
        int, typer.Option("--threads", min=1, help="Threads of torch.")
    ] = DEFAULT_THREADS,
    device: Annotated[
        DeviceKind, typer.Option("--device", help="Where to train.")
    ] = DeviceKind.CPU,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", metavar="1,2", help="Some of the study's seeds.", show_default="all"
        ),
    ] = None,
    out: Out = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar=f"{METRICS}|{CARD}|{TRAINED}",
            help="Measure and compare what is trained; write the card of metrics.json anew; or put "
            "what is trained into the model's folder, for another machine.",
            show_default=False,
        ),
    ] = None,
    known: Annotated[
        list[Path] | None,
        typer.Option(
            "--known",
            metavar="DIR",
            help="Take equal stages from trainings below this folder; repeat for more.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Train, export and compare every variant of a model, and write its card.

    What is done is reused; after an interruption the same line goes on. The model's folder gets
    card, metrics, chart and networks; seeds that its card has already stay in it.
    """
    output = start(json, verbose)
    run_reproduce(
        output,
        model,
        data=DataRoot(data, download=download),
        seeds=_numbers(seeds),
        out=out,
        only=only,
        options=TrainOptions(threads=threads, device=device),
        known=tuple(known or ()),
        dry_run=dry_run,
    )


def _numbers(told: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in told.split(",")) if told else ()
    except ValueError as error:
        raise ConfigError(f"--seeds {told}: expected numbers with commas, such as 1,2") from error


def doctor(json: Json = False, verbose: Verbose = 0) -> None:
    """List tools and versions, and what the absence of each disables."""
    commands.doctor(start(json, verbose))
