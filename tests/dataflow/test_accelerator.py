"""The accelerator folder of a tiny cascade: complete, relocatable, deterministic, exact in RTL."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwflow.config.accelerator import Accelerator
from hwflow.config.base import load
from hwflow.config.bundle import GOLDEN_FILE, load_bundle
from hwflow.config.fifos import Fifo, Fifos, StageFifos
from hwflow.config.folding import Folding, LayerFolding, StageFolding
from hwflow.dataflow.accelerator import _build_id, beyond_margins, build
from hwflow.dataflow.lint import LINT_FILE
from hwflow.dataflow.surroundings import Buffers
from hwflow.errors import ConfigError
from hwflow.simulate.accelerator import to_beats, unpack_scores
from hwflow.simulate.compile import Ports, Stream, compile_model
from hwflow.simulate.library import Pauses, Simulation
from hwflow.simulate.stage import run_stage
from hwflow.simulate.toolchain import find_verilator

from .networks import tiny_design, tiny_nets, write_bundle

pytestmark = pytest.mark.finn


def built_files(folder: Path) -> dict[str, bytes]:
    wanted = ("rtl/*", "rtl.f", "design.json", "registers.json", "verilator.vlt")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in wanted
        for path in sorted(folder.glob(pattern))
    }


def test_folder_is_complete(tiny_accelerator):
    design = load(Accelerator, tiny_accelerator / "design.json")
    listed = (tiny_accelerator / "rtl.f").read_text().split()
    assert tuple(listed) == design.sources
    assert all((tiny_accelerator / source).is_file() for source in design.sources)
    assert (tiny_accelerator / design.bundle / "bundle.json").is_file()
    # Every memory that a source names is there, under the name it uses.
    for source in design.sources:
        text = (tiny_accelerator / source).read_text()
        for line in text.splitlines():
            if '.dat"' in line and ("File(" in line or "INIT_FILE =" in line):
                name = line.split('"')[1]
                if "thresholds" in name and "UseThreshold(1'b0)" in text:
                    continue  # never opened
                assert (tiny_accelerator / name).is_file(), f"{source}: {name}"


def test_no_path_of_this_machine(tiny_accelerator, tmp_path):
    for name, content in built_files(tiny_accelerator).items():
        for root in (str(tmp_path.parent.parent), "/tmp", str(Path.home()), str(Path.cwd())):
            assert root.encode() not in content, f"{name} names {root}"


def test_same_inputs_give_the_same_files(tiny_accelerator, tiny_bundle, tmp_path):
    build(tiny_design(400, 900), tiny_bundle, tmp_path / "again")
    first, again = built_files(tiny_accelerator), built_files(tmp_path / "again")
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def test_the_id_names_what_decides_the_hardware():
    design = tiny_design(400, 900)
    folding = Folding(
        schema_version=1,
        stages=(StageFolding(name="stage0", layers={"conv0": LayerFolding(op="conv", pe=2)}),),
    )
    fifos = Fifos(
        schema_version=1,
        stages=(StageFifos(name="stage0", fifos=(Fifo(name="a", depth_words=4),)),),
    )
    deeper = Fifos(
        schema_version=1,
        stages=(StageFifos(name="stage0", fifos=(Fifo(name="a", depth_words=5),)),),
    )

    buffers = Buffers(retention=(3,), queue=(2,), reorder=4, last=32)

    def number(depths=None, buffers=buffers, **changed):
        return _build_id(b"bundle", design.model_copy(update=changed), folding, buffers, depths)

    assert number() == number(stages=tiny_design(500, 900).stages) == number(folding="/a/b.json")
    given = number(fifos, fifos="/a/mine.json")  # where it lies does not count
    assert given == number(fifos, fifos="/b/other.json")
    others = [
        number(),
        given,
        number(deeper, fifos="/a/mine.json"),
        number(fifos="formula"),
        number(buffers=replace(buffers, retention=(4,))),
        number(buffers=replace(buffers, queue=(1,))),
        number(buffers=replace(buffers, reorder=8)),
        number(clk_period_ns=5.0),
    ]
    assert len(set(others)) == len(others)


def test_build_keeps_what_is_not_its_own(tiny_bundle, tmp_path):
    out = tmp_path / "out"
    (out / "rtl").mkdir(parents=True)
    (out / "rtl" / "stale.sv").write_text("old")
    (out / "run.json").write_text("{}")
    build(tiny_design(400, 900), tiny_bundle, out)
    assert (out / "run.json").read_text() == "{}"
    assert not (out / "rtl" / "stale.sv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # no temporary folder left


def test_wrong_number_of_stages(tiny_bundle, tmp_path):
    with pytest.raises(ConfigError, match="1 stages, bundle 'tiny' has 2"):
        build(tiny_design(400), tiny_bundle, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_retention_that_does_not_fit_is_named(tiny_bundle, tmp_path):
    design = tiny_design(400, 900).model_copy(update={"retention_frames": 2**15})
    with pytest.raises(ConfigError, match=r"retention_frames: 32768 takes [\d,]+ BRAM36"):
        build(design, tiny_bundle, tmp_path / "out")


def test_a_build_tells_what_falls_short(tiny_bundle, tmp_path, caplog):
    design = tiny_design(400, 900).model_copy(update={"escalation_rate": 1.0})
    build(design, tiny_bundle, tmp_path / "out")
    assert "stage1 cannot keep up" in caplog.text


def test_thresholds_beyond_every_margin_are_told(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    most = (1 << bundle.stages[0].score_bits) - 1

    def told(value):
        policy = bundle.policy.model_copy(update={"threshold_int": (value,)})
        return list(beyond_margins(bundle.model_copy(update={"policy": policy})))

    assert told(most) == []
    (doubt,) = told(most + 1)
    assert doubt.startswith(f"policy.threshold_int.0: {most + 1} is above every margin of ")
    assert doubt.endswith("no frame exits early there")


def test_one_stage_needs_no_retention(tmp_path, frames):
    bundle = write_bundle(tmp_path / "bundle", tiny_nets()[:1], frames)
    accelerator = build(tiny_design(400), bundle, tmp_path / "out")
    assert accelerator.retention_frames == accelerator.threshold_int == ()
    assert accelerator == load(Accelerator, tmp_path / "out" / "design.json")


@pytest.mark.sim
def test_lint_is_clean_with_the_waivers_it_brings(tiny_accelerator):
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "-Wall", "--no-timing", LINT_FILE]
    command += ["-f", "rtl.f", "--top-module", "hwf_accelerator"]
    run = subprocess.run(
        command,
        cwd=tiny_accelerator,
        env=verilator.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    waived = (tiny_accelerator / LINT_FILE).read_text()
    assert "hwf_" not in waived  # own sources pass without any


@pytest.mark.sim
@pytest.mark.parametrize("stage", [0, 1])
def test_stage_rtl_gives_the_golden_scores(tiny_accelerator, tmp_path, frames, stage):
    # Moved, so that a path into the build would be found out.
    moved = tmp_path / "moved"
    shutil.copytree(tiny_accelerator, moved)
    with np.load(moved / "bundle" / GOLDEN_FILE) as golden:
        expected = golden[f"scores_{stage}"]
    free = run_stage(moved, stage, frames)
    np.testing.assert_array_equal(free.scores, expected)
    paused = run_stage(
        moved, stage, frames, pauses=Pauses(0.3, 0.3, longest=9, seed=6), random_state=7
    )
    np.testing.assert_array_equal(paused.scores, expected)
    bound = load(Accelerator, moved / "design.json").stages[stage].ii_bound_cycles
    interval = np.diff(free.out_cycle)[len(frames) // 2 :].max()
    assert interval <= 1.05 * bound


@pytest.mark.sim
@pytest.mark.parametrize("stage", [0, 1])
def test_reset_in_mid_frame_leaves_nothing_behind(tiny_accelerator, frames, stage):
    """The controller's soft reset pulls the stages' ap_rst_n whenever the driver asks."""
    design = load(Accelerator, tiny_accelerator / "design.json")
    hardware = design.stages[stage]
    beats = -(-design.classes // hardware.score_lanes)
    ports = Ports(
        top=hardware.top,
        source=Stream("s_axis_0", hardware.in_bytes),
        sink=Stream("m_axis_0", -(-hardware.score_lanes * hardware.score_bits // 8)),
    )
    library = compile_model(ports, sources=design.sources, folder=tiny_accelerator)
    with np.load(tiny_accelerator / "bundle" / GOLDEN_FILE) as golden:
        expected = golden[f"scores_{stage}"][:4]
    data, last = to_beats(frames[:4], hardware.in_bytes)
    with Simulation(library, ports, folder=tiny_accelerator, random_state=8) as simulation:
        for cycles in (1, 7, 60, 150, 333, 700, 1001, 1500):
            simulation.reset()
            simulation.load(data, last)
            simulation.idle(cycles)
            simulation.reset(1)
            simulation.load(data, last)
            assert simulation.run(len(expected) * beats, patience=5000) == 0, cycles
            scores = unpack_scores(
                simulation.recording().data,
                bits=hardware.score_bits,
                lanes=hardware.score_lanes,
                classes=design.classes,
            )
            np.testing.assert_array_equal(scores, expected, err_msg=f"reset at cycle {cycles}")
