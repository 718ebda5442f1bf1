"""The report as tables for a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

from hwflow.report.schema import Number, Report


def summary(report: Report) -> list[Table]:
    """Return the run's tables: networks and cascade, hardware, exactness."""
    return [_networks(report), _hardware(report), _exactness(report)]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _percent(number: Number) -> str:
    low, high = number.interval95 or (number.value, number.value)
    return f"{100 * number.value:.2f} % ({100 * low:.1f}–{100 * high:.1f})"


def bits(widths: tuple[int, ...]) -> str:
    """Return bit widths per layer in short: ``8`` or ``8/1/1/1``."""
    return str(widths[0]) if len(set(widths)) == 1 else "/".join(map(str, widths))


def _networks(report: Report) -> Table:
    cascade = report.cascade
    table = _table(
        f"{report.name}: {cascade.n} test frames of {report.dataset}, simulated in RTL",
        "network",
        "weight bits",
        "input bits",
        "accuracy (95 %)",
        "exit rate",
        "MBOPs/frame",
    )
    for stage, rate in zip(report.stages, cascade.exit_rate_per_stage, strict=True):
        table.add_row(
            stage.name,
            bits(stage.weight_bit_width),
            bits(stage.act_bit_width),
            _percent(stage.accuracy),
            f"{100 * rate:.1f} %",
            f"{stage.bops / 1e6:.2f}",
        )
    if len(report.stages) == 1:  # one network is no cascade
        return table
    thresholds = ", ".join(map(str, cascade.threshold_int))
    table.add_row(
        f"[bold]cascade[/] (threshold {thresholds})",
        "",
        "",
        f"[bold]{_percent(cascade.accuracy)}[/]",
        f"[bold]{100 * cascade.exit_rate:.1f} %[/] early",
        f"[bold]{cascade.avg_bops / 1e6:.2f}[/] ({100 * cascade.avg_bops_ratio:.1f} %)",
    )
    table.add_row("  a frame that passes every stage", *[""] * 4, f"{cascade.worst_bops / 1e6:.2f}")
    return table


def _hardware(report: Report) -> Table:
    hardware = report.hardware
    table = _table(
        f"Hardware: {hardware.part}, {hardware.clk_period_ns:g} ns clock assumed",
        "",
        "II simulated",
        "II bound",
        "latency simulated",
        "latency estimated",
    )
    for stage in hardware.stages:
        table.add_row(
            stage.name,
            f"{stage.ii_cycles:,.0f}",
            f"{stage.ii_bound_cycles:,}",
            f"{stage.latency_cycles:,}",
            f"{stage.latency_estimate_cycles:,}",
        )
    table.add_row(
        "[bold]cascade[/]",
        f"[bold]{hardware.ii_cycles:,.0f}[/]",
        f"{hardware.ii_bound_cycles:,.0f}",
        f"[bold]{hardware.latency_cycles:,}[/]",
        f"{hardware.frames_per_second:,.0f} frames/s",
    )
    if report.resources is not None:
        total = report.resources.total
        table.caption = (
            f"all blocks, {report.resources.tool}: {total.lut:,} LUT, {total.ff:,} FF, "
            f"{total.dsp} DSP, {total.bram36:g} BRAM36"
        )
    return table


def _exactness(report: Report) -> Table:
    table = _table("Exactness", "link", "compared", "mismatches", "ties")
    for link in report.exactness:
        colour = "green" if link.mismatches == 0 else "red"
        table.add_row(
            link.link,
            f"{link.compared:,}",
            f"[{colour}]{link.mismatches}[/]",
            str(link.ties),
        )
    return table
