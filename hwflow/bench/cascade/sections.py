"""``hwflow bench cascade``: the figures of the cascade controller, section by section."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hwflow.bench.cascade import area as controller_area
from hwflow.bench.cascade import mutation as mutants_of_rtl
from hwflow.bench.cascade import speed
from hwflow.bench.cascade.area import ControllerArea
from hwflow.bench.cascade.check import Epoch, check
from hwflow.bench.cascade.rig import (
    COVERAGE_BINS,
    Array,
    RandomTraffic,
    Rig,
    Run,
    compile_rig,
    run_rig,
)
from hwflow.bench.cascade.rigs import SOAK_RIGS
from hwflow.bench.cascade.speed import Latency, Pace
from hwflow.bench.figures import Figure, figure
from hwflow.bench.record import Record
from hwflow.bench.sections import Result, measure
from hwflow.cascade.result import FLAG_FORCED, FLAG_LONG, FLAG_ORDERED, FLAG_SHED, FLAG_SHORT
from hwflow.log import Progress, silent
from hwflow.rtl.accelerator import AcceleratorParameters

BENCH = "cascade"
SOAK_FRAMES, RUN_FRAMES = 1_000_000, 10_000
# One epoch without a reset in which the 16 bits of the sample id wrap.
LONG_EPOCH_FRAMES = 70_000
LUTS = 1800
MOST_STAGES = max(rig.stages for rig in SOAK_RIGS)
EXIT_CYCLES = 16
KILL_RATE = 0.95


@dataclass(frozen=True)
class Bench:
    """Where a bench works: ``root`` keeps what is resumed, and logs.

    ``repository``: where the tests are that mutants meet which the soak does not find, or None.
    ``frames``: of the soak.
    """

    root: Path
    repository: Path | None = None
    frames: int = SOAK_FRAMES


def run(
    bench: Bench, record_file: Path, *, only: Iterable[str] = (), progress: Progress = silent
) -> Record:
    """Measure the sections ``only`` (or all) and write each into ``record_file`` once it is done.

    Raises:
        ConfigError: an unknown section, or a place that cannot be written.
        VerificationError: the controller differs from its model; names frame and cycle.
    """
    sections = {name: partial(_recorded, bench, part) for name, part in SECTIONS.items()}
    return measure(BENCH, sections, record_file, out=bench.root, only=only, progress=progress)


def _recorded(
    bench: Bench, part: Callable[[Bench, Progress], Result], progress: Progress
) -> Result:
    """Return what ``part`` finds, and of which RTL."""
    result = part(bench, progress)
    return Result(result.figures, {"rtl": rtl_digest(), **result.details})


def rtl_digest() -> str:
    """Return a hash of the controller's RTL; comments are none of it."""
    return hashlib.sha256("\0".join(mutants_of_rtl.code().values()).encode()).hexdigest()[:16]


