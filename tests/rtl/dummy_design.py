"""hwf_accelerator around dummy stages: its sources, and what the performance model is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launch import SIM

from hwflow.cascade.performance import Sizes, StageTiming
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.simulate.cocotb_run import run_cocotb

CLASSES = 10
SCORE_BITS = 16  # of dummy_stage.sv
STAGE_FRAMES = 8  # that fit inside dummy_stage.sv
THRESHOLD = 5000  # between the margins of easy and of hard frames


@dataclass(frozen=True)
class Dummy:
    """Build parameters of one dummy stage, as dummy_stage.sv names them."""

    in_bytes: int
    lanes: int
    latency: int
    interval: int

    def timing(self, frame_bytes: int) -> StageTiming:
        span = frame_bytes // self.in_bytes - 1
        scores = -(-CLASSES // self.lanes)
        return StageTiming(
            ii_cycles=self.interval,
            # Its queue of frames inside takes a clock even where no latency is asked for.
            latency_cycles=span + max(1, self.latency) + scores - 1,
            input_cycles=span,
            word_bytes=self.in_bytes,
            score_words=scores,
            frames=STAGE_FRAMES,
        )

    def module(self, index: int, frame_bytes: int) -> str:
        """Return module stage<index> with plain ports, as a stitched stage has."""
        return f"""
module stage{index} (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire [{8 * self.in_bytes - 1}:0] s_axis_0_tdata,
    input wire s_axis_0_tvalid,
    output wire s_axis_0_tready,
    output wire [{SCORE_BITS * self.lanes - 1}:0] m_axis_0_tdata,
    output wire m_axis_0_tvalid,
    input wire m_axis_0_tready
);
  dummy_stage #(
      .Stage({index}), .FrameBytes({frame_bytes}), .InBytes({self.in_bytes}), .Classes({CLASSES}),
      .Lanes({self.lanes}), .Latency({self.latency}), .Interval({self.interval}),
      .Depth({STAGE_FRAMES})
  ) u_dummy (.*);
endmodule
"""


@dataclass(frozen=True)
class Design:
    """A controller and the stages around it."""

    dummies: tuple[Dummy, ...]
    frame_bytes: int
    beat_bytes: int
    retention: tuple[int, ...] = ()
    queue: tuple[int, ...] | None = None
    reorder: int = 0

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.frame_bytes, self.beat_bytes, self.retention, self.queue, self.reorder)

    @property
    def stages(self) -> list[StageTiming]:
        return [dummy.timing(self.frame_bytes) for dummy in self.dummies]

    def run(self, folder: Path, test_module: str, env: Mapping[str, str]) -> None:
        """Run cocotb's ``test_module`` on it in ``folder``/build."""
        decisions = len(self.retention)
        parameters = AcceleratorParameters(
            stages=tuple(
                StagePorts(f"stage{k}", dummy.in_bytes, SCORE_BITS, dummy.lanes)
                for k, dummy in enumerate(self.dummies)
            ),
            classes=CLASSES,
            frame_bytes=self.frame_bytes,
            frame_beat_bytes=self.beat_bytes,
            retention_frames=self.retention,
            queue_frames=self.sizes.queues,
            retention_in_block=(False,) * decisions,
            threshold_int=(THRESHOLD,) * decisions,
            reorder_frames=self.reorder,
        )
        sources = [*CASCADE_SOURCES, SIM / "hwf_cascade" / "dummy_stage.sv"]
        texts = {
            f"stage{k}.sv": dummy.module(k, self.frame_bytes)
            for k, dummy in enumerate(self.dummies)
        }
        for name, text in (texts | render(parameters)).items():
            (folder / name).write_text(text, encoding="utf-8")
            sources.append(folder / name)
        run_cocotb(
            TOP,
            sources=sources,
            test_module=test_module,
            build_dir=folder / "build",
            python_path=[SIM / "common", SIM / "hwf_cascade"],
            env=env,
        )
