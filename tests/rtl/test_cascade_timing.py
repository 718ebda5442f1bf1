"""The expected-performance model against the RTL: when frames are taken and results given."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from launch import SIM

from hwflow.cascade.performance import Sizes, StageTiming, Traffic, expected_timeline
from hwflow.cascade.result import FLAG_ORDERED, FLAG_SHED
from hwflow.rtl.accelerator import TOP, AcceleratorParameters, StagePorts, render
from hwflow.rtl.files import CASCADE_SOURCES
from hwflow.simulate.cocotb_run import run_cocotb

pytestmark = pytest.mark.sim

CLASSES = 10
FRAME_BYTES = 36
SCORE_BITS = 16  # of dummy_stage.sv
STAGE_FRAMES = 8  # that fit inside dummy_stage.sv


@dataclass(frozen=True)
class Dummy:
    """Build parameters of one dummy stage, as dummy_stage.sv names them."""

    in_bytes: int
    lanes: int
    latency: int
    interval: int

    def timing(self) -> StageTiming:
        span = FRAME_BYTES // self.in_bytes - 1
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

    def module(self, index: int) -> str:
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
      .Stage({index}), .FrameBytes({FRAME_BYTES}), .InBytes({self.in_bytes}), .Classes({CLASSES}),
      .Lanes({self.lanes}), .Latency({self.latency}), .Interval({self.interval}),
      .Depth({STAGE_FRAMES})
  ) u_dummy (.*);
endmodule
"""


@dataclass(frozen=True)
class Design:
    """A controller and the stages around it."""

    dummies: tuple[Dummy, ...]
    beat_bytes: int
    retention: tuple[int, ...] = ()
    queue: tuple[int, ...] | None = None
    reorder: int = 0

    @property
    def sizes(self) -> Sizes:
        return Sizes(FRAME_BYTES, self.beat_bytes, self.retention, self.queue, self.reorder)

    @property
    def stages(self) -> list[StageTiming]:
        return [dummy.timing() for dummy in self.dummies]


SLOW = (Dummy(4, 2, 60, 25), Dummy(12, 3, 90, 70), Dummy(1, 10, 20, 40))
FAST = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1))  # a verdict every clock
SINGLE = (Dummy(36, 10, 3, 1), Dummy(36, 5, 12, 9))
LONG = (Dummy(1, 1, 200, 90), Dummy(1, 1, 300, 200))

DESIGNS = {
    "1-one-beat": Design(SLOW[:1], 64),
    "2-minimum": Design(SLOW[:2], 8, (2,), (1,)),
    "2-order": Design(SLOW[:2], 16, (8,), (3,), 8),
    "2-single": Design(SINGLE, 64, (16,), (4,), 16),
    "2-fast": Design(FAST, 32, (16,), (2,), 4),
    "2-long": Design(LONG, 1, (8,), (2,)),
    "3": Design(SLOW, 4, (16, 8), (6, 2), 32),
}
CROWDED = {"2-single", "2-fast"}  # a result almost every clock: the model's arbiter is simpler


def runs_of(design: Design) -> dict[str, Traffic]:
    """Return named traffic: regular, random and bursty; in order; with shedding."""
    rng = np.random.default_rng(5)
    last = len(design.dummies) - 1
    count = 240
    index = np.arange(count)

    def at_random(rate: float) -> np.ndarray:
        reach = rng.random((count, last)) < rate
        return np.cumprod(reach, axis=1).sum(axis=1).astype(np.int64)

    def every(period: int) -> np.ndarray:
        return np.where(index % period == 0, last, 0).astype(np.int64)

    ii = design.dummies[0].interval
    spread = np.cumsum(rng.geometric(1 / (1.2 * ii + 1), count)).astype(np.int64)
    bursts = np.where(index % 40 < 12, last, 0).astype(np.int64)
    yes = np.ones(count, dtype=np.bool_)
    runs = {
        "none": Traffic(np.zeros(count, dtype=np.int64)),
        "all": Traffic(every(1)),
        "third": Traffic(every(3)),
        "tenth": Traffic(every(10)),
        "random": Traffic(at_random(0.5)),
        "bursts": Traffic(bursts),
        "spread": Traffic(at_random(0.3), arrival=spread),
    }
    if last:
        runs |= {"shed_" + name: replace(runs[name], shed=yes) for name in ("bursts", "random")}
    if design.reorder:
        names = ("none", "third", "random", "spread")
        runs |= {"order_" + name: replace(runs[name], order=yes) for name in names}
        runs["both"] = replace(runs["random"], order=yes, shed=yes)
    return runs


