"""Command lines of ``hwflow bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwflow.cli import bench
from hwflow.cli.lines.options import (
    Data,
    Json,
    RecordFile,
    Sections,
    Verbose,
)
from hwflow.cli.session import start


def bench_generator(
    only: Sections = None,
    builds: Annotated[Path, typer.Option("--builds", help="Folder of the designs.")] = bench.BUILDS,
    record: RecordFile = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to work in.")] = bench.OUT,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure the accelerator generator; accelerators made before are reused."""
    bench.generator(
        start(json, verbose), builds=builds, out=out, record=record, only=tuple(only or ())
    )


def bench_cascade(
    only: Sections = None,
    record: RecordFile = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to work in.")] = bench.CASCADE_OUT,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure the cascade controller: soak, throughput, latency, area, mutation.

    About half an hour on two cores, most of it for mutation, which keeps what became of each
    mutant.
    """
    bench.cascade(start(json, verbose), out=out, record=record, only=tuple(only or ()))


def bench_train(
    only: Sections = None,
    data: Data = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of torch.")] = 2,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=0, help="Of the speed section; 0 for the recipe's.")
    ] = 0,
    record: RecordFile = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to work in.")] = bench.TRAIN_OUT,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure training: speed, time to an accuracy, kills at random moments, exactness."""
    bench.train(
        start(json, verbose),
        data=data,
        threads=threads,
        batch_size=batch_size,
        out=out,
        record=record,
        only=tuple(only or ()),
    )


def bench_document(
    path: Annotated[Path, typer.Argument(help="The document, such as README.md.")],
    record: Annotated[Path, typer.Option(help="The record of a bench.")] = bench.RECORD,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Instead: a folder of models, for the table of those reproduced.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Write the tables of a bench's record, or of the models' cards, into a document."""
    bench.document(start(json, verbose), path, record=record, models=models)


def bench_cost(
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the cost models anew to their runs first.")
    ] = False,
    runs: Annotated[
        bool,
        typer.Option("--runs", help="Synthesise what has changed, up to an hour; then fit anew."),
    ] = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Tell how well the cost models fit the runs behind them."""
    bench.cost(start(json, verbose), runs=runs, refit=refit)
