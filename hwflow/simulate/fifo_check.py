"""Whether a stage's RTL keeps what its simulated FIFO depths promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hwflow.config.bundle import Link, load_bundle
from hwflow.config.fifos import load_fifos
from hwflow.errors import VerificationError
from hwflow.log import Progress, silent
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.checks import load_golden
from hwflow.simulate.compare import compare
from hwflow.simulate.fifos import IDLE, LONGEST, PAUSED_FRAMES, STALL, steady_pace
from hwflow.simulate.library import NO_PAUSES, Pauses
from hwflow.simulate.stage import run_stage


def check_fifos(folder: Path, *, progress: Progress = silent) -> tuple[Link, ...]:
    """Compare each stage's RTL at its simulated depths with what the gauges promised.

    Golden frames, again from the first where there are too few: every score is exact, at full speed
    and under random pauses of each seed, and the pace is the promised one to the cycle. Nothing is
    compared of depths by formula.

    Raises:
        VerificationError: naming stage, run and frame.
    """
    design = load_accelerator(folder)
    told = load_fifos(folder)
    golden = load_golden(folder / design.bundle, load_bundle(folder / design.bundle), limit=None)
    numbers = {hardware.name: number for number, hardware in enumerate(design.stages)}
    runs: list[Pauses] = [NO_PAUSES]
    runs += [Pauses(IDLE, STALL, longest=LONGEST, seed=seed) for seed in told.seeds]
    sized = [stage for stage in told.stages if stage.frames is not None]
    links: list[Link] = []
    for stage in sized:
        number = numbers[stage.name]
        for pauses in runs:
            progress(f"{stage.name}: RTL at its FIFO depths", len(links), len(sized) * len(runs))
            full_speed = pauses == NO_PAUSES
            how = "full speed" if full_speed else f"random pauses, seed {pauses.seed}"
            count = stage.frames if full_speed and stage.frames else PAUSED_FRAMES
            places = np.arange(count) % len(golden.frames)
            got = run_stage(folder, number, golden.frames[places], pauses=pauses)
            links.append(
                compare(
                    f"golden ↔ {stage.name} RTL at simulated FIFO depths, {how}",
                    expected=golden.scores[number][places],
                    got=got.scores,
                )
            )
            if full_speed and steady_pace(got.out_cycle) != stage.ii_cycles:
                raise VerificationError(
                    f"{stage.name}: cycles per frame at simulated FIFO depths",
                    compared=count,
                    mismatches=1,
                    sample=count - 1,
                    expected=f"{stage.ii_cycles:g} as with gauges",
                    got=f"{steady_pace(got.out_cycle):g} in RTL",
                )
    return tuple(links)
