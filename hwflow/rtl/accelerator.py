"""Renders the SystemVerilog that is particular to one design: its top and its registers."""

from __future__ import annotations

from dataclasses import dataclass

from hwflow.errors import ConfigError
from hwflow.rtl.registers import RegisterMap, cascade_registers, render_registers
from hwflow.rtl.template import render_template

TOP = "hwf_accelerator"

# Fields of the result word.
MAX_STAGES = 16
MAX_CLASSES = 1 << 12
MAX_SCORE_BITS = 32
MAX_SLOTS = 1 << 15


@dataclass(frozen=True)
class StagePorts:
    """The ports of one stage: module ``top`` with ap_clk, ap_rst_n, s_axis_0_*, m_axis_0_*.

    An input beat takes ``in_bytes`` bytes of the frame. A score beat carries ``score_lanes``
    signed scores of ``score_bits`` bits, lane 0 lowest, class = beat × lanes + lane.
    """

    top: str
    in_bytes: int
    score_bits: int
    score_lanes: int

    @property
    def score_tdata_bits(self) -> int:
        """Width of the score stream: AXI-Stream data is a whole number of bytes."""
        return -(-self.score_lanes * self.score_bits // 8) * 8


@dataclass(frozen=True)
class AcceleratorParameters:
    """Everything that ``hwf_accelerator`` is generated from.

    ``retention_frames``, ``queue_frames`` (how many of them may wait for the next stage before
    frames are shed), ``retention_in_block`` (in block RAM) and ``threshold_int`` (reset values of
    the registers) have one entry per decision, so one fewer than ``stages``. ``reorder_frames``:
    results that may wait for earlier ones, a power of two, or 0 for no order but that of
    completion. ``last_frames``: complete frames that may be inside the last stage, whose tickets
    are kept. ``build_id`` is what the driver compares with the bundle, 32 bits.

    Raises:
        ConfigError: on values that the hardware cannot have.
    """

    stages: tuple[StagePorts, ...]
    classes: int
    frame_bytes: int
    frame_beat_bytes: int
    retention_frames: tuple[int, ...]
    queue_frames: tuple[int, ...]
    retention_in_block: tuple[bool, ...]
    threshold_int: tuple[int, ...]
    reorder_frames: int = 0
    last_frames: int = 32
    build_id: int = 0

    def __post_init__(self) -> None:
        def check(holds: bool, what: str, expected: str, got: object) -> None:
            if not holds:
                raise ConfigError(f"accelerator: {what}: expected {expected}, got {got}")

        count = len(self.stages)
        check(1 <= count <= MAX_STAGES, "stages", f"1 to {MAX_STAGES}", count)
        check(
            2 <= self.classes <= MAX_CLASSES,
            "classes",
            f"2 to {MAX_CLASSES} (the label has 12 bits)",
            self.classes,
        )
        check(self.frame_bytes > 0, "frame_bytes", "a positive number", self.frame_bytes)
        beat = self.frame_beat_bytes
        check(
            0 < beat <= 64 and beat & (beat - 1) == 0,
            "frame_beat_bytes",
            "a power of two up to 64",
            beat,
        )
        check(0 <= self.build_id < 1 << 32, "build_id", "32 bits", self.build_id)
        for name, values, high in (
            ("retention_frames", self.retention_frames, MAX_SLOTS),
            ("queue_frames", self.queue_frames, MAX_SLOTS),
            ("retention_in_block", self.retention_in_block, 1),
            ("threshold_int", self.threshold_int, (1 << 32) - 1),
        ):
            check(
                len(values) == count - 1,
                name,
                f"{count - 1} entries for {count} stages",
                f"{len(values)}",
            )
            low = {"retention_frames": 2, "queue_frames": 1}.get(name, 0)
            for value in values:
                check(low <= value <= high, name, f"each in {low}..{high}", value)
        for queue, frames in zip(self.queue_frames, self.retention_frames, strict=True):
            check(queue <= frames, "queue_frames", f"at most retention_frames, {frames}", queue)
        last = self.last_frames
        check(2 <= last <= MAX_SLOTS, "last_frames", f"2 to {MAX_SLOTS}", last)
        places = self.reorder_frames
        check(
            places == 0 or (2 <= places <= MAX_SLOTS and places & (places - 1) == 0),
            "reorder_frames",
            f"0 or a power of two from 2 to {MAX_SLOTS}",
            places,
        )
        # Sample ids must differ among the frames inside; what stages hold beyond is far less.
        check(
            sum(self.retention_frames) <= MAX_SLOTS,
            "retention_frames",
            f"at most {MAX_SLOTS} in all (sample ids have 16 bits)",
            sum(self.retention_frames),
        )
        for index, stage in enumerate(self.stages):
            where = f"stages[{index}] ({stage.top})"
            check(stage.top.isidentifier(), f"{where}.top", "a module name", stage.top)
            check(
                stage.in_bytes > 0 and self.frame_bytes % max(stage.in_bytes, 1) == 0,
                f"{where}.in_bytes",
                f"a divisor of the frame's {self.frame_bytes} bytes",
                stage.in_bytes,
            )
            check(
                2 <= stage.score_bits <= MAX_SCORE_BITS,
                f"{where}.score_bits",
                f"2 to {MAX_SCORE_BITS}",
                stage.score_bits,
            )
            check(
                1 <= stage.score_lanes <= self.classes,
                f"{where}.score_lanes",
                f"1 to {self.classes}",
                stage.score_lanes,
            )

    @property
    def frame_beats(self) -> int:
        """Beats of the frame stream per frame."""
        return -(-self.frame_bytes // self.frame_beat_bytes)

    @property
    def margin_bits(self) -> int:
        """Unsigned bits of any margin: best - second of b-bit signed scores is below 2^b."""
        return max(stage.score_bits for stage in self.stages)


def registers_of(parameters: AcceleratorParameters) -> RegisterMap:
    """Return the register map of the accelerator."""
    return cascade_registers(
        stages=len(parameters.stages),
        classes=parameters.classes,
        frame_bytes=parameters.frame_bytes,
        frame_beat_bytes=parameters.frame_beat_bytes,
        thresholds=parameters.threshold_int,
        reorder_frames=parameters.reorder_frames,
        build_id=parameters.build_id,
    )


def render(parameters: AcceleratorParameters) -> dict[str, str]:
    """Return the generated sources, file name → text, in compile order."""
    registers = registers_of(parameters)
    top = render_template(f"{TOP}.sv.j2", p=parameters, map=registers)
    return {"hwf_regs.sv": render_registers(registers), f"{TOP}.sv": top}
