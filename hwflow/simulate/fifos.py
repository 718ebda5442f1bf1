"""FIFO sizing by simulation: the least memory with which a stage is as fast as without limits.

A run without limits tells the pace; one at that pace, how many words each FIFO held at most, which
is enough by itself. From there on FIFOs shrink, many at a time and each in steps that save
something, as long as the pace stays to the cycle.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import Link, load_bundle
from hwflow.config.fifos import Fifo, Fifos, StageFifos, load_fifos, write_fifos
from hwflow.cost.fifo import depth_steps, fifo_memory
from hwflow.cost.memory import LUTS_PER_RAMB18
from hwflow.dataflow.fifos import read_fifos, set_depths
from hwflow.dataflow.resources import fifo_resources
from hwflow.errors import VerificationError
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.checks import load_golden
from hwflow.simulate.compare import compare
from hwflow.simulate.gauges import UNBOUNDED, GaugedStage, GaugeRun
from hwflow.simulate.library import NO_PAUSES, Pauses
from hwflow.simulate.stage import run_stage

log = logging.getLogger(__name__)

# Intervals between frames that must show the pace, behind those in which the stage fills.
STEADY_FRAMES = 3
FILL_FRAMES = 3
# Random pauses that the found depths must get along with.
SEEDS = (1, 2, 3)
IDLE, STALL, LONGEST = 0.05, 0.2, 40
PAUSED_FRAMES = 6
# A flip-flop in LUTs: a slice has two to one.
FF_LUTS = 0.5


@dataclass(frozen=True)
class StagePace:
    """Cycles per frame of a stage.

    ``ii_cycles``: its RTL at full speed; ``bound_cycles``: the largest of any node, as designed;
    ``unbounded_ii_cycles``: with FIFOs that never fill.
    """

    name: str
    ii_cycles: float
    bound_cycles: int
    unbounded_ii_cycles: float


def size_fifos(folder: Path, *, progress: Progress = silent) -> Fifos:
    """Size the FIFOs of the accelerator in ``folder``, rewire its stages, and say so there.

    Changes ``rtl/stage<k>.v``, the saved graphs, ``design.json`` and ``fifos.json``.

    Raises:
        VerificationError: a stage stops under random pauses.
        ToolNotFoundError: Verilator or a compiler is missing.
    """
    design = load_accelerator(folder)
    found = tuple(
        _size_stage(folder, design, number, stage, progress)
        for number, stage in enumerate(read_fifos(folder).stages)
    )
    depths = {fifo.name: fifo.depth_words for stage in found for fifo in stage.fifos}
    set_depths(folder, depths, "simulated")
    fifos = Fifos(schema_version=1, stages=found, seeds=SEEDS)
    write_fifos(fifos, folder)
    return fifos


def _size_stage(
    folder: Path, design: Accelerator, number: int, stage: StageFifos, progress: Progress
) -> StageFifos:
    total = len(stage.fifos) + 1
    bits = [fifo.bits or 0 for fifo in stage.fifos]
    progress(f"{stage.name}: compile the stage with gauges", 0, total)
    with GaugedStage(folder, design, number, bits) as gauged:
        progress(f"{stage.name}: FIFOs without limits", 0, total)
        sizing = _Sizing(gauged, len(bits))
        free = sizing.measure()
        peaks = sizing.peaks()

        def told(done: int) -> None:
            what = f"{stage.name}: FIFO depths, {sizing.simulations} simulations"
            progress(what, done, total)

        # Words can wait in one place or another: depths by formula, besides those that surely
        # suffice, leave the choice.
        levels = [
            _levels(max(peak, fifo.depth_words), wide)
            for peak, fifo, wide in zip(peaks, stage.fifos, bits, strict=True)
        ]
        search = _Search(levels, sizing.keeps_pace, told)
        depths = search.run()
        last = sizing.run(depths)
        _check_pauses(gauged, stage.name, depths)
    progress(f"{stage.name}: FIFO depths", total, total)
    return StageFifos(
        name=stage.name,
        fifos=tuple(
            Fifo(
                name=fifo.name,
                depth_words=depth,
                bits=fifo.bits,
                found="simulated",
                memory=fifo_memory(depth, wide).value,
                peak_words=peak,
            )
            for fifo, depth, wide, peak in zip(stage.fifos, depths, bits, peaks, strict=True)
        ),
        ii_bound_cycles=design.stages[number].ii_bound_cycles,
        unbounded_ii_cycles=free,
        ii_cycles=steady_pace(last.out_cycles),
        simulations=sizing.simulations,
    )


def steady_pace(cycles: NDArray[np.int64]) -> float:
    """Return the mean of the last ``STEADY_FRAMES`` gaps of ``cycles``."""
    return round(float(cycles[-1] - cycles[-1 - STEADY_FRAMES]) / STEADY_FRAMES, 3)


@dataclass
class _Sizing:
    """The simulations of one stage; ``pace``: cycles per frame without limits, once measured."""

    gauged: GaugedStage
    count: int
    simulations: int = 0
    pace: float = 0.0
    frames: int = 0
    patience: int | None = None
    known: dict[tuple[int, ...], bool] = field(default_factory=dict)

    def measure(self) -> float:
        """Return the pace without limits; finds how long the stage takes to get there."""
        unbounded = [UNBOUNDED] * self.count
        first = self.run(unbounded, frames=STEADY_FRAMES + 1)
        latency, pace = int(first.out_cycles[0]), steady_pace(first.out_cycles)
        self.frames = ceil(latency / pace) + FILL_FRAMES + STEADY_FRAMES
        self.pace = steady_pace(self.run(unbounded).out_cycles)
        self.patience = latency + 2 * ceil(self.pace)
        return self.pace

    def peaks(self) -> tuple[int, ...]:
        """Return the most words in each FIFO when frames come at the pace: depths that keep it."""
        self.simulations += 1
        run = self.gauged.run([UNBOUNDED] * self.count, self.frames, pace=ceil(self.pace))
        return run.peaks

    def run(self, depths: Sequence[int], *, frames: int | None = None) -> GaugeRun:
        """Return one run, frames back to back."""
        self.simulations += 1
        return self.gauged.run(depths, frames or self.frames, patience=self.patience)

    def keeps_pace(self, depths: tuple[int, ...]) -> bool:
        """Whether the stage is as fast as without limits."""
        if depths not in self.known:
            self.simulations += 1
            run = self.gauged.run(
                depths,
                self.frames,
                patience=self.patience,
                slowest=(self.frames - STEADY_FRAMES, ceil(self.pace)),
            )
            whole = len(run.out_cycles) == self.frames
            self.known[depths] = whole and steady_pace(run.out_cycles) <= self.pace
        return self.known[depths]


def _price(depth: int, bits: int) -> float:
    taken = fifo_resources(depth, bits)
    return taken.lut + FF_LUTS * taken.ff + 2 * LUTS_PER_RAMB18 * taken.bram36


def _levels(peak: int, bits: int) -> tuple[int, ...]:
    """Return depths from one that surely suffices down to 1, each cheaper than all before."""
    steps = depth_steps(peak)
    kept = [steps[-1]]
    for depth in reversed(steps[:-1]):
        if _price(depth, bits) < _price(kept[-1], bits):
            kept.append(depth)
    return tuple(kept)


@dataclass
class _Search:
    """Lowers ``levels[i]`` (depths, descending) of each FIFO as far as ``keeps`` allows.

    A deeper FIFO never makes a stage slower, so what fails for some fails for fewer words too. The
    end is a minimum: none of the FIFOs can be a level lower.
    """

    levels: Sequence[tuple[int, ...]]
    keeps: Callable[[tuple[int, ...]], bool]
    told: Callable[[int], None]
    done: int = 0
    state: list[int] = field(default_factory=list)

    def run(self) -> tuple[int, ...]:
        """Return the depths."""
        self.state = [0] * len(self.levels)
        while not self._try({}):
            self._widen()
        # Those that promise most come first, while the others still leave them room.
        order = sorted(range(len(self.levels)), key=lambda i: -self.levels[i][0])
        self._lower(order)
        return self._depths({})

    def _depths(self, changed: dict[int, int]) -> tuple[int, ...]:
        state = [changed.get(i, level) for i, level in enumerate(self.state)]
        return tuple(depths[level] for depths, level in zip(self.levels, state, strict=True))

    def _try(self, changed: dict[int, int]) -> bool:
        if not self.keeps(self._depths(changed)):
            return False
        for index, level in changed.items():
            self.state[index] = level
        return True

    def _widen(self) -> None:
        """Add a step to what should have sufficed: block RAM shows words later than LUTs do."""
        self.levels = [(depth_steps(depths[0] + 1)[-1], *depths) for depths in self.levels]

    def _lower(self, group: list[int]) -> None:
        """Take ``group`` to its cheapest levels: together, by halves, or one as far as it goes."""
        lowest = {i: len(self.levels[i]) - 1 for i in group}
        if self._try(lowest):
            self.done += len(group)
        elif len(group) > 1:
            middle = len(group) // 2
            self._lower(group[:middle])
            self._lower(group[middle:])
            return
        else:
            (index,) = group
            works, fails = self.state[index], lowest[index]
            while fails - works > 1:
                level = (works + fails) // 2
                if self._try({index: level}):
                    works = level
                else:
                    fails = level
            self.done += 1
        self.told(self.done)


def _check_pauses(gauged: GaugedStage, name: str, depths: Sequence[int]) -> None:
    for seed in SEEDS:
        log.info("%s: found FIFO depths under random pauses, seed %d", name, seed)
        pauses = Pauses(IDLE, STALL, longest=LONGEST, seed=seed)
        run = gauged.run(depths, PAUSED_FRAMES, pauses=pauses)
        if run.stalled:
            raise VerificationError(
                f"{name}: FIFO depths under random pauses, seed {seed}",
                compared=PAUSED_FRAMES,
                mismatches=PAUSED_FRAMES - len(run.out_cycles),
                sample=len(run.out_cycles),
                expected="every frame's scores",
                got="a stage that stopped; build with fifos: formula",
            )


def measure_pace(folder: Path) -> tuple[StagePace, ...]:
    """Return each stage's cycles per frame: of its RTL, bound, and with FIFOs that never fill."""
    design = load_accelerator(folder)
    golden = load_golden(folder / design.bundle, load_bundle(folder / design.bundle), limit=None)
    told = {stage.name: stage for stage in read_fifos(folder).stages}
    paces = []
    for number, hardware in enumerate(design.stages):
        stage = told[hardware.name]
        with GaugedStage(
            folder, design, number, [fifo.bits or 0 for fifo in stage.fifos]
        ) as gauged:
            sizing = _Sizing(gauged, len(stage.fifos))
            free = sizing.measure()
        frames = np.resize(golden.frames, (sizing.frames, *golden.frames.shape[1:]))
        busy = run_stage(folder, number, frames)
        paces.append(
            StagePace(
                name=hardware.name,
                ii_cycles=steady_pace(busy.out_cycle),
                bound_cycles=hardware.ii_bound_cycles,
                unbounded_ii_cycles=free,
            )
        )
    return tuple(paces)


