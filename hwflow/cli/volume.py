"""``hwflow simulate --images`` and ``--vcd``: many images through the RTL, waveforms of some."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwflow.cli import jobs, render
from hwflow.cli.output import Output, Stopwatch, shown
from hwflow.config.accelerator import DESIGN_FILE
from hwflow.config.simulation import VOLUME_FILE
from hwflow.errors import ConfigError

Data = dict[str, Any]
# Scores and cycle stamps of so many stay in memory.
MOST_IMAGES = 10_000_000


@dataclass(frozen=True)
class VolumeOptions:
    """As given on the command line; None where not given."""

    images: int | None
    extra: Path | None
    jobs: int | None
    vcd: Path | None
    vcd_frames: str | None
    seed: int

    @property
    def volume(self) -> bool:
        """Whether images are to be compared, and not only shown."""
        return self.images is not None or (self.extra is not None and self.vcd is None)

    def check(self) -> None:
        """Refuse options without what they belong to.

        Raises:
            ConfigError: naming the option.
        """
        if self.vcd_frames is not None and self.vcd is None:
            raise ConfigError("--vcd-frames needs a file to write: add --vcd FILE")
        if self.vcd is not None and self.vcd.is_dir():
            raise ConfigError(f"--vcd {self.vcd}: a folder is there; name a file")
        if self.images is not None and self.images > MOST_IMAGES:
            raise ConfigError(f"--images {self.images}: expected {MOST_IMAGES:,} at most")
        if self.images is not None and self.span().stop > self.images:
            raise ConfigError(
                f"--vcd-frames {self.vcd_frames}: beyond the {self.images} of --images; raise that"
            )
        if self.jobs is not None and not self.volume:
            raise ConfigError("--jobs shares images between processes: add --images N")

    def span(self) -> range:
        """Return the images of the waveform.

        Raises:
            ConfigError: not of the form A:B.
        """
        told = self.vcd_frames or "0:1"
        found = re.fullmatch(r"(\d+):(\d+)", told)
        span = range(int(found[1]), int(found[2])) if found else range(0)
        if not span:
            raise ConfigError(
                f"--vcd-frames {told}: expected A:B with A < B, e.g. 3:5 for images 3 and 4"
            )
        return span


def simulate(
    output: Output, accelerator: Path, *, out: Path | None, options: VolumeOptions, dry_run: bool
) -> None:
    """Send images through the RTL, write a waveform, or both."""
    options.check()
    span = options.span()
    if not (accelerator / DESIGN_FILE).is_file():
        raise ConfigError(
            f"{accelerator}: no accelerator (no {DESIGN_FILE} in it); `hwflow build` makes one"
        )
    data: Data = {"command": "simulate"}
    if options.volume:
        folder = out or accelerator.parent / jobs.VOLUME
        job = jobs.volume_job(
            accelerator,
            out=folder,
            images=options.images,
            extra=options.extra,
            seed=options.seed,
            workers=options.jobs,
        )
        data["out"] = shown(folder)
        if dry_run:
            data |= {"dry_run": True, "action": "reuse" if job.is_complete() else "run"}
        else:
            data |= _run(output, job, folder)
    if options.vcd is not None:
        data["vcd"] = {"file": str(options.vcd), "images": [span.start, span.stop]}
        if not dry_run:
            data["vcd"] |= _write_vcd(output, accelerator, options, span)
    output.result(data, render.details(data))


def _run(output: Output, job: jobs.Job, folder: Path) -> Data:
    watch = Stopwatch()
    with output.progress(job.step.name) as progress:
        outcome = job.run(progress)
    how = "unchanged" if outcome.reused else f"done in {watch.seconds} s"
    output.note(f"[bold]{job.step.name:<9}[/] {how:<16} {shown(folder)}")
    result: Data = json.loads((folder / VOLUME_FILE).read_text(encoding="utf-8"))
    return {
        "reused": outcome.reused,
        "seconds": watch.seconds,
        "input_hash": outcome.manifest.input_hash,
        **result,
        "compared": sum(link["compared"] for link in result["exactness"]),
        "mismatches": sum(link["mismatches"] for link in result["exactness"]),
    }


def _write_vcd(output: Output, accelerator: Path, options: VolumeOptions, span: range) -> Data:
    from hwflow.simulate.waveform import write_waveform

    assert options.vcd is not None
    with output.progress("vcd") as progress:
        progress(f"waveform of images {span.start} to {span.stop - 1}", 0, 0)
        cycles = write_waveform(
            accelerator, options.vcd, frames=span, extra=options.extra, seed=options.seed
        )
    # One clock cycle is two units of the waveform's time.
    return {"cycles": len(cycles), "time": [2 * cycles.start, 2 * cycles.stop]}
