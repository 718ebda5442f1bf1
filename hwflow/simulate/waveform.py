"""A waveform of chosen frames: the accelerator at work between neighbours, as a VCD."""

from __future__ import annotations

from pathlib import Path

from hwflow.errors import ConfigError
from hwflow.simulate.accelerator import AcceleratorModel, load_accelerator
from hwflow.simulate.stimulus import check_count, load_stimulus
from hwflow.simulate.volume import make_plan


def write_waveform(
    folder: Path, path: Path, *, frames: range, extra: Path | None = None, seed: int = 0
) -> range:
    """Write a VCD of ``frames`` of the stimulus to ``path``; see ``AcceleratorModel.record``.

    Frames before and behind them, as many as the accelerator holds, keep its pipelines full.
    Returns the clock cycles written; the VCD's time is two units per cycle.

    Raises:
        ConfigError: no such frames, or ``path`` cannot be written.
    """
    design = load_accelerator(folder)
    stimulus, _, _ = load_stimulus(folder, design, extra=extra, seed=seed)
    check_count(stimulus, frames.stop)
    overlap = make_plan(design, frames.stop).overlap
    start, stop = max(frames.start - overlap, 0), frames.stop + overlap
    if stimulus.limit is not None:
        stop = min(stop, stimulus.limit)
    span = range(frames.start - start, frames.stop - start)
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
    except OSError as error:
        raise ConfigError(
            f"--vcd {path}: cannot be written ({error.strerror}); choose another place"
        ) from error
    try:
        with AcceleratorModel(folder, random_state=seed, trace=True) as model:
            cycles = model.record(stimulus.frames(start, stop), span, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return cycles
