"""The expected-performance model against the RTL: when frames are taken and results given."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from dummy_design import CLASSES, Design, Dummy

from hwflow.cascade.performance import Traffic, expected_timeline
from hwflow.cascade.result import FLAG_ORDERED, FLAG_SHED

pytestmark = pytest.mark.sim

FRAME_BYTES = 36

SLOW = (Dummy(4, 2, 60, 25), Dummy(12, 3, 90, 70), Dummy(1, 10, 20, 40))
FAST = (Dummy(36, 10, 3, 1), Dummy(36, 10, 0, 1))  # a verdict every clock
SINGLE = (Dummy(36, 10, 3, 1), Dummy(36, 5, 12, 9))
LONG = (Dummy(1, 1, 200, 90), Dummy(1, 1, 300, 200))

DESIGNS = {
    "1-one-beat": Design(SLOW[:1], FRAME_BYTES, 64),
    "2-minimum": Design(SLOW[:2], FRAME_BYTES, 8, (2,), (1,)),
    "2-order": Design(SLOW[:2], FRAME_BYTES, 16, (8,), (3,), 8),
    "2-single": Design(SINGLE, FRAME_BYTES, 64, (16,), (4,), 16),
    "2-fast": Design(FAST, FRAME_BYTES, 32, (16,), (2,), 4),
    "2-long": Design(LONG, FRAME_BYTES, 1, (8,), (2,)),
    "3": Design(SLOW, FRAME_BYTES, 4, (16, 8), (6, 2), 32),
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
    env = {"HWF_SHAPE": json.dumps(shape), "HWF_RUNS": json.dumps(plans)}
    design.run(folder, "bench_timing", env)
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
