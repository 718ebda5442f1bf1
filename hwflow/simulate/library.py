"""A compiled design in this process: bytes in, bytes and cycle stamps out."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.errors import ConfigError, HwflowError, ToolFailedError
from hwflow.simulate.closing import Closing
from hwflow.simulate.compile import Ports

Bytes = NDArray[np.uint8]
Cycles = NDArray[np.uint64]

STALLED, PROTOCOL_BROKEN = 1, 2
REGISTER_PATIENCE_CYCLES = 10_000
OUTPUT = -1


class RegisterError(HwflowError):
    """The design answered a register access with an error, or not at all."""

    exit_code = 4


@dataclass(frozen=True)
class Pauses:
    """Random gaps of the bench, reproducible by ``seed``.

    ``idle``/``stall``: chance per cycle, below 1, that the source / the sink begins a pause, which
    lasts 1 to ``longest`` cycles; ``longest`` and ``seed`` have 32 bits.

    Raises:
        ConfigError: naming the value that is out of its range.
    """

    idle: float = 0.0
    stall: float = 0.0
    longest: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("idle", "stall"):
            chance = getattr(self, name)
            if not 0 <= chance < 1:
                raise ConfigError(
                    f"Pauses: {name}: expected a chance per cycle, from 0 to less than 1, "
                    f"got {chance}"
                )
        for name, least in (("longest", 1), ("seed", 0)):
            value = getattr(self, name)
            if value != int(value) or not least <= value < 2**32:
                raise ConfigError(
                    f"Pauses: {name}: expected a whole number from {least} to 2^32 - 1, got {value}"
                )


NO_PAUSES = Pauses()


@dataclass(frozen=True)
class Recording:
    """Beats at one place: ``data`` (beats, bytes) uint8 and ``cycle`` (beats,) uint64."""

    data: Bytes
    cycle: Cycles


class Simulation(Closing):
    """One instance of a compiled design; a context manager that frees it."""

    def __init__(self, library: Path, ports: Ports, *, folder: Path, random_state: int = 0) -> None:
        """Load ``library`` and run the design's initial blocks inside ``folder``.

        ``random_state``: seed of the value of whatever the design does not initialise; 0 is all
        zeros.

        Raises:
            ToolFailedError: an initial block failed, such as a memory file that is missing.
        """
        self._ports = ports
        self._library = library
        self._dll = _bind(ctypes.CDLL(str(library), mode=ctypes.RTLD_LOCAL), ports)
        handle = self._dll.hwf_new(str(folder).encode(), random_state)
        if not handle:
            raise self._failure()
        self._handle: int | None = handle

    def close(self) -> None:
        """Free the design; nothing else may be called afterwards."""
        if self._handle is not None:
            self._dll.hwf_delete(self._handle)
            self._handle = None

    @property
    def cycle(self) -> int:
        """Clock cycles since the design was made."""
        return int(self._dll.hwf_cycle(self._handle))

    @property
    def accepted(self) -> int:
        """Input beats taken since the last reset."""
        return int(self._dll.hwf_accepted(self._handle))

    def reset(self, cycles: int = 16) -> None:
        """Hold the reset, drop queued beats and forget what was recorded."""
        self._check(self._dll.hwf_reset(self._handle, cycles))

    def load(self, data: Bytes, last: Bytes) -> None:
        """Queue beats for the input: ``data`` (beats, bytes) and ``last`` (beats,), uint8."""
        if data.ndim != 2 or data.shape[1] != self._ports.source.bytes or len(last) != len(data):
            raise ValueError(
                f"beats: expected (N, {self._ports.source.bytes}) with (N,) last, "
                f"got {data.shape} with {last.shape}"
            )
        data, last = np.ascontiguousarray(data), np.ascontiguousarray(last)
        self._check(self._dll.hwf_load(self._handle, data.ctypes.data, last.ctypes.data, len(data)))

    def pauses(self, pauses: Pauses) -> None:
        """Set the random gaps from here on."""
        idle, stall = (min(int(p * 2**32), 2**32 - 1) for p in (pauses.idle, pauses.stall))
        self._dll.hwf_pauses(self._handle, idle, stall, pauses.longest, pauses.seed)

    def arrival(self, *, frame_bytes: int, beat_bytes: int) -> None:
        """Let frames arrive in beats of ``beat_bytes``, one a clock, narrower than the design's."""
        self._dll.hwf_arrival(self._handle, frame_bytes, beat_bytes)

    def run(self, outputs: int, *, patience: int, inputs: int = 0) -> int:
        """Run until ``inputs`` beats went in and ``outputs`` came out since the reset.

        Returns 0, or STALLED when nothing moved for ``patience`` cycles, or PROTOCOL_BROKEN when
        the output changed or vanished before it was taken.
        """
        return self._check(self._dll.hwf_run(self._handle, inputs, outputs, patience))

    def idle(self, cycles: int) -> None:
        """Let ``cycles`` clock cycles pass."""
        self._check(self._dll.hwf_idle(self._handle, cycles))

    def write(self, address: int, value: int, *, strobe: int = 0xF) -> None:
        """Write a 32-bit register.

        Raises:
            RegisterError: the response was not OKAY.
        """
        response = self._check(
            self._dll.hwf_write(self._handle, address, value, strobe, REGISTER_PATIENCE_CYCLES)
        )
        _check_response(response, f"write of {value:#x} to {address:#x}")

    def read(self, address: int) -> int:
        """Return a 32-bit register.

        Raises:
            RegisterError: the response was not OKAY.
        """
        value = ctypes.c_uint32()
        response = self._check(
            self._dll.hwf_read(self._handle, address, ctypes.byref(value), REGISTER_PATIENCE_CYCLES)
        )
        _check_response(response, f"read of {address:#x}")
        return value.value

    def trace(self, path: Path | None) -> None:
        """Write a VCD to ``path`` from now on, or stop; needs a library compiled for it."""
        if path is None:
            self._check(self._dll.hwf_trace_stop(self._handle))
        else:
            self._check(self._dll.hwf_trace(self._handle, str(path).encode()))

    def in_cycles(self) -> Cycles:
        """Return the cycle of each accepted input beat, (beats,) uint64."""
        return _copy(self._dll.hwf_in_cycles(self._handle), self.accepted, np.dtype(np.uint64))

    def recording(self, tap: int = OUTPUT) -> Recording:
        """Return what passed at tap number ``tap``, or at the output."""
        size = self._ports.sink.bytes if tap == OUTPUT else self._ports.taps[tap].bytes
        beats = int(self._dll.hwf_recorded(self._handle, tap))
        data = _copy(self._dll.hwf_data(self._handle, tap), beats * size, np.dtype(np.uint8))
        cycle = _copy(self._dll.hwf_cycles(self._handle, tap), beats, np.dtype(np.uint64))
        return Recording(data.reshape(beats, size), cycle)

    def _check(self, status: int) -> int:
        if status == -100:
            raise self._failure()
        return status

    def _failure(self) -> ToolFailedError:
        text = self._dll.hwf_error().decode(errors="replace")
        return ToolFailedError(
            [f"simulation of {self._ports.top}"], returncode=1, log=self._library, tail=text
        )


