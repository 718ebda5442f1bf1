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

from hwflow.config.accelerator import Accelerator, StageHardware
from hwflow.config.bundle import load_bundle
from hwflow.config.fifos import Fifo, Fifos, StageFifos, write_fifos
from hwflow.cost.fifo import depth_steps, fifo_memory
from hwflow.cost.memory import LUTS_PER_RAMB18
from hwflow.dataflow.fifos import read_fifos, set_depths
from hwflow.dataflow.resources import fifo_resources
from hwflow.errors import ConfigError, ToolNotFoundError, VerificationError
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.checks import load_golden
from hwflow.simulate.gauges import UNBOUNDED, GaugedStage, GaugeRun
from hwflow.simulate.library import Pauses
from hwflow.simulate.stage import run_stage

log = logging.getLogger(__name__)

# Intervals between frames that must show the pace, behind those in which the stage fills.
STEADY_FRAMES = 3
FILL_FRAMES = 3
# Random pauses that the found depths must get along with.
SEEDS = (1, 2, 3)
IDLE, STALL, LONGEST = 0.05, 0.2, 40
PAUSED_FRAMES = 6
# Cycles per frame above the bound of the slowest layer, as a share, that a build tells of.
EXCESS = 0.02
# Steps by which FIFOs may grow beyond the depths that sufficed for frames at the stage's pace.
WIDENINGS = 16
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
        VerificationError: a stage stops whatever the depths of its FIFOs.
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
        sizing = _Sizing(gauged, stage.name, len(bits))
        free = sizing.measure()
        _tell_excess(design.stages[number], free)
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
        search = _Search(levels, sizing.keeps_pace, told, name=stage.name)
        depths = _without_stops(gauged, stage.name, search.run(), [deep[0] for deep in levels])
        last = sizing.run(depths)
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
        frames=sizing.frames,
        simulations=sizing.simulations,
    )


def steady_pace(cycles: NDArray[np.int64]) -> float:
    """Return the mean of the last ``STEADY_FRAMES`` gaps of ``cycles``, which has one more."""
    return round(float(cycles[-1] - cycles[-1 - STEADY_FRAMES]) / STEADY_FRAMES, 3)


