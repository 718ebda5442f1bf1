"""Command lines from a recipe to a calibrated bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwflow.cli import commands
from hwflow.cli.calibrate import Target
from hwflow.cli.calibrate import calibrate as run_calibrate
from hwflow.cli.data import data as show_data
from hwflow.cli.evaluate import EvaluateOptions
from hwflow.cli.evaluate import evaluate as run_evaluate
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
from hwflow.cli.session import start
from hwflow.cli.train import train as run_train
from hwflow.config.data_root import DataRoot
from hwflow.config.train_options import (
    CHECKPOINT_SECONDS,
    DEFAULT_THREADS,
    DeviceKind,
    TrainOptions,
)
from hwflow.config.training import Precision


def train(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml")],
    data: Data = None,
    download: Download = False,
    device: Annotated[
        DeviceKind, typer.Option("--device", help="Where to train.")
    ] = DeviceKind.CPU,
    devices: Annotated[
        int, typer.Option("--devices", min=1, help="How many of them, one process each.")
    ] = 1,
    threads: Annotated[
        int, typer.Option("--threads", min=1, help="Threads of torch in each process.")
    ] = DEFAULT_THREADS,
    precision: Annotated[
        Precision | None,
        typer.Option("--precision", help="Replaces the stages' own.", show_default=False),
    ] = None,
    checkpoint_seconds: Annotated[
        float,
        typer.Option("--checkpoint-seconds", min=0, help="Work that a kill may cost at most."),
    ] = CHECKPOINT_SECONDS,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files beside the CSV.")
    ] = False,
    target_ii: Annotated[
        int | None,
        typer.Option(
            "--target-ii",
            min=1,
            help="With --dry-run: what to expect in hardware at so many cycles a frame.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    seed: Seed = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Train the stages of a recipe; after an interruption, the same line goes on."""
    run_train(
        start(json, verbose),
        recipe,
        data=DataRoot(data, download=download),
        out=out,
        seed=seed,
        precision=precision,
        overrides=tuple(set_ or ()),
        options=TrainOptions(
            threads=threads,
            device=device,
            devices=devices,
            checkpoint_seconds=checkpoint_seconds,
            tensorboard=tensorboard,
        ),
        target_ii=target_ii,
        dry_run=dry_run,
    )


def data_(
    what: Annotated[str, typer.Argument(help="Name of a data set, such as mnist, or recipe.yaml.")],
    data: Data = None,
    download: Download = False,
    set_: Set = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Verify the files of a data set, and show its splits and classes."""
    show_data(
        start(json, verbose),
        what,
        root=DataRoot(data, download=download),
        overrides=tuple(set_ or ()),
    )


def export(
    train_dir: Annotated[Path, typer.Argument(help="Folder written by `hwflow train`.")],
    data: Data = None,
    out: Out = None,
    set_: Set = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Export trained stages as QONNX, check them, choose the thresholds."""
    commands.export(
        start(json, verbose),
        train_dir,
        data=DataRoot(data),
        out=out,
        overrides=tuple(set_ or ()),
        dry_run=dry_run,
    )


def evaluate(
    source: Annotated[
        Path, typer.Argument(help="Folder written by `hwflow export` or `hwflow train`.")
    ],
    split: Annotated[
        str, typer.Option("--split", metavar="test|validation", help="Frames to measure on.")
    ] = "test",
    score: Annotated[
        list[str] | None,
        typer.Option(
            "--score",
            metavar="NAME",
            help="Confidence to compare: margin, max_softmax, neg_entropy, gbvsb_M_N; "
            "repeat for more.",
            show_default="all",
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=20, help="Draws of the bootstrap.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    data: Data = None,
    set_: Set = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure stages and cascade on one split: accuracy, intervals, work, scores, curves.

    The test split is only measured: thresholds and temperatures come from validation frames.
    """
    run_evaluate(
        start(json, verbose),
        source,
        data=DataRoot(data),
        options=EvaluateOptions(
            split=split,
            scores=tuple(score or ()),
            resamples=resamples,
            seed=seed,
            overrides=tuple(set_ or ()),
        ),
    )


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Folder written by `hwflow export`.")],
    eps: Annotated[
        float | None,
        typer.Option(
            "--eps", help="Lose at most so much accuracy, a fraction.", show_default=False
        ),
    ] = None,
    criterion: Annotated[
        str | None,
        typer.Option(
            "--criterion",
            metavar="accuracy|losses",
            help="What --eps counts: the difference of accuracies, or frames lost.",
            show_default="accuracy",
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            "--confidence",
            help="Keep --eps on new frames too, with this confidence, such as 0.95.",
            show_default=False,
        ),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            "--target-accuracy", help="Reach this accuracy, a fraction.", show_default=False
        ),
    ] = None,
    target_exit_rate: Annotated[
        str | None,
        typer.Option(
            "--target-exit-rate",
            metavar="RATE[,RATE]",
            help="Let so many of the frames that reach a decision leave there, a fraction; one "
            "number, or one per stage but the last.",
            show_default=False,
        ),
    ] = None,
    target_bops: Annotated[
        float | None,
        typer.Option(
            "--target-bops", help="Take at most so many BOPs per frame.", show_default=False
        ),
    ] = None,
    score: Annotated[
        str,
        typer.Option(
            "--score",
            metavar="NAME",
            help="margin, as in hardware; or another, to see what it would do.",
        ),
    ] = "margin",
    frames: Annotated[
        Path | None,
        typer.Option(
            "--frames",
            metavar="FILE.npz",
            help="Labelled frames to choose on: arrays 'frames' (uint8, NHWC) and 'label'.",
            show_default="the bundle's validation scores",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write.", show_default="calibrated, beside BUNDLE"),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Choose other thresholds for a bundle, on validation frames; write it with them."""
    run_calibrate(
        start(json, verbose),
        bundle,
        target=Target(
            eps=eps,
            criterion=criterion,
            confidence=confidence,
            accuracy=target_accuracy,
            exit_rate=target_exit_rate,
            bops=target_bops,
        ),
        score=score,
        frames=frames,
        out=out,
        dry_run=dry_run,
    )
