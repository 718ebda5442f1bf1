"""Any number of frames through the accelerator's RTL, over processes, each result compared."""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import Link
from hwflow.config.simulation import RESULTS_FILE, VOLUME_FILE, Latency, VolumeRun
from hwflow.errors import ConfigError
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import AcceleratorModel, load_accelerator
from hwflow.simulate.checks import Golden
from hwflow.simulate.compare import compare
from hwflow.simulate.reference import Reference, check_run, expect, load_reference
from hwflow.simulate.shards import Report, run_sharded
from hwflow.simulate.stimulus import Stimulus, check_count, load_stimulus
from hwflow.simulate.timing import steady_ii
from hwflow.simulate.toolchain import find_verilator

IntArray = NDArray[np.int64]

# A segment is long beside its overlap and short enough that progress is seen and little is lost.
SEGMENT_CYCLES = 4_000_000
SEGMENT_FRAMES = 256
SEGMENTS = "segments"
COLUMNS = ("prediction", "exit_stage", "margin", "in_cycle", "out_cycle")


@dataclass(frozen=True)
class Plan:
    """How ``images`` frames are cut into segments; ``overlap``: frames more on either side."""

    images: int
    segment: int
    overlap: int

    @property
    def starts(self) -> range:
        """First frame of each segment."""
        return range(0, self.images, self.segment)

    def own(self, start: int) -> range:
        """Return the frames of the segment that begins at ``start``."""
        return range(start, min(start + self.segment, self.images))

    def simulated(self, start: int) -> range:
        """Return these and the overlap, as far as there are frames."""
        own = self.own(start)
        return range(max(own.start - self.overlap, 0), min(own.stop + self.overlap, self.images))


