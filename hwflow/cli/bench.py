"""``hwflow bench``: measure what hwflow claims, print each figure with its goal, record them."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from hwflow.bench.figures import Figure
from hwflow.bench.record import Record
from hwflow.cli.output import Output, shown
from hwflow.errors import ConfigError

OUT = Path("out") / "bench" / "generator"
BUILDS = Path("builds")
RECORD = BUILDS / "generator.json"
CASCADE_OUT = Path("out") / "bench" / "cascade"
TRAIN_OUT = Path("out") / "bench" / "train"


def generator(
    output: Output, *, builds: Path, out: Path, record: Path | None, only: tuple[str, ...]
) -> None:
    """Measure the accelerator generator."""
    from hwflow.bench import generator as bench
    from hwflow.bench.record import RECORD_FILE

    file = record or out / RECORD_FILE
    place = bench.Bench(builds=builds.absolute(), root=out.absolute())
    with output.progress("bench") as progress:
        found = bench.run(place, file, only=only, progress=progress)
    _tell(output, "bench generator", found, only or tuple(bench.SECTIONS), file)


def cascade(output: Output, *, out: Path, record: Path | None, only: tuple[str, ...]) -> None:
    """Measure the cascade controller."""
    from hwflow.bench.cascade import sections as bench
    from hwflow.bench.record import RECORD_FILE

    file = record or out / RECORD_FILE
    # The tests that mutants meet which the soak does not find are no part of an installed wheel.
    repository = Path.cwd() if (Path("sim") / "common").is_dir() else None
    place = bench.Bench(root=out.absolute(), repository=repository)
    with output.progress("bench") as progress:
        found = bench.run(place, file, only=only, progress=progress)
    _tell(output, "bench cascade", found, only or tuple(bench.SECTIONS), file)


def train(
    output: Output,
    *,
    data: Path | None,
    threads: int,
    batch_size: int,
    out: Path,
    record: Path | None,
    only: tuple[str, ...],
) -> None:
    """Measure the training engine."""
    from hwflow.bench import train as bench
    from hwflow.bench.record import RECORD_FILE

    file = record or out / RECORD_FILE
    place = bench.Bench(
        root=out.absolute(),
        data=None if data is None else data.absolute(),
        threads=threads,
        batch_size=batch_size,
    )
    with output.progress("bench") as progress:
        found = bench.run(place, file, only=only, progress=progress)
    _tell(output, "bench train", found, only or tuple(bench.SECTIONS), file)


def _tell(
    output: Output, command: str, record: Record, sections: tuple[str, ...], file: Path
) -> None:
    figures = [figure for name in sections for figure in record.sections[name].figures]
    data = {
        "command": command,
        "record": shown(file),
        "figures": [figure.model_dump(mode="json") for figure in figures],
    }
    output.result(data, table(figures), f"Recorded in [bold]{escape(shown(file))}[/]")


def document(output: Output, path: Path, *, record: Path, models: Path | None) -> None:
    """Write the tables of a record into a document, or the one of ``models``."""
    from hwflow.bench.document import fill, replaced
    from hwflow.bench.record import read_any

    for file in (path, record) if models is None else (path,):
        if not file.is_file():
            raise ConfigError(f"{file}: no such file")
    old = path.read_text(encoding="utf-8")
    if models is None:
        new = fill(old, read_any(record), source=shown(path))
    else:
        from hwflow.reproduce.headline import PLACE, read_models, table

        new = replaced(old, PLACE, table(read_models(models)), shown(path))
    if new != old:
        path.write_text(new, encoding="utf-8")
    what = "changed" if new != old else "unchanged"
    output.result({"command": "bench document", "file": shown(path), "result": what}, what)


def cost(output: Output, *, runs: bool, refit: bool) -> None:
    """Tell how well the cost models fit, after making runs and fit anew if so asked."""
    from hwflow.bench import cost as bench
    from hwflow.cost.model import fits

    with output.progress("bench") as progress:
        if runs:
            found = bench.remake(progress=progress)
        elif refit:
            found = bench.refit()
        else:
            found = fits()
    figures = list(bench.fit_figures(found))
    data = {
        "command": "bench cost",
        "figures": [figure.model_dump(mode="json") for figure in figures],
    }
    output.result(data, table(figures))


def table(figures: list[Figure]) -> Table:
    """Return ``figures`` for a terminal."""
    rows = Table(title="hwflow bench", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("figure", "value", "goal", "", "provenance", "of what"):
        rows.add_column(heading)
    for figure in figures:
        holds = {True: "[green]holds[/]", False: "[bold red]missed[/]", None: ""}[figure.holds]
        rows.add_row(
            escape(figure.name),
            f"{figure.value:g} {escape(figure.unit)}",
            figure.goal or "",
            holds,
            figure.provenance,
            escape(figure.note),
        )
    return rows
