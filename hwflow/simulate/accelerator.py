"""The whole accelerator in simulation: frames in; results, scores and cycle stamps out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.result import unpack
from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import load
from hwflow.errors import ConfigError, VerificationError
from hwflow.rtl.registers import Register, RegisterMap, read_map
from hwflow.simulate.closing import Closing
from hwflow.simulate.compile import Ports, Stream, Tap, compile_model
from hwflow.simulate.library import (
    NO_PAUSES,
    OUTPUT,
    PROTOCOL_BROKEN,
    STALLED,
    Pauses,
    Recording,
    Simulation,
)

IntArray = NDArray[np.int64]

RESULT_BYTES = 8
ID_MODULUS = 1 << 16
THRESHOLD_MODULUS = 1 << 32
# A call into the compiled design cannot be interrupted; this many frames take a second or so.
FRAMES_PER_CALL = 16


@dataclass(frozen=True)
class SimResult:
    """What came out for N frames, in the order in which they went in.

    ``prediction``, ``exit_stage``, ``margin``, ``flags``, ``in_cycle`` (first beat accepted) and
    ``out_cycle`` (result taken): (N,) int64; cycle 0 is the first beat of all. ``scores[k]``:
    (frames that reached stage k, classes) int64 in the order of arrival there, and
    ``score_cycle[k]``: cycle of each one's last score. ``counters``: the accelerator's registers.
    """

    prediction: IntArray
    exit_stage: IntArray
    margin: IntArray
    flags: IntArray
    in_cycle: IntArray
    out_cycle: IntArray
    scores: tuple[IntArray, ...]
    score_cycle: tuple[IntArray, ...]
    counters: dict[str, int]


def load_accelerator(folder: Path) -> Accelerator:
    """Return the accelerator described in ``folder``.

    Raises:
        ConfigError: no ``design.json``, or not of the schema.
    """
    if not (folder / DESIGN_FILE).is_file():
        raise ConfigError(f"{folder}: no {DESIGN_FILE} in it; make one with `hwflow build`")
    return load(Accelerator, folder / DESIGN_FILE)


def patience_cycles(design: Accelerator) -> int:
    """Return after how many cycles without any handshake the accelerator counts as stuck.

    Pipelines fill and a frame may wait for others, but never for several times the latency.
    """
    return 10_000 + 4 * sum(stage.latency_estimate_cycles for stage in design.stages)


def accelerator_ports(design: Accelerator) -> Ports:
    """Return the top's ports as the bench needs them."""
    return Ports(
        top=design.top,
        source=Stream("s_axis_frame", design.frame_beat_bytes, last=True),
        sink=Stream("m_axis_result", RESULT_BYTES),
        taps=tuple(
            Tap(f"tap{k}_valid_o", f"tap{k}_data_o", -(-stage.score_lanes * stage.score_bits // 8))
            for k, stage in enumerate(design.stages)
        ),
        control="s_axi_ctrl",
    )


def to_beats(frames: NDArray[np.uint8], beat_bytes: int) -> tuple[NDArray[np.uint8], ...]:
    """Return (data (beats, beat_bytes), last (beats,)), uint8, of ``frames`` (N, ...) uint8.

    The last beat of a frame is padded with zeros.
    """
    flat = frames.reshape(len(frames), -1)
    beats = -(-flat.shape[1] // beat_bytes)
    padded = np.zeros((len(flat), beats * beat_bytes), np.uint8)
    padded[:, : flat.shape[1]] = flat
    last = np.zeros((len(flat), beats), np.uint8)
    last[:, -1] = 1
    return padded.reshape(-1, beat_bytes), last.reshape(-1)


def unpack_scores(beats: NDArray[np.uint8], *, bits: int, lanes: int, classes: int) -> IntArray:
    """Return (frames, classes) int64 of score ``beats`` (N, bytes), lane 0 in the lowest bits.

    Scores are two's complement in ``bits`` bits; class = beat × lanes + lane, and what is beyond
    the last class is dropped.
    """
    per_frame = -(-classes // lanes)
    whole = len(beats) // per_frame * per_frame
    bit = np.unpackbits(beats[:whole], axis=1, bitorder="little")[:, : bits * lanes]
    weight = np.left_shift(np.int64(1), np.arange(bits, dtype=np.int64))
    weight[-1] = -weight[-1]
    values = bit.reshape(whole, lanes, bits).astype(np.int64) @ weight
    return values.reshape(-1, per_frame * lanes)[:, :classes]


def check_settings(stages: int, *, thresholds: Sequence[int] | None, force: int | None) -> None:
    """Refuse settings that an accelerator of so many ``stages`` does not have; None is no setting.

    Raises:
        ConfigError: not one threshold per decision, one that its register cannot hold, or no such
            stage to leave at.
    """
    if thresholds is not None and len(thresholds) != stages - 1:
        raise ConfigError(
            f"thresholds: expected {stages - 1}, one per decision of {stages} stage(s), "
            f"got {len(thresholds)}"
        )
    for k, value in enumerate(() if thresholds is None else thresholds):
        if not 0 <= value < THRESHOLD_MODULUS:
            raise ConfigError(f"thresholds: number {k}: expected 0 to 2^32 - 1, got {value}")
    if force is not None and force not in range(stages):
        raise ConfigError(f"stage: expected 0 to {stages - 1} of {stages}, got {force}")


def control_word(
    control: Register, *, force: int | None = None, order: bool = False, shed: bool = False
) -> int:
    """Return what to write to register ``control`` of an accelerator that takes frames."""
    exits = {} if force is None else {"force_enable": 1, "force_stage": force}
    return control.word(enable=1, order=order, shed=shed, **exits)


class AcceleratorModel(Closing):
    """The Verilated accelerator of one folder; a context manager."""

    def __init__(self, folder: Path, *, random_state: int = 0, trace: bool = False) -> None:
        """Compile (or find) the accelerator in ``folder`` and make an instance.

        ``random_state``: seed of what the design does not initialise; 0 is zeros.
        """
        self.design = load_accelerator(folder)
        self._ports = accelerator_ports(self.design)
        library = compile_model(
            self._ports, sources=self.design.sources, folder=folder, trace=trace
        )
        self._registers = _read_registers(folder / self.design.registers)
        self.simulation = Simulation(library, self._ports, folder=folder, random_state=random_state)

    def close(self) -> None:
        """Free the simulation; nothing else may be called afterwards."""
        self.simulation.close()

    def read(self, register: str) -> int:
        """Return a register by name."""
        return self.simulation.read(self._registers[register].offset)

    def write(self, register: str, value: int) -> None:
        """Write a register by name."""
        self.simulation.write(self._registers[register].offset, value)

    def run(
        self,
        frames: NDArray[np.uint8],
        *,
        thresholds: Sequence[int] | None = None,
        force: int | None = None,
        order: bool = False,
        shed: bool = False,
        pauses: Pauses = NO_PAUSES,
        progress: Callable[[int], None] = lambda done: None,
    ) -> SimResult:
        """Reset, send ``frames`` (N, H, W, C) back to back and return every result.

        ``thresholds``: one per decision; None leaves those the accelerator was built with.
        ``force``: every frame exits at this stage. ``order``, ``shed``: these bits of ``control``
        are set. ``progress`` is told how many results have come out.

        Raises:
            ConfigError: thresholds or a stage that the accelerator does not have.
            VerificationError: a frame never came out, came out twice, or the result stream broke
                the handshake; names frame and cycle.
        """
        check_settings(len(self.design.stages), thresholds=thresholds, force=force)
        self._start(
            frames,
            thresholds=thresholds if thresholds is not None else (),
            control=control_word(self._registers["control"], force=force, order=order, shed=shed),
            pauses=pauses,
        )
        patience = patience_cycles(self.design)
        for target in range(FRAMES_PER_CALL, len(frames) + FRAMES_PER_CALL, FRAMES_PER_CALL):
            status = self.simulation.run(min(target, len(frames)), patience=patience)
            if status != 0:
                raise self._broken(status, len(frames))
            progress(min(target, len(frames)))
        return self._collect(len(frames))

    def record(self, frames: NDArray[np.uint8], span: range, path: Path) -> range:
        """Send ``frames`` (N, H, W, C) back to back and write some of it to ``path`` as a VCD.

        From the first beat of the first frame in ``span`` until each of them has its result; the
        model must have been made with ``trace``. Returns the cycles written; the VCD's time is two
        units per cycle.

        Raises:
            VerificationError: as ``run``.
        """
        simulation, patience = self.simulation, patience_cycles(self.design)
        self._start(frames, control=control_word(self._registers["control"]))
        beats = -(-self.design.frame_bytes // self.design.frame_beat_bytes)
        status = simulation.run(0, inputs=span.start * beats, patience=patience)
        first = simulation.cycle
        simulation.trace(path)
        try:
            results = 0
            while status == 0 and not self._finished(span):
                results += 1
                status = simulation.run(results, patience=patience)
        finally:
            simulation.trace(None)
        if status != 0:
            raise self._broken(status, len(frames))
        return range(first, simulation.cycle)

    def _finished(self, span: range) -> bool:
        return set(span) <= set(simulated_ids(self.simulation.recording(OUTPUT)).tolist())

    def _start(
        self,
        frames: NDArray[np.uint8],
        *,
        control: int,
        thresholds: Sequence[int] = (),
        pauses: Pauses = NO_PAUSES,
    ) -> None:
        """Reset, set the registers and queue ``frames``."""
        simulation = self.simulation
        simulation.pauses(NO_PAUSES)
        simulation.reset()
        for k, value in enumerate(thresholds):
            self.write(f"threshold_{k}", value)
        self.write("control", control)
        simulation.pauses(pauses)
        simulation.load(*to_beats(frames, self.design.frame_beat_bytes))

    def _broken(self, status: int, count: int) -> VerificationError:
        seen = simulated_ids(self.simulation.recording(OUTPUT))
        missing = sorted(set(range(count)) - set(seen.tolist()))
        what = {
            STALLED: f"nothing moved for {patience_cycles(self.design)} cycles",
            PROTOCOL_BROKEN: "the result changed before it was taken",
        }[status]
        return VerificationError(
            "frame stream ↔ result stream",
            compared=count,
            mismatches=len(missing),
            sample=missing[0] if missing else len(seen),
            expected="one result",
            got=f"none, {what}, at cycle {self.simulation.cycle}",
        )

    def _collect(self, count: int) -> SimResult:
        recording = self.simulation.recording(OUTPUT)
        ids = simulated_ids(recording)
        if sorted(ids.tolist()) != list(range(count)):
            wrong = int(np.flatnonzero(np.sort(ids) != np.arange(count))[0])
            raise VerificationError(
                "frame stream ↔ result stream",
                compared=count,
                mismatches=int(np.count_nonzero(np.sort(ids) != np.arange(count))),
                sample=wrong,
                expected="each sample id once",
                got=f"id {int(np.sort(ids)[wrong])}",
            )
        order = np.argsort(ids)
        words = unpack(_words(recording)[order])
        beats = -(-self.design.frame_bytes // self.design.frame_beat_bytes)
        in_cycle = self.simulation.in_cycles().astype(np.int64)[::beats][:count]
        start = int(in_cycle[0])
        scores, score_cycle = [], []
        for k, stage in enumerate(self.design.stages):
            tap = self.simulation.recording(k)
            per_frame = -(-self.design.classes // stage.score_lanes)
            scores.append(
                unpack_scores(
                    tap.data,
                    bits=stage.score_bits,
                    lanes=stage.score_lanes,
                    classes=self.design.classes,
                )
            )
            cycles = tap.cycle.astype(np.int64)[per_frame - 1 :: per_frame]
            score_cycle.append(cycles[: len(scores[-1])] - start)
        return SimResult(
            prediction=words.label.astype(np.int64),
            exit_stage=words.exit_stage.astype(np.int64),
            margin=words.margin.astype(np.int64),
            flags=words.flags.astype(np.int64),
            in_cycle=in_cycle - start,
            out_cycle=recording.cycle.astype(np.int64)[order] - start,
            scores=tuple(scores),
            score_cycle=tuple(score_cycle),
            counters=self._counters(),
        )

    def _counters(self) -> dict[str, int]:
        wanted = ("frames_", "exits_", "stall_", "retained_", "shed_")
        names = (register.name for register in self._registers.registers)
        return {name: self.read(name) for name in names if name.startswith(wanted)}


def simulated_ids(recording: Recording) -> IntArray:
    """Return the frame index of each result, (N,) int64.

    Sample ids have 16 bits; results are never half that range out of order, so the index is the
    one nearest to the result's own place.
    """
    ids = unpack(_words(recording)).sample_id.astype(np.int64)
    place = np.arange(len(ids), dtype=np.int64) - ID_MODULUS // 2
    return place + (ids - place) % ID_MODULUS


def _words(recording: Recording) -> NDArray[np.uint64]:
    return recording.data.view("<u8").reshape(-1).astype(np.uint64)


def _read_registers(path: Path) -> RegisterMap:
    try:
        return read_map(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no register map ({error}); run `hwflow build` again") from error
