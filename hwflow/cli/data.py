"""``hwflow data``: what there is of a data set, verified, and how it is divided."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from hwflow.cli.files import read_recipe
from hwflow.cli.output import Output, Stopwatch, shown
from hwflow.config.base import parse, set_value
from hwflow.config.data_root import DataRoot
from hwflow.config.dataset import AnyDataset, DatasetChoice, dataset_names
from hwflow.errors import ConfigError

_MOST_ROWS = 20  # classes listed one by one on a terminal; --json has them all

Counts = dict[str, list[int]]


def data(output: Output, what: str, *, root: DataRoot, overrides: tuple[str, ...]) -> None:
    """Verify the data set ``what``, a name or a recipe, and show its splits."""
    from hwflow.data import load

    config = _config(what, overrides)
    watch = Stopwatch()
    with output.progress("data") as progress:
        splits = load(config, root, progress=progress)
    counts: Counts = {subset.split: list(splits.counts(subset)) for subset in splits.subsets}
    sources = [(shown(source.path), source.check) for source in splits.sources]
    told = {
        "command": "data",
        "dataset": config.model_dump(mode="json"),
        "frame_shape": list(splits.frame_shape),
        "classes": list(splits.classes),
        "splits": [
            {"name": name, "n": sum(each), "per_class": each} for name, each in counts.items()
        ],
        "digest": splits.digest,
        "sources": [{"path": path, "check": check} for path, check in sources],
        "seconds": watch.seconds,
    }
    height, width, channels = splits.frame_shape
    table = _table(counts, splits.classes)
    table.title = f"{config.name}: frames of {height}×{width}×{channels}, uint8"
    output.result(told, table, _sources(sources), f"splits: sha256 {splits.digest}")


def _config(what: str, overrides: tuple[str, ...]) -> AnyDataset:
    if what in dataset_names():
        told = {"dataset": {"name": what}}
        for assignment in overrides:
            set_value(told, assignment)
        return parse(DatasetChoice, told, source=f"data set {what}").dataset
    path = Path(what)
    if not path.exists():
        raise ConfigError(
            f"{what}: neither a recipe nor a data set; expected a file, or one of "
            f"{', '.join(dataset_names())}"
        )
    return read_recipe(path, seed=None, overrides=overrides).dataset


def _table(counts: Counts, classes: tuple[str, ...]) -> Table:
    """Return the frames of each split and class."""
    table = Table(title_justify="left")
    table.add_column("class")
    for name in counts:
        table.add_column(name, justify="right")
    if len(classes) <= _MOST_ROWS:
        for index, label in enumerate(classes):
            table.add_row(escape(label), *(f"{each[index]:,}" for each in counts.values()))
    else:
        table.add_row(f"each of {len(classes)}", *(_range(each) for each in counts.values()))
    table.add_section()
    table.add_row("all", *(f"{sum(each):,}" for each in counts.values()))
    return table


def _range(counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _sources(sources: list[tuple[str, str]]) -> Table | str:
    if not sources:
        return "embedded in scikit-learn"
    table = Table(show_header=False)
    for path, check in sources:
        table.add_row(escape(path), escape(check))
    return table
