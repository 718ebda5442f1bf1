"""``hwflow bench generator``: the figures of the accelerator generator, section by section.

Accelerators are built by the commands that a user runs, into folders that a later run reuses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwflow.bench.commands import run_hwflow
from hwflow.bench.figures import Figure, figure
from hwflow.bench.record import Record, read_record, section, write_record
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.report.layers import layer_tables

BENCH = "generator"
# FINN's own bitstream of CNV W1A1 for the PYNQ-Z1 without shell, Vivado's count.
FINN_CNV_LUT, FINN_CNV_BRAM36 = 21_135, 98 + 9 / 2
DEMO_SECONDS = 300


@dataclass(frozen=True)
class Bench:
    """Where a bench works: ``builds`` holds the designs, ``root`` what is made of them."""

    builds: Path
    root: Path

    def design(self, name: str) -> Path:
        """Return the design file ``name``.

        Raises:
            ConfigError: there is none.
        """
        path = self.builds / name / "design.yaml"
        if not path.is_file():
            raise ConfigError(
                f"{path}: not found; the bench builds the designs of hwflow's repository: run it "
                "there, or name their folder with --builds"
            )
        return path

    def build(self, name: str) -> Path:
        """Build (or find) the accelerator of design ``name`` and return its folder."""
        out = self.root / name
        run_hwflow("build", self.design(name), "--out", out, log=out / "build.log")
        return out / "accelerator"


@dataclass(frozen=True)
class Result:
    """Figures of one section, and the tables that they sum up."""

    figures: tuple[Figure, ...]
    details: dict[str, Any] = field(default_factory=dict)


def run(
    bench: Bench, record_file: Path, *, only: Iterable[str] = (), progress: Progress = silent
) -> Record:
    """Measure the sections ``only`` (or all) and write each into ``record_file`` once it is done.

    Raises:
        ConfigError: an unknown section, or no designs.
    """
    chosen = tuple(only) or tuple(SECTIONS)
    for name in chosen:
        if name not in SECTIONS:
            raise ConfigError(f"no section {name!r}; there are {', '.join(SECTIONS)}")
    record = read_record(record_file, BENCH)
    for number, name in enumerate(chosen):
        progress(name, number, len(chosen))
        begin = time.monotonic()
        result = SECTIONS[name](bench)
        record.sections[name] = section(
            result.figures,
            result.details,
            command=f"hwflow bench {BENCH} --only {name}",
            seconds=time.monotonic() - begin,
        )
        write_record(record, record_file)
    progress("done", len(chosen), len(chosen))
    return record


def area(bench: Bench) -> Result:
    """CNV W1A1 at FINN's published folding: every node synthesised, against FINN's own build."""
    accelerator = bench.build("cnv_w1a1")
    synthesis = accelerator.parent / "synthesis"
    run_hwflow("synth", accelerator, "--out", synthesis, log=accelerator.parent / "synth.log")
    (table,) = layer_tables(accelerator, synthesis)
    found = table.synthesised
    if found is None:
        raise ConfigError(f"{synthesis}: not every layer was synthesised")
    note = f"{table.tool}, each node by itself, against Vivado's count of FINN's build"
    figures = (
        figure(
            "CNV W1A1, LUT against FINN's",
            round(found.lut / FINN_CNV_LUT, 3),
            "ratio",
            provenance="synthesised",
            goal=("≤", 0.6),
            note=f"{found.lut:,} to {FINN_CNV_LUT:,}; {note}",
        ),
        figure(
            "CNV W1A1, block RAM against FINN's",
            round(found.bram36 / FINN_CNV_BRAM36, 3),
            "ratio",
            provenance="synthesised",
            goal=("≤", 0.7),
            note=f"{found.bram36:g} to {FINN_CNV_BRAM36:g} BRAM36; {note}",
        ),
    )
    return Result(figures, {"layers": table.model_dump(mode="json")})


SECTIONS: dict[str, Callable[[Bench], Result]] = {"area": area}