def soak(bench: Bench, progress: Progress) -> Result:
    """Random everything through every rig: results, order, counters, interrupt as in the model."""
    total: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for number, rig in enumerate(SOAK_RIGS):
        found = soak_rig(rig, -(-bench.frames // len(SOAK_RIGS)), progress)
        rows.append({"rig": asdict(rig), **found})
        total.update(found)
        progress(rig.name, number + 1, len(SOAK_RIGS))
    note = (
        f"{len(SOAK_RIGS)} controllers of 1 to {MOST_STAGES} stages, seeds from 0 on; "
        f"{total['soft resets']:,} soft and {total['hard resets']:,} hard resets, "
        f"{total['writes done'] + total['writes refused']:,} register writes and "
        f"{total['reads done'] + total['reads refused']:,} reads meanwhile"
    )
    missed = [
        f"{rig.name}: {name}"
        for rig, row in zip(SOAK_RIGS, rows, strict=True)
        for name in _unreached(rig, row)
    ]
    figures = (
        figure(
            "soak, frames accepted",
            total["frames"],
            "frames",
            provenance="simulated",
            goal=("≥", bench.frames),
            note=note,
        ),
        figure(
            "soak, lost or doubled results",
            total["frames"] - total["results"] - total["discarded by a reset"],
            "frames",
            provenance="simulated",
            goal=("=", 0),
            note=f"{total['discarded by a reset']:,} frames were inside at a reset in mid-traffic",
        ),
        figure(
            "soak, results not found equal to the model's",
            total["results"] - total["results equal"],
            "results",
            provenance="simulated",
            goal=("=", 0),
            note=f"{total['results']:,} words, {total['shed']:,} shed, {total['ordered']:,} in "
            f"order, {total['forced']:,} forced; counters, interrupt and order of delivery too; "
            "the first that differs ends the run",
        ),
        figure(
            "soak, bins not reached",
            len(missed),
            "bins",
            provenance="simulated",
            goal=("=", 0),
            note="; ".join(missed) or "every kind of frame and access, on every controller",
        ),
    )
    return Result(figures, {"rigs": rows})


def soak_rig(rig: Rig, frames: int, progress: Progress = silent) -> dict[str, int]:
    """Soak ``rig`` with at least ``frames`` frames and return counts of what happened.

    Raises:
        VerificationError: the first run that differs from the model, named by its seed.
    """
    library = compile_rig(rig)
    counts: Counter[str] = Counter()
    seed = 0
    while counts["frames"] < frames:
        progress(f"{rig.name}, seed {seed}", counts["frames"], frames)
        traffic = RandomTraffic(seed, min(RUN_FRAMES, frames - counts["frames"]))
        # Once for each rig, where there are enough frames: ids wrap.
        if frames - counts["frames"] > LONG_EPOCH_FRAMES and seed == 0:
            long = (LONG_EPOCH_FRAMES, LONG_EPOCH_FRAMES)
            traffic = RandomTraffic(seed, LONG_EPOCH_FRAMES, epoch_frames=long)
        found = run_rig(rig, library, traffic)
        epochs = check(rig, found, what=f"{rig.name}, seed {seed}")
        counts.update(_counts(found, epochs))
        seed += 1
    return {name: counts[name] for name in _BINS} | {"runs": seed}


_FLAGS = {
    "short": FLAG_SHORT,
    "long": FLAG_LONG,
    "forced": FLAG_FORCED,
    "shed": FLAG_SHED,
    "ordered": FLAG_ORDERED,
}
_BINS = (
    "frames",
    "results",
    "results equal",
    "discarded by a reset",
    "cycles",
    "epochs",
    "epochs drained",
    "interrupts",
    *_FLAGS,
    *(f"exits at stage {k}" for k in range(MOST_STAGES)),
    *COVERAGE_BINS,
)


def _counts(run: Run, epochs: tuple[Epoch, ...]) -> Counter[str]:
    counts: Counter[str] = Counter(
        {
            "frames": len(run.frames),
            "results": len(run.words),
            "results equal": sum(e.equal for e in epochs),
            "discarded by a reset": sum(e.frames - e.delivered for e in epochs if not e.drained),
            "cycles": run.cycles,
            "epochs": len(epochs),
            "epochs drained": sum(epoch.drained for epoch in epochs),
            "interrupts": int(run[Array.IRQ][:, 1].sum()),
        }
    )
    flags = run.words >> np.uint64(56)
    for name, bit in _FLAGS.items():
        counts[name] = int(np.count_nonzero(flags & np.uint64(bit)))
    stage = (run.words >> np.uint64(28)) & np.uint64(15)
    for k in range(MOST_STAGES):
        counts[f"exits at stage {k}"] = int(np.count_nonzero(stage == k))
    counts.update(dict(zip(COVERAGE_BINS, run[Array.COVERAGE][:, 0].tolist(), strict=True)))
    return counts


def _unreached(rig: Rig, row: dict[str, Any]) -> list[str]:
    """Return the bins that ``rig`` can reach and did not."""
    out_of_reach = {f"exits at stage {k}" for k in range(rig.stages, MOST_STAGES)}
    if rig.stages == 1:
        out_of_reach.add("shed")
    if not rig.reorder:
        out_of_reach.add("ordered")
    if rig.beats == 1:
        out_of_reach.add("short")
    return [name for name in _BINS if not row[name] and name not in out_of_reach]


def throughput(bench: Bench, progress: Progress) -> Result:
    """Sustained pace against the slowest stage's, and against the performance model."""
    del bench
    progress("throughput", 0, 1)
    found = speed.throughput()
    single = [pace for pace in found if pace.rig == speed.ONE_BEAT]
    regular = [p for p in found if p.pattern.startswith(("every", "none")) and p not in single]
    ordered = [pace for pace in found if pace.pattern.endswith("in order")]
    rest = [pace for pace in found if pace not in (*regular, *single, *ordered)]
    within = [pace for pace in rest if pace.load <= max(speed.LOADS)]
    beyond = [pace for pace in rest if pace not in within]
    figures = [
        _least_pace("throughput, regular patterns", regular),
        _least_pace("throughput, regular patterns, frames of one beat at one a clock", single),
        _least_pace("throughput, random and bursts at ρ ≤ 0.9", within),
        _least_pace("throughput in order, random and bursts at ρ ≤ 0.9", ordered),
    ]
    worst = max(beyond, key=lambda pace: abs(pace.rate / pace.model - 1))
    figures.append(
        figure(
            "throughput beyond ρ = 0.9 against the model",
            round(abs(worst.rate / worst.model - 1), 5),
            "fraction, worst",
            provenance="simulated",
            goal=("≤", 0.01),
            note=f"{len(beyond)} runs of {worst.frames:,} frames at ρ "
            f"{', '.join(str(load) for load in speed.OVERLOADS)}; worst {_told(worst)}",
        )
    )
    return Result(tuple(figures), {"runs": [asdict(pace) for pace in found]})


def _least_pace(name: str, paces: list[Pace]) -> Figure:
    worst = min(paces, key=lambda pace: pace.rate / pace.bound)
    return figure(
        name,
        round(worst.rate / worst.bound, 5),
        "of min(1/II₀, 1/(r·II₁)), worst",
        provenance="simulated",
        goal=("≥", 0.99),
        note=f"{len(paces)} runs, retention by the formula; worst {_told(worst)}",
    )


def _told(pace: Pace) -> str:
    return f"{pace.rig}, {pace.pattern}, ρ = {pace.load:.2f}, retention {pace.retention}"


def latency(bench: Bench, progress: Progress) -> Result:
    """Clocks from a frame's first beat to its result beyond those of its stage."""
    del bench
    progress("latency", 0, 1)
    found = speed.latency()

    def worst(traffic: str) -> Latency:
        return max((one for one in found if one.traffic == traffic), key=lambda one: one.most)

    figures = tuple(
        figure(
            f"exit latency beyond the stages' own, exit at stage {stage}, {TRAFFIC[traffic]}",
            worst.most,
            "cycles, worst",
            provenance="simulated",
            goal=("≤", EXIT_CYCLES * (stage + 1)),
            note=f"completion order, stages' words no wider than a beat; {EXIT_CYCLES} for each "
            f"stage passed; worst of {worst.frames:,} frames each of {count} controllers: "
            f"{worst.rig}",
        )
        for (traffic, stage), (worst, count) in _worst_latency(found).items()
    )
    return Result(figures, {"runs": [asdict(one) for one in found]})


TRAFFIC = {"alone": "one frame alone", "stream": "stream at half the stage's pace"}


def _worst_latency(found: Iterable[Latency]) -> dict[tuple[str, int], tuple[Latency, int]]:
    """Return by traffic and exit stage the worst, and of how many controllers."""
    kinds: dict[tuple[str, int], list[Latency]] = {}
    for one in found:
        kinds.setdefault((one.traffic, one.exit_stage), []).append(one)
    return {kind: (max(all_, key=lambda one: one.most), len(all_)) for kind, all_ in kinds.items()}


def area(bench: Bench, progress: Progress) -> Result:
    """LUTs and longest path of the controller with registers, two stages, 32 x 32 x 3 frames."""
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for number, (told, parameters) in enumerate(controller_area.SIZES.items()):
        progress(f"yosys, {told}", number, len(controller_area.SIZES))
        found = controller_area.measure(parameters, log_dir=bench.root)
        details[told] = {"area": asdict(found), "parameters": asdict(parameters)}
        figures += _area_figures(told, parameters, found, goal=number == 0)
    return Result(tuple(figures), details)


def _area_figures(
    told: str, parameters: AcceleratorParameters, found: ControllerArea, *, goal: bool
) -> tuple[Figure, Figure]:
    memories = "block RAM" if parameters.retention_in_block[0] else "LUTs"
    bits = " and ".join(str(stage.score_bits) for stage in parameters.stages)
    return (
        figure(
            f"controller beside retention and reorder memory, {told}",
            found.beside_memory,
            "LUT",
            provenance="synthesised",
            goal=("≤", LUTS) if goal else None,
            note=f"two stages, 32×32×3 bytes in beats of {parameters.frame_beat_bytes}, stages' "
            f"words of {parameters.stages[0].in_bytes}, scores of {bits} bits; "
            f"retention of {parameters.retention_frames[0]} frames in {memories}, "
            f"{found.whole.bram36:g} BRAM36, queue of {parameters.queue_frames[0]}; "
            f"{found.whole.lut:,} LUTs in all less {found.retention_lut} of the frame memory and "
            f"{found.reorder_lut} of the memory of {parameters.reorder_frames} results",
        ),
        figure(
            f"controller, longest path, {told}",
            found.path.levels,
            "logic levels",
            provenance="synthesised",
            note=f"{_path(found.path.cells)}; without carry cells "
            f"{found.path_without_carry.levels}: {_path(found.path_without_carry.cells)}",
        ),
    )


def _path(cells: tuple[str, ...]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(cells).items()))


def mutation(bench: Bench, progress: Progress) -> Result:
    """Share of small changes of the RTL that a short soak or the tests of the blocks notice."""
    mutants = mutants_of_rtl.drawn()
    outcomes = mutants_of_rtl.kill(
        mutants, bench.root / "mutants", repository=bench.repository, progress=progress
    )
    known = mutants_of_rtl.explanations()
    valid = [one for one in outcomes if one.killed_by != "compiler"]
    killed = [one for one in valid if one.killed_by]
    left = [one for one in valid if not one.killed_by]
    equivalent = [one for one in left if known.get(one.key, {}).get("equivalent") == "yes"]
    by_soak = sum(one.killed_by.startswith("soak") for one in killed)
    hung = sum(one.told.startswith("no end") for one in killed)
    files = len({one.file for one in valid})
    note = (
        f"{len(killed)} of {len(valid)} in {files} files, drawn with seed "
        f"{mutants_of_rtl.SEED}, {by_soak} by the soak, {hung} since they came to no end; "
        f"{len(equivalent)} of the survivors "
        "change nothing that can be seen"
    )
    figures = (
        figure("mutants", len(valid), "mutants", provenance="simulated", goal=("≥", 50)),
        figure(
            "mutants killed",
            round(len(killed) / len(valid), 4),
            "of all",
            provenance="simulated",
            note=note,
        ),
        figure(
            "mutants killed, equivalent ones aside",
            round(len(killed) / max(1, len(valid) - len(equivalent)), 4),
            "of those that differ",
            provenance="simulated",
            goal=("≥", KILL_RATE),
            note=note,
        ),
        figure(
            "surviving mutants without an explanation",
            sum(one.key not in known for one in left),
            "mutants",
            provenance="simulated",
            goal=("=", 0),
        ),
    )
    rows = [asdict(one) | {"explanation": known.get(one.key)} for one in outcomes]
    return Result(figures, {"mutants": rows})


SECTIONS: dict[str, Callable[[Bench, Progress], Result]] = {
    "soak": soak,
    "throughput": throughput,
    "latency": latency,
    "area": area,
    "mutation": mutation,
}
