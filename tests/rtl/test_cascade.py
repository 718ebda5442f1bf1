"""The whole controller with registers and dummy stages in Verilator, N = 1, 2, 3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise

import pytest
from launch import SIM

from hwflow.cascade.retention import depth
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.simulate.cocotb_run import run_cocotb

pytestmark = pytest.mark.sim

CLASSES = 10
FRAME_BYTES = 36
SCORE_BITS = 16  # of dummy_stage.sv


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


def wrapper(index: int, dummy: Dummy) -> str:
    """Return module stage<index>: plain ports as a stitched stage has; stage 1 can be held."""
    hold = "hwf_accelerator.hold_stage1" if index == 1 else "1'b0"
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
  wire hold = {hold};
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


SLOW = (Dummy(4, 2, 60, 25), Dummy(12, 3, 90, 70), Dummy(1, 10, 20, 40))
FAST = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1))  # a verdict every clock


def by_formula(dummies: tuple[Dummy, ...]) -> tuple[int, ...]:
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


@pytest.mark.parametrize(
    ("dummies", "beat_bytes", "retention"),
    [
        pytest.param(SLOW[:1], 64, (), id="1-one-beat"),
        pytest.param(SLOW[:2], 8, (2,), id="2-minimum"),
        pytest.param(FAST, 32, by_formula(FAST), id="2-fast"),
        pytest.param(SLOW, 4, by_formula(SLOW), id="3"),
    ],
)
def test_cascade(tmp_path, dummies, beat_bytes, retention):
    thresholds = tuple(5000 + k for k in range(len(retention)))
    parameters = AcceleratorParameters(
        stages=tuple(
            StagePorts(f"stage{k}", dummy.in_bytes, SCORE_BITS, dummy.lanes)
            for k, dummy in enumerate(dummies)
        ),
        classes=CLASSES,
        frame_bytes=FRAME_BYTES,
        frame_beat_bytes=beat_bytes,
        retention_frames=retention,
        threshold_int=thresholds,
        build_id=0x1234ABCD,
    )
    sources = [*CASCADE_SOURCES, SIM / "hwf_cascade" / "dummy_stage.sv"]
    texts = {f"stage{k}.sv": wrapper(k, dummy) for k, dummy in enumerate(dummies)}
    texts |= render(parameters)
    # A handle for the bench: while it is set, stage 1 gives no answer.
    texts["hwf_accelerator.sv"] = texts["hwf_accelerator.sv"].replace(
        "  logic core_rst_n;\n", "  logic core_rst_n;\n  logic hold_stage1 = 1'b0;\n"
    )
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        sources.append(tmp_path / name)
    run_cocotb(
        TOP,
        sources=sources,
        test_module="bench_cascade",
        build_dir=tmp_path / "build",
        python_path=[SIM / "common", SIM / "hwf_cascade"],
        env={
            "HWF_PARAMETERS": json.dumps(
                {
                    "stages": len(dummies),
                    "classes": CLASSES,
                    "frame_bytes": FRAME_BYTES,
                    "beat_bytes": beat_bytes,
                    "retention": retention,
                    "thresholds": thresholds,
                    "build_id": parameters.build_id,
                    "ii_cycles": [dummy.ii_cycles for dummy in dummies],
                    "deep": retention == by_formula(dummies),
                }
            )
        },
    )
