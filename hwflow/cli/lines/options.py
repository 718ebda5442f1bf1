"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more; repeat.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write.", show_default=False)]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="Replaces the recipe's seed.", show_default=False),
]
PauseSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of random pauses, and of varied images.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Replace one value; repeat for more."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of the data sets.", show_default="$HWFLOW_DATA"
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch what the data set lacks from its publisher.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run, and stop.")]
Sections = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="SECTION", help="Measure this section; repeat for more."),
]
RecordFile = Annotated[
    Path | None,
    typer.Option(
        "--record", help="File that keeps the figures.", show_default="figures.json in --out"
    ),
]
