"""What `hwflow bench cascade` makes of its measurements."""

from __future__ import annotations

import numpy as np
import pytest

from hwflow.bench.cascade import mutation, sections, speed
from hwflow.bench.cascade.mutation import Outcome
from hwflow.bench.cascade.rig import Dummy, Rig
from hwflow.bench.cascade.sections import Bench, Result
from hwflow.bench.cascade.speed import Latency, Pace, frames_of
from hwflow.bench.figures import figure
from hwflow.bench.record import read_record
from hwflow.cascade.decision import run_cascade
from hwflow.errors import ConfigError
from hwflow.log import silent


def test_sections_are_recorded_one_by_one(tmp_path, monkeypatch):
    found = Result((figure("x", 1, "s", provenance="measured"),))
    monkeypatch.setattr(sections, "SECTIONS", {"a": lambda *_: found, "b": lambda *_: found})
    file = tmp_path / "record.json"
    sections.run(Bench(tmp_path), file, only=["b"])
    record = read_record(file, sections.BENCH)
    assert list(record.sections) == ["b"]
    assert record.sections["b"].command == "hwflow bench cascade --only b"
    with pytest.raises(ConfigError, match="no section 'c'; there are a, b"):
        sections.run(Bench(tmp_path), file, only=["c"])


def pace(pattern, load, rate, *, bound=0.01, model=0.01, rig="two"):
    return Pace(rig, pattern, load, (8,), 1000, rate, bound, model)


def test_the_worst_pace_counts(monkeypatch, tmp_path):
    found = [
        pace("none", 0.0, 0.01),
        pace("every 3th", 1.0, 0.00989),
        pace("every 3th", 1.0, 0.008, rig=speed.ONE_BEAT),
        pace("random", 0.9, 0.00995),
        pace("random, in order", 0.9, 0.00992),
        # Beyond: far from the bound, near the model.
        pace("bursts", 1.3, 0.0080, model=0.00805),
    ]
    monkeypatch.setattr(speed, "throughput", lambda: found)
    regular, single, within, ordered, beyond = sections.throughput(Bench(tmp_path), silent).figures
    assert (regular.value, regular.holds) == (0.989, False)
    assert (single.value, single.holds) == (0.8, False)
    assert (within.value, within.holds) == (0.995, True)
    assert (ordered.value, ordered.holds) == (0.992, True)
    assert (beyond.value, beyond.holds) == (0.00621, True)


def test_the_worst_latency_counts(monkeypatch, tmp_path):
    found = [
        Latency("a", "alone", 0, 1, 8, 8),
        Latency("a", "alone", 1, 1, 15, 33),
        Latency("b", "alone", 1, 1, 15, 15),
        Latency("a", "stream", 0, 9, 8, 17),
    ]
    monkeypatch.setattr(speed, "latency", lambda: found)
    alone, later, stream = sections.latency(Bench(tmp_path), silent).figures
    assert (alone.value, alone.holds) == (8, True)
    assert (later.value, later.goal, later.holds) == (33, "≤ 32", False)
    assert "exit at stage 1" in later.name
    assert later.note.endswith("of 2 controllers: a")
    assert (stream.value, stream.holds) == (17, False)


def test_survivors_count_unless_they_are_equivalent(monkeypatch, tmp_path):
    def outcome(key, killed_by):
        return Outcome(key, "m.sv", 1, "o", "a", "b", killed_by, "")

    outcomes = [outcome(f"k{i}", "soak: two") for i in range(57)]
    outcomes += [outcome("c", "compiler"), outcome("e", ""), outcome("s", ""), outcome("t", "")]
    told = {"e": {"equivalent": "yes"}, "s": {"equivalent": "no"}}
    monkeypatch.setattr(mutation, "drawn", list)
    monkeypatch.setattr(mutation, "kill", lambda *_, **__: outcomes)
    monkeypatch.setattr(mutation, "explanations", lambda: told)
    count, every, differing, unexplained = sections.mutation(Bench(tmp_path), silent).figures
    assert (count.value, count.holds) == (60, True)
    assert every.value == 0.95
    assert (differing.value, differing.holds) == (0.9661, True)
    assert (unexplained.value, unexplained.holds) == (1, False)


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_frames_exit_where_they_are_told(stages):
    rig = Rig("r", (Dummy(4, 2, 5, 5),) * stages, 4, (4,) * (stages - 1))
    exit_stage = np.random.default_rng(1).integers(0, stages, 200)
    frames = frames_of(rig, exit_stage)
    scores = [rig.scores(frames, k) for k in range(stages)]
    found = run_cascade(scores, rig.parameters.threshold_int)
    np.testing.assert_array_equal(found.exit_stage, exit_stage)
