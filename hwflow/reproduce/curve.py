"""``curve.svg``: accuracy against average BOPs of the cascades, beside single networks."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import cycle

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from hwflow.report.plots import BLUE, GREEN, GREY, GRID, INK, MUTED, ORANGE
from hwflow.reproduce.metrics import CurveMetrics, Metrics
from hwflow.reproduce.variants import JOINT, PRUNED, SEPARATE

COLOURS = {SEPARATE: MUTED, JOINT: BLUE, PRUNED: ORANGE}
OTHERS = ("#8250df", "#bf3989", "#0a7ea4")  # of more cascades, in turn
MEGA = 1e6
INCHES = (9.0, 5.4)
# The same numbers give the same bytes on the same processor, with words as text that can be
# searched and styled.
STYLE = {
    "svg.hashsalt": "hwflow",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def draw(metrics: Metrics) -> str:
    """Return the chart of the seed whose networks are committed, on test frames."""
    one = metrics.bundle
    shown = {v.name: v.curve for v in one.variants if v.curve is not None}
    with rc_context(STYLE):
        figure = Figure(INCHES, layout="constrained")
        axes = figure.add_subplot()
        n = next(iter(shown.values())).n
        axes.set_title(f"{metrics.recipe.name}, seed {one.seed}, {n:,} test frames", loc="left")
        axes.set_xscale("log")
        axes.set_xlabel("million BOPs per frame, average")
        axes.set_ylabel("accuracy (%)")
        headline = shown[metrics.headline]
        _line(axes, "random routing", headline, headline.random, GREY, ":")
        _line(axes, "ideal routing", headline, headline.oracle, GREEN, "--")
        others = cycle(OTHERS)
        for name, curve in shown.items():
            colour = COLOURS.get(name) or next(others)
            _line(axes, name, curve, curve.accuracy, colour, "-")
            policy = one.variant(name).policy["test"]
            at = (policy.avg_bops.value / MEGA, 100 * policy.accuracy.value)
            axes.plot(*at, "D", color=colour, gid=f"policy {name}")
        for single in one.singles:
            at = (single.bops.value / MEGA, 100 * single.accuracy["test"].value)
            axes.plot(*at, "o", color=INK, markerfacecolor="white", gid=f"single {single.name}")
            axes.annotate(single.name, at, xytext=(6, -12), textcoords="offset points")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        figure.legend(loc="outside upper left", ncols=5, frameon=False)
        written = StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _line(
    axes: Axes,
    name: str,
    curve: CurveMetrics,
    values: Sequence[float],
    colour: str,
    dash: str,
) -> None:
    """Draw accuracies (fractions) over the curve's BOPs."""
    width = 2.5 if dash == "-" else 1.5
    millions = [bops / MEGA for bops in curve.avg_bops]
    percent = [100 * value for value in values]
    axes.plot(millions, percent, dash, color=colour, linewidth=width, label=name, gid=name)