def record(folder, design, runs):
    """Return what the RTL did in each of ``runs``."""
    decisions = len(design.retention)
    parameters = AcceleratorParameters(
        stages=tuple(
            StagePorts(f"stage{k}", dummy.in_bytes, SCORE_BITS, dummy.lanes)
            for k, dummy in enumerate(design.dummies)
        ),
        classes=CLASSES,
        frame_bytes=FRAME_BYTES,
        frame_beat_bytes=design.beat_bytes,
        retention_frames=design.retention,
        queue_frames=design.sizes.queues,
        retention_in_block=(False,) * decisions,
        threshold_int=(5000,) * decisions,
        reorder_frames=design.reorder,
    )
    sources = [*CASCADE_SOURCES, SIM / "hwf_cascade" / "dummy_stage.sv"]
    texts = {f"stage{k}.sv": dummy.module(k) for k, dummy in enumerate(design.dummies)}
    for name, text in (texts | render(parameters)).items():
        (folder / name).write_text(text, encoding="utf-8")
        sources.append(folder / name)
    shape = {
        "stages": len(design.dummies),
        "classes": CLASSES,
        "beat_bytes": design.beat_bytes,
        "beats": design.sizes.frame_beats,
    }
    plans = {
        name: {
            "exit_stage": run.exit_stage.tolist(),
            "arrival": None if run.arrival is None else run.arrival.tolist(),
            "order": run.order is not None,
            "shed": run.shed is not None,
        }
        for name, run in runs.items()
    }
    run_cocotb(
        TOP,
        sources=sources,
        test_module="bench_timing",
        build_dir=folder / "build",
        python_path=[SIM / "common", SIM / "hwf_cascade"],
        env={"HWF_SHAPE": json.dumps(shape), "HWF_RUNS": json.dumps(plans)},
    )
    return {name: json.loads((folder / "build" / f"{name}.json").read_text()) for name in runs}


@pytest.mark.parametrize(
    "name",
    [
        "2-order",
        "2-single",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("1-one-beat", "2-minimum", "2-fast", "2-long", "3")
        ),
    ],
)
def test_model_tells_every_clock(tmp_path, name):
    """Acceptance, result, peaks, stalls and shed frames; where results collide, to two clocks."""
    design = DESIGNS[name]
    slack = 2 if name in CROWDED else 0
    runs = runs_of(design)
    seen = record(tmp_path, design, runs)
    for run, traffic in runs.items():
        rtl = {key: np.array(values) for key, values in seen[run].items()}
        model = expected_timeline(design.stages, design.sizes, traffic)
        start = model.accepted[0] - rtl["accepted"][0]
        for what in ("accepted", "result"):
            wrong = np.abs(rtl[what] + start - getattr(model, what)) > slack
            first = int(np.argmax(wrong))
            assert not wrong.any(), (
                f"{run}: frame {first} {what} at cycle {rtl[what][first] + start}, "
                f"expected {getattr(model, what)[first]}"
            )
        np.testing.assert_array_equal(rtl["exit_stage"], model.exit_stage, run)
        np.testing.assert_array_equal((rtl["flags"] & FLAG_SHED) != 0, model.shed, run)
        flag = FLAG_ORDERED if traffic.order is not None else 0
        assert np.all(rtl["flags"] & FLAG_ORDERED == flag), run
        peaks = [model.peak_occupancy(level) for level in range(len(design.retention))]
        assert rtl["peaks"].tolist() == peaks, run
        assert abs(int(rtl["stall_cycles"]) - model.stall_cycles) <= slack, run
        pace = (rtl["accepted"][-1] - rtl["accepted"][40]) / (traffic.count - 41)
        assert abs(pace / model.cycles_per_frame(40) - 1) < 0.01, run
    if design.queue is not None:
        assert any((np.array(seen[run]["flags"]) & FLAG_SHED).any() for run in runs) == (
            name not in {"2-minimum", "2-fast"}
        )
