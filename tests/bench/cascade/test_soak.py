"""A short soak of the controller, and that what goes wrong is noticed and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwflow.bench.cascade.build import Variants
from hwflow.bench.cascade.check import check
from hwflow.bench.cascade.rig import Array, RandomTraffic, compile_rig, run_rig
from hwflow.bench.cascade.rigs import SOAK_RIGS
from hwflow.bench.cascade.sections import soak_rig
from hwflow.errors import VerificationError
from hwflow.rtl.files import RTL_DIR

pytestmark = pytest.mark.sim

RIGS = {rig.name: rig for rig in SOAK_RIGS}
TWO = RIGS["two stages, smallest"]
QUICK = [
    RIGS[name] for name in ("one stage, order", TWO.name, "three stages", "two stages, no order")
]
EACH = [
    pytest.param(rig, id=rig.name, marks=() if rig in QUICK else pytest.mark.slow)
    for rig in SOAK_RIGS
]


@pytest.mark.parametrize("rig", EACH)
def test_every_result_is_the_models(rig):
    counts = soak_rig(rig, 4000)
    assert counts["frames"] >= 4000
    assert counts["results"] + counts["discarded by a reset"] == counts["frames"]
    assert counts["results equal"] == counts["results"]
    reached = ["long", "forced", "interrupts", "hard resets", "soft resets"]
    reached += ["writes refused", "reads refused"]
    reached += ["shed"] if rig.stages > 1 else []
    reached += ["ordered"] if rig.reorder else []
    # Within frames of one beat just while the rest of a long one is drained: too rare for 4000.
    reached += ["short", "soft resets within a frame"] if rig.beats > 1 else []
    assert [name for name in reached if not counts[name]] == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        # A frame whose margin equals its threshold escalates.
        ("hwf_decide.sv", "verdict_margin_i} < threshold", "verdict_margin_i} <= threshold"),
        # One frame more than the queue allows waits.
        ("hwf_retain.sv", "wait_count >= FRESH", "wait_count > FRESH"),
        # A result that is not ordered is taken, and lost, where one that is due leaves.
        ("hwf_reorder.sv", "ordered || (en && !due)", "ordered || en"),
    ],
)
def test_a_planted_mistake_is_named_with_frame_and_cycle(variants, file, old, new):
    text = (RTL_DIR / file).read_text(encoding="utf-8")
    assert text.count(old) == 1
    library = variants.library({file: text.replace(old, new)})
    with pytest.raises(VerificationError, match=r"first at frame \d+: .*cycle \d+"):
        soak_library(library)


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    return Variants(TWO, tmp_path_factory.mktemp("variants"))


def soak_library(library):
    for seed in range(10):
        check(TWO, run_rig(TWO, library, RandomTraffic(seed, 2000)), what=f"seed {seed}")


@pytest.fixture(scope="module")
def recorded():
    return run_rig(TWO, compile_rig(TWO), RandomTraffic(3, 3000))


def changed(run, which, change):
    rows = run[which].copy()
    return replace(run, arrays={**run.arrays, which: change(rows)})


def flipped(bit):
    def change(rows):
        rows[700, 2] ^= 1 << bit
        return rows

    return change


def twice(rows):
    return np.concatenate([rows[:701], rows[700:]])


def forced(rows):
    return rows ^ np.array([0, 0, 0, 4, 0, 0, 0])  # force_enable


def one_more(rows):
    rows[0, -1] += 1
    return rows


@pytest.mark.parametrize(
    ("which", "change", "link"),
    [
        (Array.RESULTS, flipped(16), "result words"),  # label
        (Array.RESULTS, flipped(32), "result words"),  # margin
        (Array.RESULTS, flipped(28), "result words"),  # exit stage
        (Array.RESULTS, flipped(59), "result words"),  # shed
        (Array.RESULTS, twice, "results"),
        (Array.FRAMES, forced, "result words"),
        (Array.COUNTERS, one_more, "register"),
        (Array.MALFORMED, lambda rows: rows[:0], "irq_o"),
        (Array.IRQ, lambda rows: rows[:-1], "irq_o"),
        (Array.IRQ, one_more, "irq_o"),
        (Array.STATUS_READ, one_more, "irq_status"),
        (Array.PEAKS, lambda rows: rows + np.array([0, 0, 100]), "retained beside stage 0"),
    ],
)
def test_each_check_bites(recorded, which, change, link):
    check(TWO, recorded, what="as recorded")
    with pytest.raises(VerificationError, match="first at frame") as caught:
        check(TWO, changed(recorded, which, change), what="changed")
    assert link in caught.value.link


def test_a_lost_result_is_named(recorded):
    drained = np.flatnonzero(recorded[Array.EPOCHS][:, 2])[0]
    results = recorded[Array.RESULTS]
    last = np.flatnonzero(results[:, 1] == drained)[-1]
    lost = int(results[last, 2]) & 0xFFFF
    first = np.searchsorted(recorded[Array.FRAMES][:, 1], drained)
    run = changed(recorded, Array.RESULTS, lambda rows: np.delete(rows, last, axis=0))
    with pytest.raises(VerificationError, match="expected one result, got none") as caught:
        check(TWO, run, what="changed")
    assert caught.value.sample == first + lost


def test_a_result_lost_before_a_reset_is_named(recorded):
    """Of an epoch that a reset ends: a result in its middle, where later ones of its kind came."""
    results, epochs = recorded[Array.RESULTS], recorded[Array.EPOCHS]
    cut = next(
        number
        for number in np.flatnonzero(epochs[:, 2] == 0)
        if np.count_nonzero(results[:, 1] == number) > 100
    )
    first = np.flatnonzero(results[:, 1] == cut)[10]
    run = changed(recorded, Array.RESULTS, lambda rows: np.delete(rows, first, axis=0))
    with pytest.raises(VerificationError, match="expected one result, got none") as caught:
        check(TWO, run, what="changed")
    assert caught.value.link.endswith("results before a reset")


def test_the_same_seed_gives_the_same_run(recorded):
    again = run_rig(TWO, compile_rig(TWO), RandomTraffic(3, 3000))
    assert again.cycles == recorded.cycles
    np.testing.assert_array_equal(again.words, recorded.words)
    other = run_rig(TWO, compile_rig(TWO), RandomTraffic(4, 3000))
    assert not np.array_equal(other.words, recorded.words)