def make_plan(design: Accelerator, images: int) -> Plan:
    """Return the plan for ``images`` frames, which depends on nothing but the design.

    The overlap holds twice the frames that can be inside the accelerator at once: those in its
    pipelines (latency over II) and those in its retention buffers.
    """
    slowest = max(stage.ii_bound_cycles for stage in design.stages)
    fastest = min(stage.ii_bound_cycles for stage in design.stages)
    latency = sum(stage.latency_estimate_cycles for stage in design.stages)
    inside = -(-latency // fastest) + sum(design.retention_frames)
    overlap = max(8, 2 * inside)
    return Plan(images, max(4 * overlap, min(SEGMENT_FRAMES, SEGMENT_CYCLES // slowest)), overlap)


@dataclass(frozen=True)
class Segment:
    """One segment, simulated and found equal.

    ``columns``: those of COLUMNS, (frames, ) int64, of every frame simulated, overlap included;
    stamps count from the first of them.
    """

    columns: dict[str, IntArray]
    links: tuple[Link, ...]


def simulate_volume(
    folder: Path,
    out_dir: Path,
    *,
    images: int | None,
    extra: Path | None = None,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress = silent,
) -> VolumeRun:
    """Send ``images`` frames through the accelerator in ``folder`` and compare every result.

    The golden frames come first, then those of the file ``extra`` (``images`` None: all of them),
    else variations; see ``Stimulus``. Labels, exit stages, margins and the scores of each stage
    must equal the integer networks and the numpy controller. ``jobs``: processes; None is one per
    core. Writes ``volume.json`` and ``results.npz`` to ``out_dir``, and a file for each finished
    segment meanwhile, which a run that was cut off goes on from.

    Raises:
        VerificationError: an integer differs; names the link and the first image that does.
        ConfigError: more images than the file has.
        ToolNotFoundError: Verilator or a compiler is missing.
    """
    design = load_accelerator(folder)
    stimulus, golden, labels = load_stimulus(folder, design, extra=extra, seed=seed)
    images = stimulus.limit if images is None else images
    if images is None or images < 2:
        raise ConfigError("--images: expected at least 2, or a file of frames to count")
    check_count(stimulus, images)
    progress("compile the accelerator", 0, images)
    with AcceleratorModel(folder):
        pass  # so that the workers find it compiled
    plan = make_plan(design, images)
    parts = out_dir / SEGMENTS
    parts.mkdir(parents=True, exist_ok=True)
    segments = {start: found for start in plan.starts if (found := _read(parts, start))}
    missing = [start for start in plan.starts if start not in segments]
    done = {start: len(plan.own(start)) for start in segments}

    def report(start: int, count: int) -> None:
        done[start] = min(count, len(plan.own(start)))
        progress(f"{images} images", sum(done.values()), images)

    make = functools.partial(_worker, folder, extra, seed, plan)
    for start, segment in run_sharded(
        make, missing, jobs=jobs or os.cpu_count() or 1, report=report
    ):
        _keep(parts, start, segment)
        segments[start] = segment
        report(start, plan.segment)
    ordered = [segments[start] for start in plan.starts]
    columns, unsteady = join(plan, ordered)
    np.savez_compressed(out_dir / RESULTS_FILE, allow_pickle=False, **columns)
    latency = columns["out_cycle"] - columns["in_cycle"]
    known = labels is not None and len(labels) >= images
    run = VolumeRun(
        schema_version=1,
        accelerator=design.name,
        simulator=f"verilator {find_verilator().version}",
        n=images,
        golden=min(len(golden.frames), images),
        frames=stimulus.describe(),
        seed=seed,
        segment_frames=plan.segment,
        overlap_frames=plan.overlap,
        seams=len(ordered) - 1,
        unsteady_seams=unsteady,
        threshold_int=golden.thresholds,
        exit_rate=tuple(
            float(np.mean(columns["exit_stage"] == k)) for k in range(len(design.stages))
        ),
        accuracy=(
            float(np.mean(columns["prediction"] == labels[:images]))
            if known and labels is not None
            else None
        ),
        ii_cycles=steady_ii(columns["in_cycle"], columns["out_cycle"]),
        latency_cycles=Latency(
            min=int(latency.min()), median=float(np.median(latency)), max=int(latency.max())
        ),
        cycles=int(columns["out_cycle"].max()) + 1,
        exactness=_total(ordered),
    )
    text = run.model_dump_json(indent=2) + "\n"
    (out_dir / VOLUME_FILE).write_text(text, encoding="utf-8")
    for path in parts.iterdir():
        path.unlink()
    parts.rmdir()
    return run


def join(plan: Plan, segments: Sequence[Segment]) -> tuple[dict[str, IntArray], int]:
    """Return the columns of all frames with the stamps of one run, and the unsteady seams.

    The stamps of a segment are shifted so that its own first frame goes in when it did behind the
    segment before, where it ran as overlap.
    """
    own: dict[str, list[IntArray]] = {name: [] for name in COLUMNS}
    unsteady = 0
    before: tuple[range, dict[str, IntArray]] | None = None
    for start, segment in zip(plan.starts, segments, strict=True):
        frames, columns = plan.simulated(start), dict(segment.columns)
        if before is not None:
            earlier, known = before
            shift = (
                known["in_cycle"][start - earlier.start]
                - (columns["in_cycle"][start - frames.start])
            )
            for name in ("in_cycle", "out_cycle"):
                columns[name] = columns[name] + shift
            # The last frame before the seam and the first one behind it, as both runs saw them.
            beside = (start - 1, start)
            here, there = ([i - span.start for i in beside] for span in (frames, earlier))
            unsteady += any(
                not np.array_equal(columns[name][here], known[name][there])
                for name in ("in_cycle", "out_cycle")
            )
        before = (frames, columns)
        mine = plan.own(start)
        for name in COLUMNS:
            values = columns[name][mine.start - frames.start : mine.stop - frames.start]
            own[name].append(values)
    return {name: np.concatenate(values) for name, values in own.items()}, unsteady


def _worker(
    folder: Path, extra: Path | None, seed: int, plan: Plan
) -> Callable[[int, Report], Segment]:
    """Return what simulates the segment that begins at a frame."""
    design = load_accelerator(folder)
    stimulus, golden, _ = load_stimulus(folder, design, extra=extra, seed=seed)
    reference = load_reference(folder, design)
    model = AcceleratorModel(folder, random_state=seed)
    return functools.partial(_segment, model, reference, golden, stimulus, plan)


def _segment(
    model: AcceleratorModel,
    reference: Reference,
    golden: Golden,
    stimulus: Stimulus,
    plan: Plan,
    start: int,
    report: Report,
) -> Segment:
    simulated, own = plan.simulated(start), plan.own(start)
    skip = own.start - simulated.start
    frames = stimulus.frames(simulated.start, simulated.stop)
    got = model.run(frames, progress=lambda done: report(max(done - skip, 0)))
    mine = frames[skip : skip + len(own)]
    expected = expect(reference.scores(mine), golden.thresholds)
    links = [
        compare(
            f"golden ↔ integer network of stage {k}",
            expected=scores[own.start : own.stop],
            got=expected.scores[k][: max(len(scores) - own.start, 0)],
            frames=np.arange(own.start, own.stop),
        )
        for k, scores in enumerate(golden.scores)
        if own.start < len(scores)
    ]
    links += check_run(expected, got, first=own.start, skip=skip)
    return Segment({name: getattr(got, name) for name in COLUMNS}, tuple(links))


def _total(segments: Sequence[Segment]) -> tuple[Link, ...]:
    """Return one link for those of each name."""
    compared: Counter[str] = Counter()
    for segment in segments:
        for link in segment.links:
            compared[link.link] += link.compared
    return tuple(
        Link(link=name, compared=count, mismatches=0, ties=0) for name, count in compared.items()
    )


def _keep(parts: Path, start: int, segment: Segment) -> None:
    """Write a finished segment at once, so that what is found there is whole."""
    partial = parts / f"{start}.partial.npz"
    links = json.dumps([link.model_dump() for link in segment.links])
    np.savez_compressed(
        partial, allow_pickle=False, **segment.columns, links=np.frombuffer(links.encode(), "u1")
    )
    partial.replace(parts / f"{start}.npz")


def _read(parts: Path, start: int) -> Segment | None:
    path = parts / f"{start}.npz"
    if not path.is_file():
        return None
    with np.load(path) as stored:
        links = tuple(Link(**link) for link in json.loads(stored["links"].tobytes()))
        return Segment({name: stored[name] for name in COLUMNS}, links)
