"""Drivers and checkers of plain valid/ready streams, for ports that are not named like AXI."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

PATTERNS = ("none", "periodic", "random")


def pauses(pattern: str, rng: random.Random) -> Iterator[bool]:
    """Yield for each clock whether to pause: never, 3 clocks of 4 in bursts, or by chance.

    The random pattern changes its own rate now and then, so that a run sees both long waits and
    long stretches at full speed.
    """
    if pattern == "none":
        while True:
            yield False
    if pattern == "periodic":
        while True:
            yield from (True, True, True, False, False)
    if pattern != "random":
        raise ValueError(f"unknown pattern {pattern!r}")
    rate = 0.5
    while True:
        if rng.random() < 0.02:
            rate = rng.choice((0.0, 0.2, 0.5, 0.9))
        yield rng.random() < rate


@dataclass(frozen=True)
class Port:
    """The signals of one stream; ``payload`` maps a field to its signal."""

    name: str
    valid: Any
    ready: Any
    payload: Mapping[str, Any]

    @staticmethod
    def axis(dut: Any, prefix: str, *fields: str) -> Port:
        """Return port ``prefix``_tvalid, _tready, and _t``field`` for each of ``fields``."""
        payload = {field: getattr(dut, f"{prefix}_t{field}") for field in fields}
        valid, ready = (getattr(dut, f"{prefix}_t{name}") for name in ("valid", "ready"))
        return Port(prefix, valid, ready, payload)


def _number(signal: Any) -> int:
    return signal.value.to_unsigned() if hasattr(signal.value, "to_unsigned") else int(signal.value)


class Source:
    """Sends queued beats ({field: unsigned}); once valid is up it stays up until ready."""

    def __init__(self, clock: Any, reset_n: Any, port: Port, pause: Iterator[bool]) -> None:
        self.queue: deque[dict[str, int]] = deque()
        self.on_accept: Callable[[dict[str, int]], None] | None = None
        self.pause = pause
        self._clock, self._reset_n, self._port = clock, reset_n, port
        port.valid.value = 0
        for signal in port.payload.values():
            signal.value = 0
        cocotb.start_soon(self._run())

    @property
    def idle(self) -> bool:
        """True when every queued beat was accepted."""
        return not self.queue

    async def _run(self) -> None:
        port, offered = self._port, False
        while True:
            await RisingEdge(self._clock)
            if not int(self._reset_n.value):
                offered = False
                port.valid.value = 0
                continue
            if offered and int(port.ready.value):
                beat = self.queue.popleft()
                offered = False
                if self.on_accept is not None:
                    self.on_accept(beat)
            if not offered:
                offered = bool(self.queue) and not next(self.pause)
                if offered:
                    for field, value in self.queue[0].items():
                        port.payload[field].value = value
                port.valid.value = int(offered)


class Sink:
    """Takes beats into ``beats`` as (cycle, {field: unsigned}) and checks the handshake.

    A beat that was offered and not taken must be offered unchanged in the next clock.
    """

    def __init__(
        self, clock: Any, reset_n: Any, port: Port, pause: Iterator[bool], now: Callable[[], int]
    ) -> None:
        self.beats: deque[tuple[int, dict[str, int]]] = deque()
        self.taken = 0
        self.pause = pause
        self._clock, self._reset_n, self._port, self._now = clock, reset_n, port, now
        port.ready.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        port = self._port
        held: dict[str, int] | None = None
        while True:
            await RisingEdge(self._clock)
            if not int(self._reset_n.value):
                held = None
                continue
            if int(port.valid.value):
                beat = {field: _number(signal) for field, signal in port.payload.items()}
                assert held is None or beat == held, (
                    f"{port.name}: beat {self.taken} changed while it waited, at cycle "
                    f"{self._now()}: {held} became {beat}"
                )
                held = beat
                if int(port.ready.value):
                    self.beats.append((self._now(), beat))
                    self.taken += 1
                    held = None
            else:
                assert held is None, (
                    f"{port.name}: beat {self.taken} was withdrawn before it was taken, at cycle "
                    f"{self._now()}: {held}"
                )
            port.ready.value = int(not next(self.pause))
