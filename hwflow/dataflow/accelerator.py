"""``build``: a bundle and a design become a self-contained accelerator folder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hwflow.cascade.retention import depth
from hwflow.config.accelerator import DESIGN_FILE, Accelerator, StageHardware
from hwflow.config.bundle import BUNDLE_FILE, GOLDEN_FILE, Bundle, load_bundle
from hwflow.config.design import Design
from hwflow.dataflow import finn
from hwflow.dataflow.lint import LINT_FILE, render_waivers
from hwflow.dataflow.stage import GRAPHS, Stage, StageConfig, build_stage
from hwflow.dataflow.stitch import RTL
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.lower.lowering import InputSpec, lower_file
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, registers_of, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.rtl.registers import c_header, html_table, registers_json

PARTS = {"pynq-z1": "xc7z020clg400-1", "pynq-z2": "xc7z020clg400-1"}
BUNDLE = "bundle"
FILE_LIST = "rtl.f"
REGISTERS = "registers.json"
REGISTERS_HTML = "registers.html"
REGISTERS_HEADER = "registers.h"
# What ``build`` owns in its output folder; design.json last, so that its presence means complete.
OUTPUTS = (
    RTL,
    GRAPHS,
    BUNDLE,
    FILE_LIST,
    LINT_FILE,
    REGISTERS,
    REGISTERS_HTML,
    REGISTERS_HEADER,
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
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{out_dir.name}-", dir=out_dir.parent) as name,
        tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch,
    ):
        folder = Path(name)
        accelerator = _build(design, bundle, bundle_dir, folder, Path(scratch), progress)
        _publish(folder, out_dir)
    return accelerator


def _build(
    design: Design,
    bundle: Bundle,
    bundle_dir: Path,
    folder: Path,
    scratch: Path,
    progress: Progress,
) -> Accelerator:
    _copy_bundle(bundle, bundle_dir, folder / BUNDLE)
    part = PARTS[design.board]
    total = len(bundle.stages) + 1
    stages = []
    spec = InputSpec(bundle.input.dtype, bundle.input.scale, bundle.input.shift)
    with finn.session(scratch) as running:
        for index, (model, target) in enumerate(zip(bundle.stages, design.stages, strict=True)):
            progress(f"stage{index}: dataflow", index, total)
            config = StageConfig(
                name=f"stage{index}",
                part=part,
                clk_period_ns=design.clk_period_ns,
                target_ii_cycles=target.target_ii_cycles,
                share=1 / len(bundle.stages),
                frame_beats=-(-bundle.frame_bytes // design.frame_beat_bytes),
            )
            network = lower_file(folder / BUNDLE / model.qonnx, spec)
            stages.append(build_stage(network, config, folder, running))
    progress("controller", total - 1, total)
    accelerator = _compose(design, bundle, bundle_dir, stages, folder)
    progress("accelerator", total, total)
    return accelerator


def _copy_bundle(bundle: Bundle, source: Path, target: Path) -> None:
    target.mkdir()
    for name in (BUNDLE_FILE, GOLDEN_FILE, *(stage.qonnx for stage in bundle.stages)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _compose(
    design: Design, bundle: Bundle, bundle_dir: Path, stages: Sequence[Stage], folder: Path
) -> Accelerator:
    """Add controller and top to ``folder`` and describe the whole."""
    hardware = tuple(stage.hardware for stage in stages)
    retention = _retention(design, hardware)
    parameters = AcceleratorParameters(
        stages=tuple(
            StagePorts(stage.top, stage.in_bytes, stage.score_bits, stage.score_lanes)
            for stage in hardware
        ),
        classes=len(bundle.classes),
        frame_bytes=bundle.frame_bytes,
        frame_beat_bytes=design.frame_beat_bytes,
        retention_frames=retention,
        threshold_int=bundle.policy.threshold_int,
        build_id=_build_id(bundle_dir, design),
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
        retention_frames=retention,
    )
    (folder / FILE_LIST).write_text("".join(f"{source}\n" for source in sources), encoding="utf-8")
    (folder / LINT_FILE).write_text(render_waivers(sources), encoding="utf-8")
    registers = registers_of(parameters)
    for name, told in (
        (REGISTERS, registers_json(registers)),
        (REGISTERS_HTML, html_table(registers)),
        (REGISTERS_HEADER, c_header(registers)),
    ):
        (folder / name).write_text(told, encoding="utf-8")
    text = accelerator.model_dump_json(indent=2) + "\n"
    (folder / DESIGN_FILE).write_text(text, encoding="utf-8")
    return accelerator


def _retention(design: Design, stages: Sequence[StageHardware]) -> tuple[int, ...]:
    """Return the frames that the retention buffer of each decision holds."""
    if design.retention_frames != "auto":
        return (design.retention_frames,) * (len(stages) - 1)
    return tuple(
        depth(
            latency_cycles=stage.latency_estimate_cycles,
            ii_cycles=stage.ii_bound_cycles,
            next_ii_cycles=following.ii_bound_cycles,
            escalation_rate=design.escalation_rate,
        )
        for stage, following in pairwise(stages)
    )


def _build_id(bundle_dir: Path, design: Design) -> int:
    """Return 32 bits that name this bundle and design, for the driver to compare."""
    digest = hashlib.sha256((bundle_dir / BUNDLE_FILE).read_bytes())
    digest.update(design.model_dump_json().encode())
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
