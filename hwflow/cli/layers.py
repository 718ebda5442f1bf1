"""``hwflow layers``: the per-layer report of any accelerator, trained by hwflow or not."""

from __future__ import annotations

from pathlib import Path

from hwflow.cli import jobs
from hwflow.cli.output import Output, shown
from hwflow.config.synthesis import SYNTHESIS_FILE


def layers(output: Output, accelerator: Path, *, synthesis: Path | None, markdown: bool) -> None:
    """Show where the cycles, memory and resources of an accelerator go."""
    from hwflow.report import layer_text
    from hwflow.report.layers import layer_tables
    from hwflow.report.source import check_source

    beside = accelerator.parent / jobs.SYNTHESIS
    if synthesis is None and (beside / SYNTHESIS_FILE).is_file():
        synthesis = beside
    tables = layer_tables(accelerator, synthesis)
    if synthesis is not None:
        check_source(synthesis, accelerator, "synth")
    data = {
        "command": "layers",
        "accelerator": shown(accelerator),
        "synthesis": None if synthesis is None else shown(synthesis),
        "stages": [table.model_dump(mode="json") for table in tables],
    }
    text = [layer_text.markdown(t) if markdown else layer_text.terminal(t) for t in tables]
    output.result(data, *text)
