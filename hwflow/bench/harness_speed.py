"""Speed of the compiled harness beside cocotb and a bare Verilator loop on the same model."""

from __future__ import annotations

import ctypes
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import ConfigError, VerificationError
from hwflow.simulate.accelerator import (
    RESULT_BYTES,
    accelerator_ports,
    load_accelerator,
    patience_cycles,
    to_beats,
)
from hwflow.simulate.cocotb_run import build_cocotb, simulate_cocotb
from hwflow.simulate.compile import FLAGS, compile_model, render
from hwflow.simulate.library import Simulation
from hwflow.simulate.stimulus import load_stimulus

OPTIMISE = "-O1"  # as compile_model's, for cocotb's build too
COCOTB_MODULE = "cocotb_frames"


@dataclass(frozen=True)
class Speed:
    """Simulated clock cycles per second of processor time: the median of ``runs``."""

    cycles_per_s: float
    runs: tuple[float, ...]


@dataclass(frozen=True)
class HarnessSpeed:
    """The contenders on one accelerator, on the same frames, with equal results.

    ``cocotb``: AxiStreamSource and AxiStreamSink of cocotbext-axi; ``bare``: a hand-written loop.
    All three simulate RTL that the same Verilator compiled with the same flags.
    """

    harness: Speed
    bare: Speed
    cocotb: Speed

    @property
    def over_cocotb(self) -> float:
        """Times that the harness is faster than cocotb."""
        return self.harness.cycles_per_s / self.cocotb.cycles_per_s

    @property
    def of_bare(self) -> float:
        """The harness's speed as a fraction of the bare loop's."""
        return self.harness.cycles_per_s / self.bare.cycles_per_s


# One run: clock cycles, processor seconds, result words in order of arrival.
Run = tuple[int, float, list[int]]


def measure(
    folder: Path, *, frames: int, cocotb_frames: int, repeats: int = 5, seed: int = 1
) -> HarnessSpeed:
    """Measure the accelerator in ``folder``; every contender runs ``repeats`` times in turn.

    Harness and bare loop send ``frames`` frames, cocotb, which is slower, ``cocotb_frames``.
    Processor time is told rather than the clock's, since other work may share the machine.

    Raises:
        VerificationError: a contender gave other results.
        ConfigError: the accelerator has several stages, whose results may come in another order.
    """
    design = load_accelerator(folder)
    if len(design.stages) != 1:
        raise ConfigError(f"{folder}: the bench wants one stage, found {len(design.stages)}")
    stimulus, _, _ = load_stimulus(folder, design, extra=None, seed=seed)
    sent = stimulus.frames(0, frames)
    runs: dict[str, list[float]] = {"harness": [], "bare": [], "cocotb": []}
    with tempfile.TemporaryDirectory(prefix="hwflow-speed-") as scratch:
        work = Path(scratch) / "accelerator"
        shutil.copytree(folder, work)
        contenders: dict[str, Callable[[], Run]] = {
            "harness": _warm(_harness(folder, sent)),
            "bare": _warm(_bare(folder, sent)),
            "cocotb": _cocotb(work, sent[:cocotb_frames]),
        }
        expected = contenders["harness"]()[2]
        for _ in range(repeats):
            for name, run in contenders.items():
                cycles, seconds, results = run()
                _check(name, expected, results)
                runs[name].append(cycles / seconds)
    return HarnessSpeed(**{name: Speed(statistics.median(v), tuple(v)) for name, v in runs.items()})


def _warm(run: Callable[[], Run]) -> Callable[[], Run]:
    """Run before what is measured: a process that has waited for another finds its caches cold."""

    def warmed() -> Run:
        run()
        return run()

    return warmed


def _check(name: str, expected: list[int], got: list[int]) -> None:
    wrong = [i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b]
    if wrong:
        raise VerificationError(
            f"harness ↔ {name}, results",
            compared=len(got),
            mismatches=len(wrong),
            sample=wrong[0],
            expected=f"{expected[wrong[0]]:#x}",
            got=f"{got[wrong[0]]:#x}",
        )


def _harness(folder: Path, frames: NDArray[np.uint8]) -> Callable[[], Run]:
    design = load_accelerator(folder)
    ports = accelerator_ports(design)
    library = compile_model(ports, sources=design.sources, folder=folder, optimise=OPTIMISE)
    simulation = Simulation(library, ports, folder=folder)
    patience = patience_cycles(design)

    def run() -> Run:
        simulation.reset()
        simulation.load(*to_beats(frames, design.frame_beat_bytes))
        before, begin = simulation.cycle, time.process_time()
        simulation.run(len(frames), patience=patience)
        seconds = time.process_time() - begin
        results = simulation.recording().data.view("<u8").reshape(-1).tolist()
        return simulation.cycle - before, seconds, results

    return run


def _bare(folder: Path, frames: NDArray[np.uint8]) -> Callable[[], Run]:
    design = load_accelerator(folder)
    ports = accelerator_ports(design)
    template = resources.files("hwflow.bench").joinpath("bare_loop.cpp.j2").read_text("utf-8")
    library = compile_model(
        ports,
        sources=design.sources,
        folder=folder,
        optimise=OPTIMISE,
        bench=render(template, ports, trace=False),
    )
    loop = ctypes.CDLL(str(library), mode=ctypes.RTLD_LOCAL).bare_loop
    loop.restype = ctypes.c_uint64
    u64, pointer = ctypes.c_uint64, ctypes.c_void_p
    loop.argtypes = [ctypes.c_char_p, pointer, pointer, u64, pointer, pointer, u64]
    data, last = to_beats(frames, design.frame_beat_bytes)
    results, stamps = np.zeros((2, len(frames)), np.uint64)
    where = str(folder).encode()

    def run() -> Run:
        begin = time.process_time()
        arrays = (data.ctypes.data, last.ctypes.data, len(data))
        cycles = loop(where, *arrays, results.ctypes.data, stamps.ctypes.data, len(frames))
        return cycles, time.process_time() - begin, results.tolist()

    return run


def _cocotb(work: Path, frames: NDArray[np.uint8]) -> Callable[[], Run]:
    """``work``: a copy of the accelerator, in which memory files are found and all is built."""
    design = load_accelerator(work)
    padded = to_beats(frames, design.frame_beat_bytes)[0].reshape(len(frames), -1)
    np.save(work / "frames.npy", padded)
    speed = work / "speed.json"
    control_files = [name for name in design.sources if name.endswith(".vlt")]
    build_cocotb(
        design.top,
        sources=[work / name for name in design.sources if name not in control_files],
        build_dir=work,
        flags=[
            *(flag for flag in FLAGS if flag not in {"--cc", "--exe", "--no-timing"}),
            *(str(work / name) for name in control_files),
        ],
        optimise=OPTIMISE,
    )

    def run() -> Run:
        simulate_cocotb(
            design.top,
            test_module=COCOTB_MODULE,
            build_dir=work,
            python_path=[Path(str(resources.files("hwflow.bench")))],
            env={
                "HWF_FRAMES": str(work / "frames.npy"),
                "HWF_SPEED": str(speed),
                "COCOTB_LOG_LEVEL": "WARNING",  # it would tell every frame, byte by byte
            },
            log=work / "cocotb.log",
        )
        told = json.loads(speed.read_text(encoding="utf-8"))
        return told["cycles"], told["seconds"], told["results"]

    assert RESULT_BYTES == 8, "results are compared as 64-bit words"
    return run
