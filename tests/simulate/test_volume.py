"""Many images through the RTL of a small accelerator: exact, seamless, resumable, interruptible."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small_network import tamper

from hwflow.cli import main
from hwflow.config.simulation import RESULTS_FILE, VOLUME_FILE
from hwflow.errors import ConfigError, VerificationError
from hwflow.simulate.accelerator import AcceleratorModel, load_accelerator
from hwflow.simulate.reference import expect, load_reference
from hwflow.simulate.stimulus import load_stimulus
from hwflow.simulate.volume import COLUMNS, SEGMENTS, make_plan, simulate_volume
from hwflow.simulate.waveform import write_waveform

pytestmark = [pytest.mark.finn, pytest.mark.sim]

IMAGES = 700


@pytest.fixture(scope="module")
def folder(small_accelerator):
    return small_accelerator.folder


def frames_of(folder, count, *, seed=0):
    stimulus, _, _ = load_stimulus(folder, load_accelerator(folder), extra=None, seed=seed)
    return stimulus.frames(0, count)


def test_segments_overlap_and_leave_nothing_out(folder):
    plan = make_plan(load_accelerator(folder), IMAGES)
    assert len(plan.starts) == 3
    own = [index for start in plan.starts for index in plan.own(start)]
    assert own == list(range(IMAGES))
    second = plan.starts[1]
    assert plan.simulated(second) == range(second - plan.overlap, 2 * second + plan.overlap)


def test_any_number_of_processes_gives_one_unbroken_run(folder, tmp_path):
    runs = []
    for jobs in (1, 3):
        out = tmp_path / str(jobs)
        runs.append(simulate_volume(folder, out, images=IMAGES, seed=5, jobs=jobs))
        assert sorted(path.name for path in out.iterdir()) == [RESULTS_FILE, VOLUME_FILE]
    assert runs[0] == runs[1]
    run = runs[0]
    assert (run.n, run.golden, run.seams, run.unsteady_seams) == (IMAGES, 128, 2, 0)
    links = {link.link: link.compared for link in run.exactness}
    assert links["integer network ↔ stage 0 RTL, scores"] == 5 * IMAGES
    assert links["numpy controller ↔ cascade RTL"] == 4 * IMAGES
    assert links["golden ↔ integer network of stage 0"] == 5 * 128
    with AcceleratorModel(folder, random_state=5) as model:
        whole = model.run(frames_of(folder, IMAGES, seed=5))
    for jobs in (1, 3):
        with np.load(tmp_path / str(jobs) / RESULTS_FILE) as stored:
            assert set(stored.files) == set(COLUMNS)
            for name in COLUMNS:
                np.testing.assert_array_equal(stored[name], getattr(whole, name), err_msg=name)
    assert run.latency_cycles.max == (whole.out_cycle - whole.in_cycle).max()
    assert run.cycles == whole.out_cycle.max() + 1


def test_the_first_wrong_image_is_named(folder, tmp_path):
    broken = tmp_path / "accelerator"
    shutil.copytree(folder, broken)
    tamper(broken)
    frames = frames_of(folder, IMAGES)
    with AcceleratorModel(broken) as model:
        got = model.run(frames).scores[0]
    right = expect(load_reference(folder, load_accelerator(folder)).scores(frames), ()).scores[0]
    first = int(np.flatnonzero((got != right).any(axis=1))[0])
    with pytest.raises(VerificationError, match=r"integer network ↔ stage 0 RTL") as raised:
        simulate_volume(broken, tmp_path / "out", images=IMAGES, jobs=2)
    assert raised.value.sample == first
    assert multiprocessing.active_children() == []


def test_an_interrupted_run_goes_on_where_it_stopped(folder, tmp_path):
    segment = make_plan(load_accelerator(folder), IMAGES).segment

    def stop(what, done, total):
        if done > segment + 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_volume(folder, tmp_path, images=IMAGES, jobs=1, progress=stop)
    assert multiprocessing.active_children() == []
    assert [path.name for path in (tmp_path / SEGMENTS).iterdir()] == ["0.npz"]
    told = []
    run = simulate_volume(
        folder,
        tmp_path,
        images=IMAGES,
        jobs=1,
        progress=lambda what, done, total: told.append(done),
    )
    assert min(told[1:]) > segment  # nothing of the first segment was done again
    assert run == simulate_volume(folder, tmp_path / "again", images=IMAGES, jobs=1)


def test_a_users_frames_and_how_many_there_are(folder, tmp_path):
    extra = np.random.default_rng(7).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", frames=extra)
    run = simulate_volume(
        folder, tmp_path / "out", images=None, extra=tmp_path / "mine.npz", jobs=1
    )
    assert run.n == 148
    assert "20 of the user's file" in run.frames
    with AcceleratorModel(folder) as model:
        label = model.run(extra).prediction
    with np.load(tmp_path / "out" / RESULTS_FILE) as stored:
        np.testing.assert_array_equal(stored["prediction"][128:], label)
    with pytest.raises(ConfigError, match="149 images asked for, but there are 148"):
        simulate_volume(folder, tmp_path / "no", images=149, extra=tmp_path / "mine.npz")


def signal_values(text, name):
    """Return [(time, value)] of the signal of ``name`` in the top scope of a VCD."""
    code = re.search(rf"\$var \S+ +\d+ (\S+) {name} ", text).group(1)
    times, now = [], 0
    for line in text[text.index("$enddefinitions") :].splitlines():
        if line.startswith("#"):
            now = int(line[1:])
        elif line in (f"0{code}", f"1{code}"):
            times.append((now, int(line[0])))
    return now, times


def test_a_waveform_covers_the_chosen_frames(folder, tmp_path):
    path = tmp_path / "waves.vcd"
    cycles = write_waveform(folder, path, frames=range(3, 5))
    text = path.read_text()
    assert "$scope module hwf_accelerator $end" in text
    assert "$scope module u_stage0" in text or re.search(r"\$scope module \S*stage0", text)
    last, valid = signal_values(text, "m_axis_result_tvalid")
    first = int(re.search(r"^#(\d+)", text, re.MULTILINE).group(1))
    assert (first, last) == (2 * cycles.start, 2 * cycles.stop - 1)
    with AcceleratorModel(folder) as model:
        run = model.run(frames_of(folder, 5 + make_plan(model.design, 5).overlap))
    # From a wait for frame 3's first beat at most to the result of frame 4.
    wanted = run.out_cycle[4] - run.in_cycle[3] + 1
    lead = run.in_cycle[3] - run.in_cycle[2]
    assert wanted <= len(cycles) <= wanted + lead
    # Results of earlier frames may come out meanwhile; that of frame 4 comes last.
    risen = [time for time, value in valid if value]
    assert risen[-1] == 2 * cycles.stop - 3  # the clock edge in front of the last cycle
    assert [path.name for path in tmp_path.iterdir()] == ["waves.vcd"]


def test_the_command_compares_and_writes_both(hwflow, folder, tmp_path):
    arguments = ("--images", 150, "--jobs", 1, "--out", tmp_path / "volume", "--json")
    vcd = ("--vcd", tmp_path / "w.vcd", "--vcd-frames", "1:2")
    done = hwflow("simulate", folder, *arguments, *vcd)
    assert done.code == 0, done.err
    data = done.data
    assert (data["command"], data["n"], data["mismatches"], data["reused"]) == (
        "simulate",
        150,
        0,
        False,
    )
    assert data["vcd"]["cycles"] * 2 == data["vcd"]["time"][1] - data["vcd"]["time"][0]
    assert (tmp_path / "w.vcd").stat().st_size > 1000
    again = hwflow("simulate", folder, *arguments[:2], *arguments[4:], "--jobs", 2)
    assert again.data["reused"]


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_ends_every_process_and_keeps_finished_segments(folder, tmp_path):
    out = tmp_path / "volume"
    command = ["simulate", str(folder), "--images", "1000000", "--jobs", "2", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", f"from hwflow.cli import main; main({command!r})"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background of a shell may have been told to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    parts = tmp_path / ".volume.partial" / SEGMENTS
    deadline = time.monotonic() + 120
    while not any(parts.glob("*.npz")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=180)
    deadline = time.monotonic() + 60
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    while _alive(process.pid):
        assert time.monotonic() < deadline, "processes are left"
        time.sleep(0.1)
    assert not out.exists()
    for path in parts.glob("*.npz"):
        if not path.name.endswith(".partial.npz"):
            with np.load(path) as stored:
                assert len(stored["prediction"]) > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--images", "5", "--frames", "3"), "--frames is for the golden check"),
        (("--vcd-frames", "1:2"), "add --vcd FILE"),
        (("--vcd", "w.vcd", "--vcd-frames", "2:2"), "expected A:B with A < B"),
        (("--vcd", "w.vcd", "--vcd-frames", "x"), "expected A:B with A < B"),
        (("--jobs", "2"), "add --images N"),
        (("--images", "5", "--from", "nowhere.npy"), "nowhere.npy"),
        (("--vcd", "/dev/null/w.vcd"), "cannot be written"),
    ],
)
def test_wrong_options_are_named(folder, tmp_path, capfd, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["simulate", str(folder), "--out", str(tmp_path / "out"), "--json", *options])
    out, err = capfd.readouterr()
    assert stop.value.code == 2
    assert words in " ".join(err.split())
    assert json.loads(out)["error"]["type"] == "ConfigError"
    assert list(tmp_path.iterdir()) == []
