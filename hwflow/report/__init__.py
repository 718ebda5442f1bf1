"""One typed report of a run: ``report.json``, and ``report.html`` as its rendering."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwflow.config.base import load
from hwflow.log import Progress, silent
from hwflow.report.schema import REPORT_HTML, REPORT_JSON, Report
from hwflow.report.terminal import summary

__all__ = ["REPORT_HTML", "REPORT_JSON", "Report", "make_report", "read_report", "summary"]


def make_report(
    *,
    accelerator_dir: Path,
    simulation_dir: Path,
    synthesis_dir: Path | None,
    out_dir: Path,
    progress: Progress = silent,
) -> Report:
    """Write ``report.json`` and ``report.html`` into ``out_dir``.

    Raises:
        ConfigError: a folder does not hold what the step before writes.
    """
    from hwflow.report.collect import collect
    from hwflow.report.html import render

    progress("collect", 0, 2)
    report, golden = collect(
        accelerator_dir=accelerator_dir,
        simulation_dir=simulation_dir,
        synthesis_dir=synthesis_dir,
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    text = report.model_dump_json(indent=2) + "\n"
    (out_dir / REPORT_JSON).write_text(text, encoding="utf-8")
    progress("render", 1, 2)
    page = render(report, frames=golden["frames"].astype(np.uint8))
    (out_dir / REPORT_HTML).write_text(page, encoding="utf-8")
    progress("done", 2, 2)
    return report


def read_report(folder: Path) -> Report:
    """Return the report in ``folder``.

    Raises:
        ConfigError: there is none, or it is not of the schema.
    """
    return load(Report, folder / REPORT_JSON)
