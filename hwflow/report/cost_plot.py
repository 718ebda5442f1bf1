"""Accuracy against average work, for every score, beside chance, hindsight and the worst case."""

from __future__ import annotations

import math
from collections.abc import Mapping

import plotly.graph_objects as go

from hwflow.cascade.interval import wilson
from hwflow.report.evaluation import CostCurveFigures, Evaluation
from hwflow.report.plots import BLUE, GREEN, GREY, INK, ORANGE, layout

BAND = "rgba(31,111,235,0.12)"
OTHERS = ("#8250df", "#bf3989", "#0a7ea4", "#9a6700")
MEGA = 1e6


def accuracy_cost(told: Evaluation) -> go.Figure:
    """Return the chart of ``told``: a line per score, of which the margin's has an interval."""
    figure = go.Figure()
    margin, *others = told.scores
    _band(figure, margin.curve, told.n)
    ideal = {"color": GREEN, "dash": "dash", "width": 1.5}
    _line(figure, "ideal routing", margin.curve, margin.curve.oracle_accuracy, ideal)
    chance = {"color": GREY, "dash": "dot", "width": 1.5}
    _line(figure, "random routing", margin.curve, margin.curve.random_accuracy, chance)
    for score, colour in zip(others, OTHERS, strict=False):
        style = {"color": colour, "width": 1.2}
        _line(figure, score.score, score.curve, score.curve.accuracy, style)
    style = {"color": BLUE, "width": 2.5}
    _line(figure, f"{margin.score} (n = {told.n})", margin.curve, margin.curve.accuracy, style)
    _marks(figure, told)
    worst = told.cascade.worst_bops / MEGA
    figure.add_vline(x=worst, line={"color": ORANGE, "width": 2})
    figure.add_annotation(
        x=math.log10(worst),  # an annotation's place on a logarithmic axis is a logarithm
        y=0.04,
        yref="paper",
        text=f"worst case: {worst:.2f} ",
        xanchor="right",
        showarrow=False,
        font={"color": ORANGE},
    )
    # A stage costs several times the one before: linear, most of the curve would be a wall.
    figure.update_xaxes(type="log")
    return layout(figure, height=430, x="million BOPs per frame, average", y="accuracy (%)")


def _line(
    figure: go.Figure,
    name: str,
    curve: CostCurveFigures,
    values: tuple[float, ...],
    style: Mapping[str, object],
) -> None:
    figure.add_scatter(
        x=[bops / MEGA for bops in curve.avg_bops],
        y=[100 * value for value in values],
        mode="lines",
        line=style,
        name=name,
        hovertemplate=f"{name}: %{{y:.2f}} % at %{{x:.2f}} million BOPs",
    )


def _band(figure: go.Figure, curve: CostCurveFigures, n: int) -> None:
    """Draw the 95 % interval of the accuracy at each point: up its high ends, back its low ones."""
    ends = [wilson(value, n) for value in curve.accuracy]
    cost = [bops / MEGA for bops in curve.avg_bops]
    figure.add_scatter(
        x=cost + cost[::-1],
        y=[100 * high for _, high in ends] + [100 * low for low, _ in ends[::-1]],
        fill="toself",
        fillcolor=BAND,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _marks(figure: go.Figure, told: Evaluation) -> None:
    """Mark each stage alone, and the policy with its intervals."""
    figure.add_scatter(
        x=[stage.bops / MEGA for stage in told.stages],
        y=[100 * stage.accuracy.value for stage in told.stages],
        mode="markers",
        marker={"color": INK, "size": 9, "symbol": "circle-open", "line": {"width": 2}},
        name="each stage alone",
        text=[stage.name for stage in told.stages],
        hovertemplate="%{text} alone: %{y:.2f} % at %{x:.2f} million BOPs",
    )
    accuracy, cost = told.cascade.accuracy, told.cascade.avg_bops
    figure.add_scatter(
        x=[cost.value / MEGA],
        y=[100 * accuracy.value],
        error_x=_bars(cost.value / MEGA, [end / MEGA for end in cost.interval95]),
        error_y=_bars(100 * accuracy.value, [100 * end for end in accuracy.interval95]),
        mode="markers",
        marker={"color": INK, "size": 11, "symbol": "diamond"},
        name="policy",
        hovertemplate="policy: %{y:.2f} % at %{x:.2f} million BOPs",
    )


def _bars(value: float, ends: list[float]) -> dict[str, object]:
    low, high = ends
    return {
        "type": "data",
        "array": [high - value],
        "arrayminus": [value - low],
        "color": INK,
        "thickness": 1.2,
    }