def _check_response(response: int, what: str) -> None:
    if response == -1:
        raise RegisterError(f"{what}: no answer within {REGISTER_PATIENCE_CYCLES} cycles")
    if response != 0:
        raise RegisterError(f"{what}: expected response OKAY (0), got {response}")


def _copy(address: int | None, count: int, dtype: np.dtype) -> NDArray:  # type: ignore[type-arg]
    if count == 0 or not address:
        return np.empty(0, dtype)
    raw = ctypes.string_at(address, count * dtype.itemsize)
    return np.frombuffer(raw, dtype=dtype).copy()


def _bind(dll: ctypes.CDLL, ports: Ports) -> ctypes.CDLL:
    handle, u32, u64, pointer = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_uint64,
        ctypes.c_void_p,
    )
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "hwf_error": (ctypes.c_char_p, []),
        "hwf_new": (handle, [ctypes.c_char_p, u32]),
        "hwf_delete": (None, [handle]),
        "hwf_reset": (ctypes.c_int, [handle, u32]),
        "hwf_load": (ctypes.c_int, [handle, pointer, pointer, u64]),
        "hwf_arrival": (None, [handle, u64, u64]),
        "hwf_pauses": (None, [handle, u32, u32, u32, u64]),
        "hwf_run": (ctypes.c_int, [handle, u64, u64, u64]),
        "hwf_idle": (ctypes.c_int, [handle, u64]),
        "hwf_cycle": (u64, [handle]),
        "hwf_accepted": (u64, [handle]),
        "hwf_recorded": (u64, [handle, ctypes.c_int]),
        "hwf_in_cycles": (pointer, [handle]),
        "hwf_cycles": (pointer, [handle, ctypes.c_int]),
        "hwf_data": (pointer, [handle, ctypes.c_int]),
    }
    if ports.control is not None:
        signatures["hwf_write"] = (ctypes.c_int, [handle, u32, u32, ctypes.c_uint8, u64])
        signatures["hwf_read"] = (ctypes.c_int, [handle, u32, pointer, u64])
    for name, (result, arguments) in signatures.items():
        function = getattr(dll, name)
        function.restype = result
        function.argtypes = arguments
    if hasattr(dll, "hwf_trace"):
        dll.hwf_trace.argtypes = [handle, ctypes.c_char_p]
        dll.hwf_trace_stop.argtypes = [handle]
    return dll
