"""``hwflow bench generator``: the figures of the accelerator generator, section by section.

Accelerators are built by the commands that a user runs, into folders that a later run reuses.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hwflow.bench import fifo_speed, harness_speed
from hwflow.bench.commands import run_hwflow
from hwflow.bench.cost import holdout_figures
from hwflow.bench.cost_holdout import holdout
from hwflow.bench.figures import Figure, figure
from hwflow.bench.record import Record
from hwflow.bench.sections import Result, measure, quiet
from hwflow.dataflow import finn
from hwflow.dataflow.folding.quality import (
    AgainstAll,
    AgainstSetFolding,
    against_all,
    against_set_folding,
)
from hwflow.dataflow.network_file import NETWORK_FILE, load_network
from hwflow.dataflow.stage import GRAPHS
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.report.layers import layer_tables
from hwflow.simulate.fifos import measure_pace

BENCH = "generator"
# FINN's own bitstream of CNV W1A1 for the PYNQ-Z1 without shell, Vivado's count.
FINN_CNV_LUT, FINN_CNV_BRAM36 = 21_135, 98 + 9 / 2
# At FINN's published foldings, and at a target of cycles per frame.
II_DESIGNS = (
    "tfc_w1a1",
    "lfc_w1a1",
    "cnv_w1a1",
    "vgg_w4a4",
    "resnet8_w8a8",
    "mobilenet_w4a4",
)
HOLDOUT_DESIGNS = (
    *II_DESIGNS,
    "sfc_w1a2",
    "lfc_w1a2",
    "cnv_w2a2",
    "keyword_w4a8",
    "digits_cascade",
)
# Little networks whose every folding is tried.
LITTLE_NETWORKS = 24
# Cycles per frame at which the solver meets SetFolding, besides a design's own.
TARGETS = (5_000, 20_000, 50_000, 200_000)
# README: two to five minutes after the download.
DEMO_SECONDS = 300
SPEED_FRAMES = 64


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

    def build(self, name: str, *options: str, to: str | None = None) -> Path:
        """Build (or find) the accelerator of design ``name`` and return its folder."""
        root = self.root / (to or name)
        accelerator = root / "accelerator"
        trained = self.builds.parent / "models" / name / "bundle"
        out: tuple[object, ...] = ("--out", root)
        if trained.is_dir():
            out = ("--bundle", trained, "--out", accelerator)
        run_hwflow("build", self.design(name), *out, *options, log=self.log(root.name))
        return accelerator

    def log(self, name: str) -> Path:
        """Return the file for what the commands of ``name`` say."""
        return self.root / f"{name}.log"


def run(
    bench: Bench, record_file: Path, *, only: Iterable[str] = (), progress: Progress = silent
) -> Record:
    """Measure the sections ``only`` (or all) and write each into ``record_file`` once it is done.

    Raises:
        ConfigError: an unknown section, no designs, or a place that cannot be written.
    """
    sections = {name: quiet(partial(part, bench)) for name, part in SECTIONS.items()}
    return measure(BENCH, sections, record_file, out=bench.root, only=only, progress=progress)


def area(bench: Bench) -> Result:
    """CNV W1A1 at FINN's published folding: every node synthesised, against FINN's own build."""
    accelerator = bench.build("cnv_w1a1")
    synthesis = accelerator.parent / "synthesis"
    run_hwflow("synth", accelerator, "--out", synthesis, log=bench.log("synth"))
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


def pace(bench: Bench) -> Result:
    """Cycles per frame of each design's RTL, against the largest bound of any of its nodes."""
    figures, rows = [], []
    for name in II_DESIGNS:
        (found,) = measure_pace(bench.build(name, "--fifos", "simulated"))
        rows.append({"design": name, **vars(found)})
        figures += [
            figure(
                f"{name}, II simulated to bound",
                found.ii_cycles / found.bound_cycles,
                "ratio",
                provenance="simulated",
                goal=("≤", 1.02),
                note=f"{found.ii_cycles:,g} to {found.bound_cycles:,} cycles",
            ),
            figure(
                f"{name}, II that the found depths cost",
                found.ii_cycles - found.unbounded_ii_cycles,
                "cycles",
                provenance="simulated",
                goal=("=", 0),
                note=f"against {found.unbounded_ii_cycles:,g} with FIFOs that never fill",
            ),
        ]
    return Result(tuple(figures), {"designs": rows})


def solver(bench: Bench) -> Result:
    """Cost of solved foldings against every folding, and against FINN's SetFolding.

    Costs are those of the models on all sides; ``estimates`` says how good these are.
    """
    accelerators = {name: bench.build(name) for name in II_DESIGNS}
    part = "xc7z020"
    with (
        tempfile.TemporaryDirectory(prefix="hwflow-solver-") as folder,
        finn.session(Path(folder) / "finn"),
    ):
        little = against_all(LITTLE_NETWORKS, part=part)
        rows = [
            row
            for name, folder in accelerators.items()
            for row in against_set_folding(
                load_network(folder / GRAPHS / "stage0" / NETWORK_FILE),
                TARGETS,
                name=name,
                part=part,
            )
        ]
    return Result(
        _solver_figures(little, rows),
        {"little": [vars(r) for r in little], "networks": [vars(r) for r in rows]},
    )


