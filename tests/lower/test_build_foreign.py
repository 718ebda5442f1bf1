"""`hwflow build` on foreign files: what a user is told, and what is left behind."""

import json

import numpy as np
import onnx
import pytest
from broken_models import BROKEN
from model_writer import Writer

from hwflow.cli import main

pytestmark = [pytest.mark.finn]


@pytest.fixture
def hwflow_here(capfd):
    """Run the command line in this process, where heavy packages are loaded already."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return stop.value.code, out, err

    return run


def network(path, *, seed=0):
    """Write a small network as somebody else's exporter would: bytes / 255, ReLU, softmax."""
    writer = Writer((1, 3, 6, 8), seed=seed)
    x = writer.quant(writer.add("Div", "x", np.float32(255)), 1 / 16, 4, signed=0)
    x = writer.add("Relu", writer.conv(x, 3, 8, pads=[1, 1, 1, 1]))
    x = writer.quant(x, 0.25, 4, signed=0)
    x = writer.add("Flatten", writer.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    x = writer.add("MatMul", x, writer.weights(8 * 3 * 4, 5))
    onnx.save(writer.model(writer.add("Softmax", x, axis=1)), path)
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_end_with_2_and_leave_nothing(hwflow_here, tmp_path, name):
    source = tmp_path / "source"
    source.mkdir()
    path = BROKEN[name].build(source)
    out = tmp_path / "out" / "model"
    code, stdout, err = hwflow_here("build", path, "--board", "pynq-z2", "--out", out, "--json")
    assert code == 2, err
    assert "Traceback" not in err
    assert "error:" in err
    assert json.loads(stdout)["error"]["type"] in {"ConfigError", "UnsupportedModelError"}
    assert not out.parent.exists()


def test_a_foreign_file_becomes_an_accelerator(hwflow_here, tmp_path):
    path = network(tmp_path / "my model (v2).onnx")
    out = tmp_path / "out"
    code, stdout, err = hwflow_here(
        "build", path, "--board", "pynq-z2", "--target-ii", 400, "--out", out, "--json"
    )
    assert code == 0, err
    assert "the file reads bytes" in err
    data = json.loads(stdout)
    assert (data["command"], data["mismatches"]) == ("build", 0)
    assert data["rtl_verified"] is False
    assert data["input"]["dtype"] == "uint8"
    folder = out / "accelerator"
    design = json.loads((folder / "design.json").read_text())
    assert design["name"] == "my_model_v2"
    assert data["ii_bound_cycles"][0] <= 400
    assert all((folder / source).is_file() for source in design["sources"])
    # Nothing to do again; another network, same place: all of it again.
    code, stdout, _ = hwflow_here(
        "build", path, "--board", "pynq-z2", "--target-ii", 400, "--out", out, "--json"
    )
    assert json.loads(stdout)["reused"]
    network(path, seed=1)
    code, stdout, _ = hwflow_here(
        "build", path, "--board", "pynq-z2", "--target-ii", 400, "--out", out, "--json"
    )
    assert not json.loads(stdout)["reused"]


def test_a_broken_successor_does_not_pass_for_its_predecessor(hwflow_here, tmp_path):
    path = network(tmp_path / "model.onnx")
    arguments = ("build", path, "--board", "pynq-z2", "--out", tmp_path / "out", "--json")
    assert hwflow_here(*arguments)[0] == 0
    path.write_bytes(path.read_bytes()[:500])
    assert hwflow_here(*arguments)[0] == 2
    assert hwflow_here(*arguments)[0] == 2


def test_changed_external_weights_are_noticed(hwflow_here, tmp_path):
    path = network(tmp_path / "model.onnx")
    onnx.save(
        onnx.load(path),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=64,
        convert_attribute=False,
    )
    arguments = ("build", path, "--board", "pynq-z2", "--out", tmp_path / "out", "--json")
    assert hwflow_here(*arguments)[0] == 0
    assert json.loads(hwflow_here(*arguments)[1])["reused"]
    weights = bytearray((tmp_path / "weights.bin").read_bytes())
    weights[:64] = np.full(16, 0.25, np.float32).tobytes()
    (tmp_path / "weights.bin").write_bytes(weights)
    code, stdout, err = hwflow_here(*arguments)
    assert code == 0, err
    assert not json.loads(stdout)["reused"]


def test_golden_frames_with_labels(hwflow_here, tmp_path):
    path = network(tmp_path / "model.onnx")
    frames = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, label=np.zeros(5, np.int64))
    code, _, err = hwflow_here(
        *("build", path, "--board", "pynq-z2", "--out", tmp_path / "out"),
        *("--frames", tmp_path / "frames.npz"),
    )
    assert code == 0, err
    with np.load(tmp_path / "out" / "bundle" / "golden.npz") as golden:
        assert np.array_equal(golden["frames"], frames)
    bundle = json.loads((tmp_path / "out" / "bundle" / "bundle.json").read_text())
    assert bundle["cascade"]["accuracy"]["n"] == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "add --board pynq-z2"),
        (("--board", "zcu102"), "board"),
        (("--board", "pynq-z2", "--input-scale", "a/b"), "--input-scale: expected numbers"),
        (("--board", "pynq-z2", "--input-scale", "1/0"), "--input-scale: expected numbers"),
        (("--board", "pynq-z2", "--input-scale", "1,2"), "expected 1 or 3"),
        (("--board", "pynq-z2", "--input-scale", "-1"), "expected numbers above 0"),
        (("--board", "pynq-z2", "--input-type", "float"), "input.dtype"),
        (("--board", "pynq-z2", "--target-ii", "1"), "raise --target-ii"),
        (("--board", "pynq-z2", "--frames", "nowhere.npy"), "nowhere.npy"),
        (("--board", "pynq-z2", "--bundle", "somewhere"), "--bundle"),
    ],
)
def test_wrong_options_are_named(hwflow_here, tmp_path, options, words):
    path = network(tmp_path / "model.onnx")
    out = tmp_path / "out"
    code, _, err = hwflow_here("build", path, *options, "--out", out)
    assert code == 2
    assert words in " ".join(err.split())
    assert not (out / "accelerator").exists()


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.full(20, 99), "expected labels of 0 … 4"),
        (np.full(20, -1), "expected labels of 0 … 4"),
        (np.full(20, 1.7), "expected 20 integers"),
        (np.array(["a"] * 20), "expected 20 integers"),
        (np.zeros(3, int), "expected 20 integers"),
    ],
)
def test_wrong_labels_are_named(hwflow_here, tmp_path, label, words):
    path = network(tmp_path / "model.onnx")
    np.savez(tmp_path / "f.npz", frames=np.zeros((20, 6, 8, 3), np.uint8), label=label)
    code, _, err = hwflow_here(
        *("build", path, "--board", "pynq-z2", "--out", tmp_path / "out"),
        *("--frames", tmp_path / "f.npz"),
    )
    assert code == 2
    assert words in " ".join(err.split())


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "a b", "x" * 65])
def test_names_stay_within_the_output_folder(hwflow_here, tmp_path, name):
    path = network(tmp_path / "model.onnx")
    code, _, err = hwflow_here("build", path, "--board", "pynq-z2", "--set", f"name='{name}'")
    assert code == 2
    assert "name" in err


def test_a_design_that_names_no_model_says_what_to_add(hwflow_here, tmp_path):
    (tmp_path / "design.yaml").write_text("schema_version: 1\nname: x\nboard: pynq-z2\n")
    code, _, err = hwflow_here("build", tmp_path / "design.yaml")
    assert code == 2
    assert "names no model" in err


def test_a_designs_model_is_found_beside_it(hwflow_here, tmp_path):
    network(tmp_path / "model.onnx")
    (tmp_path / "design.yaml").write_text(
        "schema_version: 1\nname: x\nboard: pynq-z2\n"
        "model: {kind: onnx, path: model.onnx}\ngolden: {count: 8}\n"
    )
    code, stdout, err = hwflow_here(
        "build", tmp_path / "design.yaml", "--out", tmp_path / "out", "--json"
    )
    assert code == 0, err
    assert json.loads(stdout)["mismatches"] == 0
