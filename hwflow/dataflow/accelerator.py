"""``build``: a bundle and a design become a self-contained accelerator folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.bundle import BUNDLE_FILE, GOLDEN_FILE, Bundle, load_bundle
from hwflow.config.design import Design
from hwflow.config.fifos import Fifos, load_fifos
from hwflow.config.folding import FOLDING_FILE, Folding, read_folding, render_folding
from hwflow.cost.controller import retention_in_block
from hwflow.dataflow import finn
from hwflow.dataflow.folding import Plan, read_plan, request_of, solve_plan
from hwflow.dataflow.folding.file import stage_name
from hwflow.dataflow.folding.problem import vector
from hwflow.dataflow.lint import LINT_FILE, render_waivers
from hwflow.dataflow.reach import Traffic, traffic
from hwflow.dataflow.stage import GRAPHS, Stage, StageConfig, connected, generate, to_layers
from hwflow.dataflow.stitch import RTL
from hwflow.dataflow.surroundings import Buffers, Surroundings, buffers_of, doubts, ports_of
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.lower.lowering import InputSpec, lower_file
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, registers_of, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.rtl.registers import c_header, html_table, python_constants, registers_json

Model = Any

log = logging.getLogger(__name__)

# Part of the budget from which on retention that was asked for is named where nothing fits.
_MUCH = 0.1
PARTS = {"pynq-z1": "xc7z020clg400-1", "pynq-z2": "xc7z020clg400-1"}
BUNDLE = "bundle"
FILE_LIST = "rtl.f"
REGISTERS = "registers.json"
REGISTERS_HTML = "registers.html"
REGISTERS_HEADER = "registers.h"
REGISTERS_PYTHON = "registers.py"
# What ``build`` owns in its output folder; design.json last, so that its presence means complete.
OUTPUTS = (
    RTL,
    GRAPHS,
    BUNDLE,
    FILE_LIST,
    LINT_FILE,
    FOLDING_FILE,
    REGISTERS,
    REGISTERS_HTML,
    REGISTERS_HEADER,
    REGISTERS_PYTHON,
    DESIGN_FILE,
)


def build(
    design: Design, bundle_dir: Path, out_dir: Path, *, progress: Progress = silent
) -> Accelerator:
    """Build the accelerator of ``bundle_dir`` as ``design`` says, into ``out_dir``.

    Everything is made in a temporary folder beside ``out_dir`` and moved there at the end.

    Raises:
        ConfigError: bundle and design do not fit together, or a target cannot be met.
        UnsupportedModelError: naming the node that has no exact RTL.
        ToolNotFoundError, ToolFailedError: FINN is missing or not the pinned version.
    """
    bundle = load_bundle(bundle_dir)
    if len(design.stages) != len(bundle.stages):
        raise ConfigError(
            f"design {design.name!r} has {len(design.stages)} stages, bundle {bundle.name!r} has "
            f"{len(bundle.stages)}; give each stage of the bundle one entry in the design's stages"
        )
    for doubt in beyond_margins(bundle):
        log.warning("%s: %s", bundle_dir / BUNDLE_FILE, doubt)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{out_dir.name}-", dir=out_dir.parent) as name,
        tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch,
    ):
        folder = Path(name)
        accelerator = _build(design, bundle, bundle_dir, folder, Path(scratch), progress)
        _publish(folder, out_dir)
    return accelerator


def beyond_margins(bundle: Bundle) -> Iterator[str]:
    """Yield the thresholds that no margin reaches."""
    for k, (threshold, stage) in enumerate(
        zip(bundle.policy.threshold_int, bundle.stages, strict=False)
    ):
        most = (1 << stage.score_bits) - 1
        if threshold > most:
            yield (
                f"policy.threshold_int.{k}: {threshold} is above every margin of {stage.name}, "
                f"{most} at most: no frame exits early there"
            )


def _build(
    design: Design,
    bundle: Bundle,
    bundle_dir: Path,
    folder: Path,
    scratch: Path,
    progress: Progress,
) -> Accelerator:
    fifos = None if design.fifos_file is None else load_fifos(Path(design.fifos_file))
    _copy_bundle(bundle, bundle_dir, folder / BUNDLE)
    planned = traffic(bundle, bundle_dir, escalation_rate=design.escalation_rate)
    if planned.rates:
        told = ", ".join(f"{rate:.1%}" for rate in planned.rates)
        log.info("planned for %s of the frames to escalate: %s", told, planned.source)
    stages = len(bundle.stages)
    total = stages + 2
    configs = [
        StageConfig(
            stage_name(index),
            PARTS[design.board],
            design.clk_period_ns,
            frame_beats=_frame_beats(design, bundle),
            beat_bytes=design.frame_beat_bytes,
        )
        for index in range(stages)
    ]
    spec = InputSpec(bundle.input.dtype, bundle.input.scale, bundle.input.shift)
    with finn.session(scratch) as running:
        progress("folding", 0, total)
        graphs = [folder / GRAPHS / config.name for config in configs]
        models = [
            to_layers(lower_file(folder / BUNDLE / stage.qonnx, spec), place)
            for stage, place in zip(bundle.stages, graphs, strict=True)
        ]
        plan = _fold(design, bundle, models, planned)
        built = []
        for index, config in enumerate(configs):
            progress(f"{config.name}: dataflow", index + 1, total)
            model = connected(models[index], plan, index, config, graphs=graphs[index])
            built.append(generate(model, config, folder, running))
    text = render_folding(plan.folding)
    (folder / FOLDING_FILE).write_text(text, encoding="utf-8")
    progress("controller", total - 1, total)
    accelerator = _compose(
        design, bundle, built, folder, planned, folding=plan.folding, fifos=fifos
    )
    progress("accelerator", total, total)
    return accelerator


def _frame_beats(design: Design, bundle: Bundle) -> int:
    return -(-bundle.frame_bytes // design.frame_beat_bytes)


def _fold(design: Design, bundle: Bundle, models: Sequence[Model], planned: Traffic) -> Plan:
    """Fold all stages together, and set it."""
    if design.folding is not None:
        path = Path(design.folding)
        return read_plan(models, read_folding(path), source=str(path))
    request = request_of(
        design,
        part=PARTS[design.board],
        reach=planned.reach,
        frame_beats=_frame_beats(design, bundle),
    )
    around = Surroundings(design, bundle, models, planned)
    try:
        return solve_plan(models, request, around=around.least(), surroundings=around.now)
    except ConfigError as error:
        retained = around.retained()
        limit = request.budget(vector(retained)).limit
        if not (vector(retained) > _MUCH * limit).any():
            raise
        raise ConfigError(
            f"{error}. retention_frames: {design.retention_frames} takes "
            f"{retained.bram36:,.0f} BRAM36 and {retained.lut:,.0f} LUTs of it; name fewer, or auto"
        ) from error


def _copy_bundle(bundle: Bundle, source: Path, target: Path) -> None:
    target.mkdir()
    for name in (BUNDLE_FILE, GOLDEN_FILE, *(stage.qonnx for stage in bundle.stages)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _compose(
    design: Design,
    bundle: Bundle,
    stages: Sequence[Stage],
    folder: Path,
    planned: Traffic,
    *,
    folding: Folding,
    fifos: Fifos | None,
) -> Accelerator:
    """Add controller and top to ``folder`` and describe the whole.

    ``fifos``: depths of a file, where the design names one.
    """
    hardware = tuple(stage.hardware for stage in stages)
    buffers = buffers_of(design, hardware, planned)
    for doubt in doubts(design, hardware, planned, buffers):
        log.warning("%s", doubt)
    beats = -(-bundle.frame_bytes // design.frame_beat_bytes)
    parameters = AcceleratorParameters(
        stages=ports_of(hardware),
        classes=len(bundle.classes),
        frame_bytes=bundle.frame_bytes,
        frame_beat_bytes=design.frame_beat_bytes,
        retention_frames=buffers.retention,
        queue_frames=buffers.queue,
        retention_in_block=tuple(
            retention_in_block(frames, frame_beats=beats, beat_bits=8 * design.frame_beat_bytes)
            for frames in buffers.retention
        ),
        threshold_int=bundle.policy.threshold_int,
        reorder_frames=buffers.reorder,
        last_frames=buffers.last,
        build_id=_build_id(
            (folder / BUNDLE / BUNDLE_FILE).read_bytes(), design, folding, buffers, fifos
        ),
    )
    sources = list(dict.fromkeys(source for stage in stages for source in stage.sources))
    packages = [source for source in sources if source.endswith("_pkg.sv")]
    sources = [*packages, *(source for source in sources if source not in packages)]
    for path in CASCADE_SOURCES:
        shutil.copyfile(path, folder / RTL / path.name)
        if f"{RTL}/{path.name}" not in sources:
            sources.append(f"{RTL}/{path.name}")
    for name, text in render(parameters).items():
        (folder / RTL / name).write_text(text, encoding="utf-8")
        sources.append(f"{RTL}/{name}")
    accelerator = Accelerator(
        schema_version=1,
        name=design.name,
        top=TOP,
        part=PARTS[design.board],
        clk_period_ns=design.clk_period_ns,
        sources=tuple(sources),
        bundle=BUNDLE,
        registers=REGISTERS,
        frame_bytes=bundle.frame_bytes,
        frame_beat_bytes=design.frame_beat_bytes,
        classes=len(bundle.classes),
        stages=hardware,
        threshold_int=bundle.policy.threshold_int,
        retention_frames=buffers.retention,
        queue_frames=buffers.queue,
        reorder_frames=buffers.reorder,
        last_frames=buffers.last,
    )
    (folder / FILE_LIST).write_text("".join(f"{source}\n" for source in sources), encoding="utf-8")
    (folder / LINT_FILE).write_text(render_waivers(sources), encoding="utf-8")
    registers = registers_of(parameters)
    for name, told in (
        (REGISTERS, registers_json(registers)),
        (REGISTERS_HTML, html_table(registers)),
        (REGISTERS_HEADER, c_header(registers)),
        (REGISTERS_PYTHON, python_constants(registers)),
    ):
        (folder / name).write_text(told, encoding="utf-8")
    text = accelerator.model_dump_json(indent=2) + "\n"
    (folder / DESIGN_FILE).write_text(text, encoding="utf-8")
    return accelerator


def _build_id(
    bundle: bytes, design: Design, folding: Folding, buffers: Buffers, fifos: Fifos | None
) -> int:
    """Return 32 bits that name what decides the hardware, for the driver to compare.

    What was folded for does not, nor where files lie; what they say does.
    """
    depths: str | dict[str, int] = design.fifos
    if fifos is not None:
        depths = {fifo.name: fifo.depth_words for stage in fifos.stages for fifo in stage.fifos}
    decisive = {
        "board": design.board,
        "clk_period_ns": design.clk_period_ns,
        "frame_beat_bytes": design.frame_beat_bytes,
        "buffers": dataclasses.asdict(buffers),
        "folding": [stage.model_dump() for stage in folding.stages],
        "fifos": depths,
    }
    digest = hashlib.sha256(bundle)
    digest.update(json.dumps(decisive, sort_keys=True).encode())
    return int.from_bytes(digest.digest()[:4], "big")


def _publish(folder: Path, out_dir: Path) -> None:
    """Move the finished outputs to ``out_dir``; what else lies there (a run manifest) stays."""
    out_dir.mkdir(exist_ok=True)
    for name in reversed(OUTPUTS):
        old = out_dir / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in OUTPUTS:
        (folder / name).rename(out_dir / name)