def check_fifos(folder: Path, *, progress: Progress = silent) -> tuple[Link, ...]:
    """Compare each stage's RTL at its simulated depths with what the gauges promised.

    Golden frames: every score is exact, at full speed and under random pauses of each seed, and
    the pace is the promised one to the cycle. Nothing is compared of depths by formula.

    Raises:
        VerificationError: naming stage, run and frame.
    """
    design = load_accelerator(folder)
    told = load_fifos(folder)
    golden = load_golden(folder / design.bundle, load_bundle(folder / design.bundle), limit=None)
    links = []
    runs: list[Pauses] = [NO_PAUSES]
    runs += [Pauses(IDLE, STALL, longest=LONGEST, seed=seed) for seed in told.seeds]
    sized = [stage for stage in told.stages if stage.ii_cycles is not None]
    for k, stage in enumerate(sized):
        number = [hardware.name for hardware in design.stages].index(stage.name)
        for run, pauses in enumerate(runs):
            progress(f"{stage.name}: RTL at its FIFO depths", k * len(runs) + run, len(sized) * 4)
            count = len(golden.frames) if pauses == NO_PAUSES else PAUSED_FRAMES
            how = "full speed" if pauses == NO_PAUSES else f"random pauses, seed {pauses.seed}"
            got = run_stage(folder, number, golden.frames[:count], pauses=pauses)
            links.append(
                compare(
                    f"golden ↔ {stage.name} RTL at simulated FIFO depths, {how}",
                    expected=golden.scores[number][:count],
                    got=got.scores,
                )
            )
            if pauses == NO_PAUSES and steady_pace(got.out_cycle) != stage.ii_cycles:
                raise VerificationError(
                    f"{stage.name}: cycles per frame at simulated FIFO depths",
                    compared=count,
                    mismatches=1,
                    sample=count - 1,
                    expected=f"{stage.ii_cycles} as with gauges",
                    got=f"{steady_pace(got.out_cycle)} in RTL",
                )
    return tuple(links)
