"""The controller with dummy stages, as the tests of it build and run it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from launch import SIM

from hwflow.bench import cascade as bench
from hwflow.bench.cascade.rig import DUMMY
from hwflow.cascade.retention import depth
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.simulate.cocotb_run import build_cocotb, simulate_cocotb

CLASSES = 10
FRAME_BYTES = 36
SCORE_BITS = 16  # of the dummy stage


@dataclass(frozen=True)
class Dummy:
    """Build parameters of one dummy stage."""

    in_bytes: int
    lanes: int
    latency: int
    interval: int

    @property
    def in_beats(self) -> int:
        """Input beats of a frame."""
        return FRAME_BYTES // self.in_bytes

    @property
    def out_beats(self) -> int:
        """Score beats of a frame."""
        return -(-CLASSES // self.lanes)

    @property
    def ii_cycles(self) -> int:
        """Clocks between frames that the stage takes by itself."""
        return max(self.interval, self.in_beats, self.out_beats)

    @property
    def latency_cycles(self) -> int:
        """Clocks from its first input beat to its last score."""
        return self.in_beats + self.latency + self.out_beats


SLOW = (Dummy(4, 2, 60, 25), Dummy(12, 3, 90, 70), Dummy(1, 10, 20, 40))
FAST = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1))  # a verdict every clock


def by_formula(dummies: Sequence[Dummy]) -> tuple[int, ...]:
    """Return the retention that makes regular traffic run at the slowest stage's rate."""
    return tuple(
        depth(
            latency_cycles=stage.latency_cycles,
            ii_cycles=stage.ii_cycles,
            next_ii_cycles=following.ii_cycles,
            escalation_rate=0.5,
        )
        for stage, following in pairwise(dummies)
    )


@dataclass(frozen=True)
class Case:
    """One build: see hwf_cascade for the last four."""

    dummies: tuple[Dummy, ...]
    beat_bytes: int
    retention: tuple[int, ...]
    queue: tuple[int, ...]
    in_block: bool = False
    reorder_frames: int = 0

    @property
    def parameters(self) -> AcceleratorParameters:
        """What the accelerator is generated from."""
        return AcceleratorParameters(
            stages=tuple(
                StagePorts(f"stage{k}", dummy.in_bytes, SCORE_BITS, dummy.lanes)
                for k, dummy in enumerate(self.dummies)
            ),
            classes=CLASSES,
            frame_bytes=FRAME_BYTES,
            frame_beat_bytes=self.beat_bytes,
            retention_frames=self.retention,
            queue_frames=self.queue,
            retention_in_block=(self.in_block,) * len(self.retention),
            threshold_int=tuple(5000 + k for k in range(len(self.retention))),
            reorder_frames=self.reorder_frames,
            build_id=0x1234ABCD,
        )

    @property
    def facts(self) -> dict[str, object]:
        """What the bench is told: the fields of its ``Shape``."""
        return {
            "stages": len(self.dummies),
            "classes": CLASSES,
            "frame_bytes": FRAME_BYTES,
            "beat_bytes": self.beat_bytes,
            "retention": self.retention,
            "queue": self.queue,
            "reorder_frames": self.reorder_frames,
            "thresholds": self.parameters.threshold_int,
            "build_id": self.parameters.build_id,
            "in_bytes": [dummy.in_bytes for dummy in self.dummies],
            "ii_cycles": [dummy.ii_cycles for dummy in self.dummies],
            "deep": self.retention == by_formula(self.dummies),
        }


def wrapper(index: int, dummy: Dummy) -> str:
    """Return module stage<index>: plain ports as a stitched stage has; it can be held."""
    return f"""
module stage{index} (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire [{8 * dummy.in_bytes - 1}:0] s_axis_0_tdata,
    input wire s_axis_0_tvalid,
    output wire s_axis_0_tready,
    output wire [{SCORE_BITS * dummy.lanes - 1}:0] m_axis_0_tdata,
    output wire m_axis_0_tvalid,
    input wire m_axis_0_tready
);
  wire hold = hwf_accelerator.hold_stage[{index}];
  wire valid;
  assign m_axis_0_tvalid = valid && !hold;
  dummy_stage #(
      .Stage({index}), .FrameBytes({FRAME_BYTES}), .InBytes({dummy.in_bytes}),
      .Classes({CLASSES}), .Lanes({dummy.lanes}), .Latency({dummy.latency}),
      .Interval({dummy.interval})
  ) u_dummy (
      .ap_clk, .ap_rst_n, .s_axis_0_tdata, .s_axis_0_tvalid, .s_axis_0_tready, .m_axis_0_tdata,
      .m_axis_0_tvalid(valid), .m_axis_0_tready(m_axis_0_tready && !hold)
  );
endmodule
"""


def build(case: Case, folder: Path) -> Path:
    """Compile ``case`` in ``folder`` and return the build's folder."""
    texts = {f"stage{k}.sv": wrapper(k, dummy) for k, dummy in enumerate(case.dummies)}
    texts |= render(case.parameters)
    # A handle for the bench: while a stage's bit is set, that stage gives no answer.
    reset, last = "  logic core_rst_n;\n", len(case.dummies) - 1
    texts[f"{TOP}.sv"] = texts[f"{TOP}.sv"].replace(
        reset, f"{reset}  logic [{last}:0] hold_stage = '0;\n"
    )
    sources = [*CASCADE_SOURCES, Path(bench.__file__).parent / DUMMY]
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        sources.append(folder / name)
    build_cocotb(TOP, sources=sources, build_dir=folder / "build")
    return folder / "build"


def simulate(
    case: Case,
    build_dir: Path,
    modules: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run the bench ``modules`` of ``sim/hwf_cascade`` on what ``build`` made of ``case``."""
    simulate_cocotb(
        TOP,
        test_module=",".join(modules),
        build_dir=build_dir,
        python_path=[SIM / "common", SIM / "hwf_cascade"],
        env={"HWF_PARAMETERS": json.dumps(case.facts), **(env or {})},
    )
