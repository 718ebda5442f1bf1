"""The per-layer report as a table for a terminal, and as Markdown."""

from __future__ import annotations

from rich import box
from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from hwflow.config.accelerator import Estimate
from hwflow.report.layers import LayerRow, LayerTable

COLUMNS = (
    "layer",
    "units",
    "MMACs",
    "PE × SIMD",
    "cycles",
    "of II",
    "FIFO words",
    "memory, bits",
    "LUT",
    "FF",
    "BRAM36",
    "DSP",
)
TEXT_COLUMNS = 2


def resources(estimated: Estimate, synthesised: Estimate | None) -> tuple[str, str, str, str]:
    """Return LUTs, flip-flops, BRAM36 and DSPs, each as ``both``."""
    s = synthesised
    return (
        both(estimated.lut, None if s is None else s.lut),
        both(estimated.ff, None if s is None else s.ff),
        both(estimated.bram36, None if s is None else s.bram36),
        both(estimated.dsp, None if s is None else s.dsp),
    )


def both(estimated: float, synthesised: float | None) -> str:
    """Return ``estimated / synthesised``, or the estimate alone."""
    if synthesised is None:
        return f"{estimated:,g}" if estimated % 1 else f"{estimated:,.0f}"
    return f"{both(estimated, None)} / {both(synthesised, None)}"


def folding(row: LayerRow) -> str:
    """Return ``PE × SIMD`` of a row's matrix unit, or what it has of them."""
    return " × ".join(str(value) for value in (row.pe, row.simd) if value is not None)


def cells(row: LayerRow) -> tuple[str, ...]:
    """Return the columns of one row."""
    return (
        row.layer,
        ", ".join(row.units),
        f"{row.macs / 1e6:.2f}" if row.macs else "",
        folding(row),
        f"{row.cycles:,}",
        f"{100 * row.share:.0f} %",
        f"{row.fifo_words:,}" if row.fifo_words else "",
        f"{row.memory_bits:,}" if row.memory_bits else "",
        *resources(row.estimated, row.synthesised),
    )


def total_cells(table: LayerTable) -> tuple[str, ...]:
    """Return the columns of the last row."""
    return (
        "all layers",
        *[""] * (COLUMNS.index("cycles") - 1),
        f"{table.ii_bound_cycles:,}",
        "",
        f"{sum(row.fifo_words for row in table.rows):,}",
        f"{sum(row.memory_bits for row in table.rows):,}",
        *resources(table.estimated, table.synthesised),
    )


def title(table: LayerTable) -> str:
    """Return what the figures of ``table`` are."""
    how = "estimated" if table.synthesised is None else f"estimated / synthesised by {table.tool}"
    paced = any(row.bottleneck for row in table.rows)
    pace = "layers in bold" if paced else f"frames that arrive in {table.ii_bound_cycles:,} cycles"
    return f"{table.stage}: resources {how}; the pace is set by {pace}"


def terminal(table: LayerTable) -> Table:
    """Return ``table`` for a terminal."""
    shown = Table(title=title(table), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    rows = [(cells(row), row.bottleneck) for row in table.rows]
    columns = zip(*(row for row, _ in rows), total_cells(table), strict=True)
    for number, (column, each) in enumerate(zip(COLUMNS, columns, strict=True)):
        # Between words a cell may wrap; a number that is cut off would read as another one.
        least = max(len(word) for cell in each for word in cell.split(" "))
        justify: JustifyMethod = "left" if number < TEXT_COLUMNS else "right"
        shown.add_column(column, justify=justify, min_width=least, overflow="fold")
    for row, bottleneck in rows:
        shown.add_row(*map(escape, row), style="bold" if bottleneck else None)
    shown.add_section()
    shown.add_row(*total_cells(table))
    return shown


def markdown(table: LayerTable) -> str:
    """Return ``table`` as Markdown, as README carries it."""
    head = [
        _line(COLUMNS),
        _line(("---",) * TEXT_COLUMNS + ("---:",) * (len(COLUMNS) - TEXT_COLUMNS)),
    ]
    rows = [
        _line((f"**{row.layer}**" if row.bottleneck else row.layer, *cells(row)[1:]))
        for row in table.rows
    ]
    return "\n".join([*head, *rows, _line(total_cells(table))]) + "\n"


def _line(columns: tuple[str, ...]) -> str:
    return "| " + " | ".join(columns) + " |"
