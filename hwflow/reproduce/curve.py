"""``curve.svg``: accuracy against average BOPs of the cascades, beside single networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hwflow.report.plots import BLUE, FONT, GREEN, GREY, GRID, INK, MUTED, ORANGE
from hwflow.reproduce.metrics import CurveMetrics, Metrics
from hwflow.reproduce.template import render
from hwflow.reproduce.variants import JOINT, PRUNED, SEPARATE

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 62, 48
COLOURS = {SEPARATE: MUTED, JOINT: BLUE, PRUNED: ORANGE}
MEGA = 1e6
_ROUND = (1, 2, 5)


@dataclass(frozen=True)
class Line:
    """A curve: ``points`` as SVG has them; ``dash``: its pattern, or empty."""

    name: str
    points: str
    colour: str
    dash: str


@dataclass(frozen=True)
class Mark:
    """A labelled point."""

    name: str
    x: float
    y: float
    colour: str
    shape: str


@dataclass(frozen=True)
class Tick:
    """A place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Axes:
    """From values to places: BOPs (logarithmic), accuracies (linear)."""

    bops: tuple[float, float]
    accuracy: tuple[float, float]

    def x(self, bops: float) -> float:
        """Return the place of ``bops``."""
        low, high = (math.log(end) for end in self.bops)
        share = (math.log(bops) - low) / (high - low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, accuracy: float) -> float:
        """Return the place of ``accuracy``, a fraction."""
        low, high = self.accuracy
        return round(HEIGHT - BOTTOM - (accuracy - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    def x_ticks(self) -> Iterator[Tick]:
        """Yield round numbers of millions."""
        for power in range(-3, 9):
            for digit in _ROUND:
                value = digit * 10.0**power * MEGA
                if self.bops[0] <= value <= self.bops[1]:
                    yield Tick(self.x(value), f"{value / MEGA:g}")

    def y_ticks(self) -> Iterator[Tick]:
        """Yield about six round percentages."""
        low, high = (100 * end for end in self.accuracy)
        steps = (digit * 10.0**power for power in range(-3, 3) for digit in _ROUND)
        step = next(step for step in steps if (high - low) / step <= 8)
        for number in range(math.ceil(low / step), math.floor(high / step) + 1):
            value = number * step
            yield Tick(self.y(value / 100), f"{value:g}")


def draw(metrics: Metrics) -> str:
    """Return the chart of the seed whose networks are committed, on test frames."""
    one = metrics.bundle
    shown = [(v.name, v.curve) for v in one.variants if v.curve is not None]
    axes = _axes(metrics, [curve for _, curve in shown])
    lines = []
    for name, curve in shown:
        if name == metrics.headline:
            lines += [
                _line(axes, "random routing", curve, curve.random, GREY, "2 4"),
                _line(axes, "ideal routing", curve, curve.oracle, GREEN, "7 4"),
            ]
    lines += [_line(axes, n, curve, curve.accuracy, COLOURS[n], "") for n, curve in shown]
    marks = [
        Mark(s.name, axes.x(s.bops.value), axes.y(s.accuracy["test"].value), INK, "circle")
        for s in one.singles
    ]
    for name, _ in shown:
        policy = one.variant(name).policy["test"]
        x, y = axes.x(policy.avg_bops.value), axes.y(policy.accuracy.value)
        marks.append(Mark("", x, y, COLOURS[name], "diamond"))
    return render(
        "curve.svg.j2",
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        font=FONT.replace("'", ""),
        ink=INK,
        muted=MUTED,
        grid=GRID,
        title=f"{metrics.recipe.name}, seed {one.seed}, {shown[0][1].n:,} test frames",
        lines=lines,
        marks=marks,
        x_ticks=list(axes.x_ticks()),
        y_ticks=list(axes.y_ticks()),
    )


def _axes(metrics: Metrics, curves: Sequence[CurveMetrics]) -> Axes:
    singles = metrics.bundle.singles
    bops = [x for curve in curves for x in curve.avg_bops] + [s.bops.value for s in singles]
    ends = [y for c in curves for y in (*c.accuracy, *c.oracle, *c.random)]
    ends += [s.accuracy["test"].value for s in singles]
    margin = 0.05 * (max(ends) - min(ends)) or 0.01
    return Axes((min(bops) / 1.15, max(bops) * 1.15), (min(ends) - margin, max(ends) + margin))


def _line(
    axes: Axes,
    name: str,
    curve: CurveMetrics,
    values: Sequence[float],
    colour: str,
    dash: str,
) -> Line:
    pairs = zip(curve.avg_bops, values, strict=True)
    points = " ".join(f"{axes.x(bops)},{axes.y(value)}" for bops, value in pairs)
    return Line(name, points, colour, dash)