def _solver_figures(
    little: Sequence[AgainstAll], rows: Sequence[AgainstSetFolding]
) -> tuple[Figure, ...]:
    worst = max(rows, key=lambda row: row.solver / row.set_folding)
    networks = {row.network for row in rows}
    return (
        figure(
            "solver, cost beyond the true optimum",
            round(max(abs(row.excess) for row in little), 6),
            "fraction, worst",
            provenance="estimated",
            goal=("≤", 0.03),
            note=f"of the same priced model: {len(little)} little networks of seeds "
            f"{little[0].seed} to {little[-1].seed}, {min(row.choices for row in little):,} to "
            f"{max(row.choices for row in little):,} foldings each, all tried",
        ),
        figure(
            "solver, cost against SetFolding at equal II",
            round(worst.solver / worst.set_folding, 4),
            "ratio, worst",
            provenance="estimated",
            goal=("≤", 1.0),
            note=f"{len(rows)} cases: {len(networks)} networks, targets "
            f"{', '.join(f'{target:,}' for target in TARGETS)}; "
            f"worst {worst.network} at {worst.ii_cycles:,} cycles",
        ),
        figure(
            "solver, CNV",
            round(max(row.seconds for row in rows if row.network == "cnv_w1a1"), 1),
            "s, worst",
            provenance="measured",
            goal=("≤", 30),
            note="listing and pricing all options, and the proof of optimality",
        ),
    )


def fifos(bench: Bench) -> Result:
    """Time of FIFO sizing for CNV W1A1, Verilator's included, with empty caches."""
    formula = bench.build("cnv_w1a1", "--fifos", "formula", to="cnv_w1a1_formula")
    folder = bench.root / "cnv_w1a1_sized"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(formula, folder)
    found = fifo_speed.measure_cold(folder, bench.log("fifos"))
    figures = (
        figure(
            "CNV W1A1, Verilation with gauges",
            found.compile_s,
            "s",
            provenance="measured",
            goal=("≤", 120),
            note="empty cache, Verilator's runtime compiled too",
        ),
        figure(
            "CNV W1A1, FIFO sizing",
            round(found.compile_s + found.size_s, 1),
            "s",
            provenance="measured",
            goal=("≤", 300),
            note=f"Verilation, {found.simulations} simulations, and the check under random pauses",
        ),
    )
    return Result(figures, vars(found))


def harness(bench: Bench) -> Result:
    """Speed of the compiled harness against cocotb, and against a bare Verilator loop."""
    # TFC takes 64 clocks a frame: of few frames cocotb's start would be most.
    contests = (
        ("W8A8", "the digits cascade's second network", _digits(bench, 1, 4704), 4, 5),
        ("W1A1", "tfc_w1a1", bench.build("tfc_w1a1"), 64, 20),
        (
            "W1A1 after 8 bits",
            "the digits cascade's first network",
            _digits(bench, 0, 1152),
            8,
            None,
        ),
    )
    figures: list[Figure] = []
    details = {}
    for kind, name, folder, cocotb_frames, times in contests:
        found = harness_speed.measure(folder, frames=SPEED_FRAMES, cocotb_frames=cocotb_frames)
        speeds = {
            "harness": found.harness.cycles_per_s,
            "bare": found.bare.cycles_per_s,
            "cocotb": found.cocotb.cycles_per_s,
        }
        details[kind] = {"network": name, **speeds}
        told = ", ".join(f"{who} {speed:,.0f}" for who, speed in speeds.items())
        note = f"{name}; clock cycles per second of processor time: {told}; medians of 5 in turn"
        figures += [
            figure(
                f"harness against cocotb, {kind}",
                round(found.over_cocotb, 1),
                "times",
                provenance="measured",
                goal=None if times is None else ("≥", times),
                note=note,
            ),
            figure(
                f"harness against a bare loop, {kind}",
                round(found.of_bare, 3),
                "fraction of its speed",
                provenance="measured",
                goal=("≥", 0.8),
                note=note,
            ),
        ]
    return Result(tuple(figures), details)


def _digits(bench: Bench, stage: int, target_ii: int) -> Path:
    """Return the built accelerator of one network of the digits cascade alone."""
    folder = bench.root / f"digits_stage{stage}"
    model = bench.builds.parent / "models" / "digits_cascade" / "bundle" / f"stage{stage}.onnx"
    options = ("--board", "pynq-z2", "--target-ii", str(target_ii), "--out", folder)
    run_hwflow("build", model, *options, log=bench.log(folder.name))
    return folder / "accelerator"


def estimates(bench: Bench) -> Result:
    """What the cost models say of designs that they were not fitted to, against synthesis."""
    found = [
        holdout(bench.build(name), bench.root / name / "synthesis") for name in HOLDOUT_DESIGNS
    ]
    return Result(
        holdout_figures(found), {"designs": [one.model_dump(mode="json") for one in found]}
    )


def demo(bench: Bench) -> Result:
    """Time of the whole demo, all its steps made anew."""
    folder = bench.root / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="hwflow-cold-") as cache:
        cold = {"HWFLOW_CACHE": cache}
        done = run_hwflow("demo", "--out", folder, log=bench.log("demo"), environment=cold)
    found = figure(
        "hwflow demo",
        round(done.seconds, 1),
        "s",
        provenance="measured",
        goal=("≤", DEMO_SECONDS),
        note="from training to the report, without installation; empty cache",
    )
    return Result((found,))


SECTIONS: dict[str, Callable[[Bench], Result]] = {
    "pace": pace,
    "area": area,
    "solver": solver,
    "fifos": fifos,
    "estimates": estimates,
    "harness": harness,
    "demo": demo,
}