@dataclass
class _Sizing:
    """The simulations of one stage; ``pace``: cycles per frame without limits, once measured."""

    gauged: GaugedStage
    name: str
    count: int
    simulations: int = 0
    pace: float = 0.0
    frames: int = 0
    patience: int | None = None
    known: dict[tuple[int, ...], bool] = field(default_factory=dict)

    def measure(self) -> float:
        """Return the pace without limits; finds how long the stage takes to get there.

        Raises:
            VerificationError: the stage stops.
        """
        unbounded = [UNBOUNDED] * self.count
        first = self.run(unbounded, frames=STEADY_FRAMES + 1)
        if first.stalled:
            raise _stopped(f"{self.name}: FIFOs without limits", first, STEADY_FRAMES + 1)
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
    end is a minimum: none of the FIFOs can be a level lower. ``name``: the stage's.
    """

    levels: Sequence[tuple[int, ...]]
    keeps: Callable[[tuple[int, ...]], bool]
    told: Callable[[int], None]
    name: str = "stage"
    done: int = 0
    state: list[int] = field(default_factory=list)

    def run(self) -> tuple[int, ...]:
        """Return the depths.

        Raises:
            VerificationError: ``keeps`` is not met however deep the FIFOs are.
        """
        self.state = [0] * len(self.levels)
        for _ in range(WIDENINGS):
            if self._try({}):
                break
            self._widen()
        else:
            raise VerificationError(
                f"{self.name}: cycles per frame at FIFO depths that should suffice",
                compared=1,
                mismatches=1,
                sample=0,
                expected="those without limits",
                got=f"more, {WIDENINGS} steps on; that is a defect of hwflow, please report it. "
                "`--fifos formula` builds without this search",
            )
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


def _tell_excess(stage: StageHardware, free: float) -> None:
    bound = stage.ii_bound_cycles
    if free > (1 + EXCESS) * bound:
        slowest = max(stage.layers, key=lambda layer: layer.cycles)
        log.warning(
            "%s: a frame takes %g cycles even with FIFOs that never fill, %.1f %% more than the "
            "%d of its bound (%s takes %d)",
            stage.name,
            free,
            100 * (free / bound - 1),
            bound,
            slowest.name,
            slowest.cycles,
        )


def _stopped(link: str, run: GaugeRun, frames: int) -> VerificationError:
    done = len(run.out_cycles)
    return VerificationError(
        link,
        compared=frames,
        mismatches=frames - done,
        sample=done,
        expected="every frame's scores",
        got="a stage that stopped; that is a defect of hwflow, please report it",
    )


def _stop(gauged: GaugedStage, name: str, depths: Sequence[int]) -> GaugeRun | None:
    """Return the run under random pauses in which the stage stops, if it does."""
    for seed in SEEDS:
        log.info("%s: FIFO depths under random pauses, seed %d", name, seed)
        pauses = Pauses(IDLE, STALL, longest=LONGEST, seed=seed)
        run = gauged.run(depths, PAUSED_FRAMES, pauses=pauses)
        if run.stalled:
            return run
    return None


def _without_stops(
    gauged: GaugedStage, name: str, found: Sequence[int], deepest: Sequence[int]
) -> tuple[int, ...]:
    """Return the depths ``found``, or ``deepest`` where the stage stops at those."""
    if _stop(gauged, name, found) is None:
        return tuple(found)
    log.warning(
        "%s: stops under random pauses at the least FIFO depths that keep its pace; it gets those "
        "by formula, or all words that waited at its pace where that is more",
        name,
    )
    stop = _stop(gauged, name, deepest)
    if stop is not None:
        raise _stopped(f"{name}: FIFO depths under random pauses", stop, PAUSED_FRAMES)
    return tuple(deepest)


def try_given(folder: Path, *, progress: Progress = silent) -> Fifos:
    """Run each stage of the accelerator in ``folder`` at the FIFO depths given to it.

    Writes into ``fifos.json`` what pace they allow; warns of one that is slower than without
    limits. Without a simulator it warns that the depths are not tried.

    Raises:
        ConfigError: a stage stops; names the FIFO that is too shallow.
    """
    design = load_accelerator(folder)
    given = read_fifos(folder)
    try:
        stages = tuple(
            _try_stage(folder, design, number, stage, progress)
            for number, stage in enumerate(given.stages)
        )
    except ToolNotFoundError as error:
        log.warning("the given FIFO depths are not tried: %s", error)
        return given
    fifos = Fifos(schema_version=1, stages=stages, seeds=SEEDS)
    write_fifos(fifos, folder)
    return fifos


def _try_stage(
    folder: Path, design: Accelerator, number: int, stage: StageFifos, progress: Progress
) -> StageFifos:
    progress(f"{stage.name}: given FIFO depths", number, len(design.stages))
    depths = [fifo.depth_words for fifo in stage.fifos]
    with GaugedStage(folder, design, number, [fifo.bits or 0 for fifo in stage.fifos]) as gauged:
        sizing = _Sizing(gauged, stage.name, len(depths))
        free = sizing.measure()
        run = sizing.run(depths)
        stop = run if run.stalled else _stop(gauged, stage.name, depths)
        if stop is not None:
            names = [stage.fifos[index].name for index in _too_shallow(gauged, depths, stop)]
            raise ConfigError(
                f"FIFO depths: {stage.name} stops at those given: {' or '.join(names)} holds too "
                "few words; give more, or build with `--fifos simulated`"
            )
    pace = steady_pace(run.out_cycles)
    if pace > free:
        log.warning(
            "%s: a frame takes %g cycles at the given FIFO depths, %g without limits",
            stage.name,
            pace,
            free,
        )
    return stage.model_copy(
        update={
            "ii_bound_cycles": design.stages[number].ii_bound_cycles,
            "unbounded_ii_cycles": free,
            "ii_cycles": pace,
            "frames": sizing.frames,
            "simulations": sizing.simulations,
        }
    )


def _too_shallow(gauged: GaugedStage, depths: Sequence[int], stop: GaugeRun) -> list[int]:
    """Return the FIFOs any of which, without limit, lets the stage go on; or all that are full."""
    full = [index for index, depth in enumerate(depths) if stop.peaks[index] >= depth]
    freeing = []
    for index in full:
        changed = [*depths[:index], UNBOUNDED, *depths[index + 1 :]]
        if not gauged.run(changed, PAUSED_FRAMES).stalled:
            freeing.append(index)
    return freeing or full


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
            sizing = _Sizing(gauged, stage.name, len(stage.fifos))
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
