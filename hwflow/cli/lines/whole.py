"""Command lines of the whole flow, and of what it needs."""

from __future__ import annotations

from hwflow.cli import commands
from hwflow.cli.lines.options import (
    DryRun,
    Json,
    Out,
    Seed,
    Set,
    Verbose,
)
from hwflow.cli.session import start


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


def doctor(json: Json = False, verbose: Verbose = 0) -> None:
    """List tools and versions, and what the absence of each disables."""
    commands.doctor(start(json, verbose))
