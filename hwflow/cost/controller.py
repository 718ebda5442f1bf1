"""The cascade around the stages as numbers: controller, registers, retained frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from hwflow.cost.block import Parts, bits_for
from hwflow.cost.fifo import FifoMemory, fifo_memory, ram_ramb18
from hwflow.cost.memory import distributed_ram_luts
from hwflow.cost.resources import Resources

# hwf_cascade's USER_BITS without thresholds and place: id and flags that travel beside a frame.
FRAME_FLAGS = 25
RESULT_BITS = 64


def retention_in_block(frames: int, *, frame_beats: int, beat_bits: int) -> bool:
    """Return whether the frame memory of a retention buffer goes into block RAM."""
    return fifo_memory(frame_beats << bits_for(frames), beat_bits) is FifoMemory.BLOCK


@dataclass(frozen=True)
class StageSide:
    """A stage as the controller sees it: bytes of a beat in, scores out."""

    in_bytes: int
    score_bits: int
    score_lanes: int


@dataclass(frozen=True)
class Controller:
    """``hwf_accelerator`` without its stages; fields as in its ``AcceleratorParameters``."""

    stages: Sequence[StageSide]
    classes: int
    frame_bytes: int
    frame_beat_bytes: int
    retention_frames: Sequence[int]
    reorder_frames: int = 0
    last_frames: int = 32

    kind = "controller"

    def parts(self) -> Parts:
        """Return what it is made of."""
        beat_bits = 8 * self.frame_beat_bytes
        beats = -(-self.frame_bytes // self.frame_beat_bytes)
        margin_bits = max(stage.score_bits for stage in self.stages)
        retained = [(beats << bits_for(frames), beat_bits) for frames in self.retention_frames]
        tickets = tuple(self._tickets(margin_bits + 1))
        store = [(self.reorder_frames, RESULT_BITS)] if self.reorder_frames else []
        blocks = sum(
            ram_ramb18(*memory) for memory in retained if fifo_memory(*memory) is FifoMemory.BLOCK
        )
        lutram = sum(
            distributed_ram_luts(*memory)
            for memory in (*retained, *tickets, *store)
            if fifo_memory(*memory) is FifoMemory.DISTRIBUTED
        )
        decisions = len(self.retention_frames)
        terms = {
            "one": 1.0,
            "reorder_frames": float(self.reorder_frames),
            "decisions": float(decisions),
            "threshold_bits": float(margin_bits * decisions),
            "retained_bits": float(beat_bits * decisions),
            "beat_bits": float(beat_bits),
            "running_bits": float(sum(s.score_bits + 1 for s in self.stages)),
        }
        lut = terms | {
            "placed_bits": float(sum(map(self._placed_bits, self.stages))),
            "remaining_bits": float(sum(8 * self._gearbox(s)[1] for s in self.stages)),
            "compared_bits": float(
                sum((s.score_bits + 1) * (s.score_lanes - 1) for s in self.stages)
            ),
        }
        ff = terms | {
            "held_bits": float(sum(8 * (s.in_bytes + self._gearbox(s)[1]) for s in self.stages)),
        }
        return Parts(Resources(lut=lutram, lutram=lutram, bram36=blocks / 2), lut, ff)

    def _tickets(self, threshold_bits: int) -> Iterator[tuple[int, int]]:
        """Yield depth and width of the queues of `hwf_level` and `hwf_retain`."""
        place = bits_for(self.reorder_frames) if self.reorder_frames else 1
        user = FRAME_FLAGS + place + len(self.retention_frames) * threshold_bits
        for frames in self.retention_frames:
            slot = bits_for(frames)
            yield frames, slot
            yield frames, slot + user
            user -= threshold_bits
            yield frames, slot + user
        yield self.last_frames, user

    def _gearbox(self, stage: StageSide) -> tuple[int, int]:
        """Return of `hwf_gearbox` the places of a beat, and the most bytes that a pop leaves."""
        unit = gcd(stage.in_bytes, self.frame_beat_bytes)
        return stage.in_bytes // unit, self.frame_beat_bytes - unit

    def _placed_bits(self, stage: StageSide) -> int:
        """Bits into which each place of a beat may fall, but the first."""
        return 8 * self.frame_beat_bytes * (self._gearbox(stage)[0] - 1)
