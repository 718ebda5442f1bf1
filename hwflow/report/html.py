"""The report as one HTML file that opens offline."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import jinja2
import numpy as np
import plotly.offline
from markupsafe import Markup
from numpy.typing import NDArray

from hwflow.report import cost_plot, plots
from hwflow.report.images import data_uri
from hwflow.report.layer_text import folding
from hwflow.report.layer_text import resources as figures
from hwflow.report.schema import Escalated, Report
from hwflow.report.terminal import bits

MAX_IMAGES = 48


@dataclass(frozen=True)
class Picture:
    """An escalated frame and its image."""

    source: str
    told: Escalated


def render(report: Report, *, frames: NDArray[np.uint8]) -> str:
    """Return the page of ``report``; ``frames`` (N, H, W, C) uint8 are the golden ones."""
    charts = _charts(report)
    # Wrongly classified ones first: they are what one looks for.
    order = sorted(report.escalated, key=lambda e: (e.prediction == e.label, e.first_margin))
    pictures = [Picture(data_uri(frames[e.frame]), e) for e in order[:MAX_IMAGES]]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"bits": bits, "folding": folding, "figures": figures}
    template = resources.files("hwflow.report").joinpath("report.html.j2").read_text("utf-8")
    return environment.from_string(template).render(
        r=report,
        charts={name: Markup(text) for name, text in charts.items()},
        plotly=Markup(plotly.offline.get_plotlyjs()),
        pictures=pictures,
        rescued=sum(e.first_label != e.label and e.prediction == e.label for e in report.escalated),
        lost=sum(e.first_label == e.label and e.prediction != e.label for e in report.escalated),
        mismatches=sum(link.mismatches for link in report.exactness),
        compared=sum(link.compared for link in report.exactness),
    )


def _charts(report: Report) -> dict[str, str]:
    figures = {"bops": plots.bops(report)}
    for decision, chosen in enumerate(report.cascade.threshold_int):
        curves = [curve for curve in report.curves if curve.decision == decision]
        figures[f"threshold_{decision}"] = plots.accuracy_curve(curves, chosen)
    tests = [curve for curve in report.curves if curve.split == "test"]
    if len(tests) == 1:
        figures["exits"] = plots.exit_curve(
            tests[0], rate=report.cascade.exit_rate, accuracy=report.cascade.accuracy.value
        )
    if report.evaluation is not None:
        figures["cost"] = cost_plot.accuracy_cost(report.evaluation)
    for number, stage in enumerate(report.hardware.stages):
        figures[f"layers_{number}"] = plots.layer_cycles(stage)
    if report.resources is not None:
        figures["resources"] = plots.resources(report)
    return {name: plots.to_json(figure) for name, figure in figures.items()}
