"""Charts of the report as plotly figures."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from hwflow.report.layers import UNITS
from hwflow.report.schema import CurveReport, Report, StageHardwareReport

INK, MUTED, GRID = "#1d2733", "#6b7885", "#e6eaee"
BLUE, ORANGE, GREEN, GREY = "#1f6feb", "#d9730d", "#1a7f53", "#9aa6b2"
FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def layout(figure: go.Figure, *, height: int, x: str, y: str) -> go.Figure:
    """Return ``figure`` in the page's style, with axes named ``x`` and ``y``."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 20, "t": 10, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"font": {"family": FONT}},
    )
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": GREY, "automargin": True}
    figure.update_xaxes(title=x, **axis)
    figure.update_yaxes(title=y, **axis)
    return figure


def accuracy_curve(curves: Sequence[CurveReport], chosen: int) -> go.Figure:
    """Return accuracy against threshold of one decision, validation and test."""
    figure = go.Figure()
    for curve in curves:
        colour = BLUE if curve.split == "test" else ORANGE
        figure.add_scatter(
            x=curve.threshold,
            y=[100 * value for value in curve.accuracy],
            customdata=[100 * value for value in curve.exit_rate],
            mode="lines",
            line={"shape": "hv", "color": colour, "width": 2.5},
            name=f"{curve.split} (n = {curve.n})",
            hovertemplate="threshold %{x}: %{y:.2f} %, exit rate %{customdata:.1f} %",
        )
    figure.add_vline(
        x=chosen,
        line={"color": INK, "dash": "dot", "width": 1.5},
    )
    figure.add_annotation(
        x=chosen,
        y=0.04,
        yref="paper",
        text=f" chosen: {chosen}",
        xanchor="left",
        showarrow=False,
        font={"color": INK},
    )
    return layout(figure, height=360, x="threshold on the integer margin", y="accuracy (%)")


def exit_curve(curve: CurveReport, *, rate: float, accuracy: float) -> go.Figure:
    """Return accuracy against exit rate on test frames, with random and ideal routing."""
    figure = go.Figure()
    rates = [100 * value for value in curve.exit_rate]
    for name, values, style in (
        ("ideal routing", curve.oracle_accuracy, {"color": GREEN, "width": 1.5, "dash": "dash"}),
        ("margin", curve.accuracy, {"color": BLUE, "width": 2.5}),
        ("random routing", curve.random_accuracy, {"color": GREY, "width": 1.5, "dash": "dot"}),
    ):
        figure.add_scatter(
            x=rates,
            y=[100 * value for value in values],
            mode="lines",
            line=style,
            name=name,
            hovertemplate=f"{name}: %{{y:.2f}} % at exit rate %{{x:.1f}} %",
        )
    figure.add_scatter(
        x=[100 * rate],
        y=[100 * accuracy],
        mode="markers",
        marker={"color": INK, "size": 11, "symbol": "diamond"},
        name="accelerator, simulated",
        hovertemplate="simulated: %{y:.2f} % at exit rate %{x:.1f} %",
    )
    label = f"frames that exit at stage {curve.decision} (%)"
    return layout(figure, height=360, x=label, y="accuracy (%)")


def bops(report: Report) -> go.Figure:
    """Return BOPs per frame of each stage, and of the cascade on average and at worst."""
    names = [stage.name for stage in report.stages]
    values = [stage.bops / 1e6 for stage in report.stages]
    colours = [GREY] * len(names)
    if len(names) > 1:  # one network is no cascade
        names += ["cascade, average", "cascade, worst case"]
        values += [report.cascade.avg_bops / 1e6, report.cascade.worst_bops / 1e6]
        colours += [BLUE, ORANGE]
    figure = go.Figure(
        go.Bar(
            y=names,
            x=values,
            orientation="h",
            marker={"color": colours},
            text=[f"{value:.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f} million<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    return layout(figure, height=70 + 48 * len(names), x="million BOPs per frame", y="")


def layer_cycles(stage: StageHardwareReport) -> go.Figure:
    """Return the cycles of each layer of ``stage`` that takes any, with its II."""
    layers = [layer for layer in stage.layers if layer.op in UNITS]
    figure = go.Figure(
        go.Bar(
            y=[short(layer.name).removeprefix(f"{stage.name}_") for layer in layers],
            x=[layer.cycles for layer in layers],
            orientation="h",
            marker={"color": [BLUE if layer.backend == "hwflow" else GREY for layer in layers]},
            text=[f"{layer.cycles:,}" for layer in layers],
            textposition="auto",
            customdata=[f"PE {layer.pe}, SIMD {layer.simd}" for layer in layers],
            hovertemplate="%{y}: %{x:,} cycles (%{customdata})<extra></extra>",
        )
    )
    figure.add_vline(x=stage.ii_cycles, line={"color": ORANGE, "width": 2})
    figure.add_annotation(
        x=stage.ii_cycles,
        y=1.0,
        yref="paper",
        yanchor="bottom",
        xanchor="right",
        xshift=8,
        text=f"simulated II: {stage.ii_cycles:,.0f}",
        showarrow=False,
        font={"color": ORANGE},
    )
    figure.update_yaxes(autorange="reversed")
    layout(figure, height=60 + 26 * len(layers), x="clock cycles per frame", y="")
    figure.update_layout(margin={"t": 28})
    return figure


def resources(report: Report) -> go.Figure:
    """Return LUTs and flip-flops of each own block."""
    assert report.resources is not None
    blocks = report.resources.blocks
    figure = go.Figure()
    for name, colour, values in (
        ("LUT", BLUE, [block.resources.lut for block in blocks]),
        ("FF", GREY, [block.resources.ff for block in blocks]),
    ):
        figure.add_bar(
            y=[short(block.module) for block in blocks],
            x=values,
            name=name,
            orientation="h",
            marker={"color": colour},
            text=[f"{value:,}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{y}}: %{{x:,}} {name}<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(barmode="group", bargap=0.25)
    return layout(figure, height=70 + 44 * len(blocks), x="primitives", y="")


def short(name: str) -> str:
    """Return a layer's or block's name without the words that all of them have."""
    for word, shorter in (
        ("_rtl", ""),
        ("Streaming", ""),
        ("ConvolutionInputGenerator", "Window"),
        ("Hwf", ""),
    ):
        name = name.replace(word, shorter)
    return name


def to_json(figure: go.Figure) -> str:
    """Return ``figure`` as JSON that may stand inside a <script>."""
    text: str = figure.to_json()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
