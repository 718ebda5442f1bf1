"""A compiled accelerator with dummy stages and its bench: plans in, recorded arrays out."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.performance import StageTiming
from hwflow.rtl.accelerator import AcceleratorParameters, StagePorts, registers_of, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.rtl.registers import ADDRESS_BITS, WORD_BYTES, Kind, RegisterMap
from hwflow.simulate.compile import Ports, Stream, compile_model
from hwflow.simulate.compile import render as render_bench

U64 = NDArray[np.uint64]
IntArray = NDArray[np.int64]
Bytes = NDArray[np.uint8]

TOP = "hwf_soak"
TOP_TEMPLATE, BENCH_TEMPLATE = "soak.sv.j2", "soak.cpp.j2"
DUMMY = "dummy_stage.sv"
DUMMY_SCORE_BITS = 16  # of dummy_stage.sv
MOST_STAGES = 4  # of the bench
PATIENCE_CYCLES = 10_000
THRESHOLDS_OFFSET = 0x40  # a single stage has none, but the bench asks for the place


@dataclass(frozen=True)
class Dummy:
    """A dummy stage: see dummy_stage.sv. ``frames`` complete ones fit inside."""

    in_bytes: int
    lanes: int
    latency: int
    interval: int
    frames: int = 8


@dataclass(frozen=True)
class Rig:
    """An accelerator with dummy stages; most fields are those of ``AcceleratorParameters``.

    ``score_bits``: the dummies' scores are multiplied by a power of two to have so many.
    """

    name: str
    dummies: tuple[Dummy, ...]
    beat_bytes: int
    retention: tuple[int, ...] = ()
    queue: tuple[int, ...] = ()
    in_block: tuple[bool, ...] = ()
    reorder: int = 0
    frame_bytes: int = 36
    classes: int = 10
    score_bits: int = DUMMY_SCORE_BITS

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.dummies)

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return -(-self.frame_bytes // self.beat_bytes)

    @property
    def score_shift(self) -> int:
        """By how many bits the dummies' scores are shifted."""
        return self.score_bits - DUMMY_SCORE_BITS

    @property
    def parameters(self) -> AcceleratorParameters:
        """What the accelerator is generated from."""
        return AcceleratorParameters(
            stages=tuple(
                StagePorts(f"stage{k}", dummy.in_bytes, self.score_bits, dummy.lanes)
                for k, dummy in enumerate(self.dummies)
            ),
            classes=self.classes,
            frame_bytes=self.frame_bytes,
            frame_beat_bytes=self.beat_bytes,
            retention_frames=self.retention,
            queue_frames=self.queue or self.retention,
            retention_in_block=self.in_block or (False,) * len(self.retention),
            threshold_int=tuple((5000 + k) << self.score_shift for k in range(len(self.retention))),
            reorder_frames=self.reorder,
            build_id=0x1234ABCD,
        )

    @property
    def registers(self) -> RegisterMap:
        """The registers."""
        return registers_of(self.parameters)

    def in_words(self, stage: int) -> int:
        """Return the words of a frame that ``stage`` takes."""
        return self.frame_bytes // self.dummies[stage].in_bytes

    def score_beats(self, stage: int) -> int:
        """Return the words of a frame's scores that ``stage`` gives."""
        return -(-self.classes // self.dummies[stage].lanes)

    def timing(self, stage: int) -> StageTiming:
        """Return the timing of ``stage`` for the performance model."""
        dummy, span = self.dummies[stage], self.in_words(stage) - 1
        return StageTiming(
            ii_cycles=max(dummy.interval, span + 1, self.score_beats(stage)),
            # The queue of frames inside takes a clock even where no latency is asked for.
            latency_cycles=span + max(1, dummy.latency) + self.score_beats(stage) - 1,
            input_cycles=span,
            word_bytes=dummy.in_bytes,
            score_words=self.score_beats(stage),
            frames=dummy.frames,
        )

    def scores(self, frames: Bytes, stage: int) -> IntArray:
        """Return the (N, classes) scores that dummy ``stage`` gives for ``frames`` (N, bytes)."""
        wide = frames.astype(np.int64)
        weights = 2 * np.arange(self.frame_bytes, dtype=np.int64) + 1
        total = (wide * weights).sum(axis=1) & 0xFFFF
        own = frames[:, stage * self.classes : (stage + 1) * self.classes]
        shift = np.arange(self.classes) % 9
        scripted = own.view(np.int8).astype(np.int64) * 256
        scores: IntArray = (scripted + ((total[:, None] >> shift) & 0xFF)) << self.score_shift
        return scores


def sources_of(rig: Rig) -> dict[str, str]:
    """Return the sources of the accelerator and what is around it, file name to text, in order."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in CASCADE_SOURCES}
    texts |= render(rig.parameters)
    texts[DUMMY] = _package_text(DUMMY)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_package_text(TOP_TEMPLATE))
    texts[f"{TOP}.sv"] = template.render(p=rig.parameters, dummies=rig.dummies)
    return texts


def compile_rig(
    rig: Rig, *, replaced: Mapping[str, str] | None = None, optimise: str = "-O1"
) -> Path:
    """Return the compiled bench of ``rig``; ``replaced``: sources by name that differ.

    Raises:
        ToolFailedError: Verilator or the compiler refused it.
    """
    texts = sources_of(rig) | dict(replaced or {})
    ports = _ports(rig)
    bench = bench_text(rig)
    with tempfile.TemporaryDirectory(prefix="hwflow-soak-") as name:
        for file, text in texts.items():
            (Path(name) / file).write_text(text, encoding="utf-8")
        return compile_model(
            ports, sources=tuple(texts), folder=Path(name), optimise=optimise, bench=bench
        )


def bench_text(rig: Rig) -> str:
    """Return the C++ around ``rig``."""
    return render_bench(_package_text(BENCH_TEMPLATE), _ports(rig), trace=False)


def _ports(rig: Rig) -> Ports:
    return Ports(
        top=TOP,
        source=Stream("s_axis_frame", rig.beat_bytes, last=True),
        sink=Stream("m_axis_result", 8),
        control="s_axi_ctrl",
    )


def _package_text(name: str) -> str:
    return resources.files("hwflow.bench.cascade").joinpath(name).read_text("utf-8")


class Array(IntEnum):
    """The recorded arrays, numbered as in the bench; see there for their columns."""

    FRAMES = 0
    RESULTS = 1
    VERDICTS = 2
    READ_OUT = 3
    FIRST_WORD = 4
    LAST_SCORE = 5
    EPOCHS = 6
    PEAKS = 7
    COUNTERS = 8
    STATUS_READ = 9
    MALFORMED = 10
    CLEARS = 11
    ENABLES = 12
    WINDOWS = 13
    IRQ = 14
    COVERAGE = 15


_COLUMNS = {
    Array.FRAMES: 7,
    Array.RESULTS: 3,
    Array.VERDICTS: 3,
    Array.READ_OUT: 3,
    Array.FIRST_WORD: 3,
    Array.LAST_SCORE: 3,
    Array.EPOCHS: 3,
    Array.PEAKS: 3,
    Array.COUNTERS: 3,
    Array.STATUS_READ: 2,
    Array.MALFORMED: 1,
    Array.CLEARS: 2,
    Array.ENABLES: 2,
    Array.WINDOWS: 4,
    Array.IRQ: 2,
    Array.COVERAGE: 1,
}

COVERAGE_BINS = (
    "writes refused",
    "writes done",
    "reads refused",
    "reads done",
    "soft resets",
    "soft resets within a frame",
    "hard resets",
)


@dataclass(frozen=True)
class Run:
    """What a run recorded. ``frames``: (N, frame bytes) uint8, as accepted, zeros where padded.

    ``arrays``: (rows, columns) int64 each; result words keep their 64 bits. ``error``: what the
    bench found wrong by itself, with the cycle, or ""; ``error_frame``: the last frame accepted.
    """

    cycles: int
    frames: Bytes
    arrays: Mapping[Array, IntArray]
    error: str
    error_frame: int

    def __getitem__(self, which: Array) -> IntArray:
        """Return one array."""
        return self.arrays[which]

    @property
    def words(self) -> U64:
        """(N,) uint64 result words in the order in which they left."""
        return np.ascontiguousarray(self[Array.RESULTS][:, 2]).view(np.uint64)


@dataclass(frozen=True)
class RandomTraffic:
    """Everything at random from ``seed``; an epoch between two resets has so many frames."""

    seed: int
    frames: int
    epoch_frames: tuple[int, int] = (1, 400)


@dataclass(frozen=True)
class GivenTraffic:
    """``frames`` (N, bytes) uint8, each offered from its ``arrival`` on, (N,) cycles.

    ``arrival`` None: as early as the input takes them. ``writes``: (register, value) beforehand.
    """

    frames: Bytes
    arrival: IntArray | None = None
    writes: Sequence[tuple[str, int]] = field(default_factory=tuple)


class _Register(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("kind", "index", "settable", "reset"))


class _Plan(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("seed", "frames", "patience", "given_count")),
        *((name, ctypes.c_void_p) for name in ("given", "arrival", "registers", "writes")),
        *(
            (name, ctypes.c_uint32)
            for name in (
                "write_count",
                "random",
                "stages",
                "classes",
                "frame_bytes",
                "frame_beats",
                "beat_bytes",
                "epoch_least",
                "epoch_most",
                "control",
                "irq_status",
                "irq_enable",
                "alarm_window",
                "alarm_limit",
                "threshold",
                "threshold_shift",
            )
        ),
        ("in_words", ctypes.c_uint32 * MOST_STAGES),
        ("score_beats", ctypes.c_uint32 * MOST_STAGES),
    )


# Of registers whose value the bench knows from what it sees; its enumeration Kind goes on so.
_UNMAPPED, _CONSTANT, _SETTING, _STICKY = range(4)
_OBSERVED = (
    "cycles_low",
    "cycles_high",
    "status",
    "frames_in",
    "frames_short",
    "frames_long",
    "stall_input",
    "exits",
    "shed",
    "stall_stage",
    "retained",
    "retained_peak",
)


def _register_table(registers: RegisterMap) -> ctypes.Array[_Register]:
    table = (_Register * ((1 << ADDRESS_BITS) // WORD_BYTES))()
    for register in registers.registers:
        stem, _, index = register.name.rpartition("_")
        numbered = index.isdigit()
        name = stem if numbered else register.name
        fields = register.fields
        settable = 0
        if name in _OBSERVED:
            kind = _STICKY + 1 + _OBSERVED.index(name)
        elif any(one.kind is Kind.STICKY for one in fields):
            kind = _STICKY
            settable = sum(((1 << one.bits) - 1) << one.low for one in fields)
        elif register.writable:
            kind = _SETTING
            settable = sum(
                ((1 << one.bits) - 1) << one.low for one in fields if one.kind is Kind.SETTING
            )
        else:
            kind = _CONSTANT
        table[register.offset // WORD_BYTES] = _Register(
            kind, int(index) if numbered else 0, settable, register.reset
        )
    return table


def run_rig(rig: Rig, library: Path, traffic: RandomTraffic | GivenTraffic) -> Run:
    """Run ``traffic`` through the compiled ``rig``."""
    registers = rig.registers
    table = _register_table(registers)
    given = arrival = None
    writes: list[int] = []
    if isinstance(traffic, RandomTraffic):
        seed, count = traffic.seed, traffic.frames
        least, most = traffic.epoch_frames
    else:
        seed, count = 1, len(traffic.frames)
        least = most = count
        given = np.ascontiguousarray(traffic.frames)
        if traffic.arrival is not None:
            arrival = traffic.arrival.astype(np.uint64)
        for name, value in traffic.writes:
            writes += [registers[name].offset, value]
    write_array = (ctypes.c_uint32 * len(writes))(*writes)
    pad = [0] * (MOST_STAGES - rig.stages)
    plan = _Plan(
        seed=seed,
        frames=count,
        patience=PATIENCE_CYCLES,
        given_count=0 if given is None else len(given),
        given=None if given is None else given.ctypes.data,
        arrival=None if arrival is None else arrival.ctypes.data,
        registers=ctypes.addressof(table),
        writes=ctypes.addressof(write_array),
        write_count=len(writes) // 2,
        random=given is None,
        stages=rig.stages,
        classes=rig.classes,
        frame_bytes=rig.frame_bytes,
        frame_beats=rig.beats,
        beat_bytes=rig.beat_bytes,
        epoch_least=least,
        epoch_most=most,
        control=registers["control"].offset,
        irq_status=registers["irq_status"].offset,
        irq_enable=registers["irq_enable"].offset,
        alarm_window=registers["alarm_window"].offset,
        alarm_limit=registers["alarm_limit"].offset,
        threshold=THRESHOLDS_OFFSET,
        threshold_shift=rig.score_shift,
        in_words=tuple([rig.in_words(k) for k in range(rig.stages)] + pad),
        score_beats=tuple([rig.score_beats(k) for k in range(rig.stages)] + pad),
    )
    return _collect(rig, _load(library), plan)


def _load(library: Path) -> ctypes.CDLL:
    dll = ctypes.CDLL(str(library), mode=ctypes.RTLD_LOCAL)
    handle, count = ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64)
    for name, result, arguments in (
        ("soak_error", ctypes.c_char_p, []),
        ("soak_error_frame", ctypes.c_uint64, []),
        ("soak_run", handle, [ctypes.POINTER(_Plan)]),
        ("soak_delete", None, [handle]),
        ("soak_cycles", ctypes.c_uint64, [handle]),
        ("soak_array", ctypes.c_void_p, [handle, ctypes.c_uint32, count]),
        ("soak_frames", ctypes.c_void_p, [handle, count]),
    ):
        function = getattr(dll, name)
        function.restype, function.argtypes = result, arguments
    return dll


def _collect(rig: Rig, dll: ctypes.CDLL, plan: _Plan) -> Run:
    handle = dll.soak_run(ctypes.byref(plan))
    error = dll.soak_error().decode(errors="replace")
    if not handle:
        return Run(0, np.empty((0, rig.frame_bytes), np.uint8), {}, error, 0)
    try:
        count = ctypes.c_uint64()
        arrays = {}
        for which in Array:
            where = dll.soak_array(handle, which, ctypes.byref(count))
            flat = np.frombuffer(ctypes.string_at(where or 0, 8 * count.value), np.int64)
            arrays[which] = flat.reshape(-1, _COLUMNS[which]).copy()
        where = dll.soak_frames(handle, ctypes.byref(count))
        frames = np.frombuffer(ctypes.string_at(where or 0, count.value), np.uint8)
        return Run(
            int(dll.soak_cycles(handle)),
            frames.reshape(-1, rig.frame_bytes).copy(),
            arrays,
            error,
            int(dll.soak_error_frame()),
        )
    finally:
        dll.soak_delete(handle)
