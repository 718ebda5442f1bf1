"""Stages in RTL, node by node: equal on every beat, and a flipped bit is found and named."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dataflow.integer_nets import NETWORKS, Builder, random_frames, write_stage

from hwflow.dataflow.network_file import load_network
from hwflow.dataflow.stage import HARDWARE_GRAPH
from hwflow.dataflow.streams import WINDOW
from hwflow.dataflow.verify import load_graph
from hwflow.errors import VerificationError
from hwflow.lower.evaluate import evaluate
from hwflow.lower.network import Conv, Depthwise, Threshold
from hwflow.simulate.accelerator import (
    load_accelerator,
    patience_cycles,
    to_beats,
    unpack_scores,
)
from hwflow.simulate.compile import compile_model
from hwflow.simulate.library import Pauses, Simulation
from hwflow.simulate.nodes import verify_nodes, verify_scores
from hwflow.simulate.stage import run_stage, stage_ports

pytestmark = [pytest.mark.finn, pytest.mark.sim]

# Cycles per frame that fold each network differently from the automatic target.
TARGETS = {
    "binary": 150,
    "residual": 3000,
    "separable": 900,
    "one-dimensional": 500,
    "wide": 700,
}


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    return write_stage(NETWORKS["binary"](), tmp_path_factory.mktemp("binary") / "a", target=150)


@pytest.mark.parametrize("name", TARGETS)
def test_every_beat_of_every_node_is_equal(tmp_path, name):
    network = NETWORKS[name]()
    folder = write_stage(network, tmp_path / "a", target=TARGETS[name])
    links = verify_nodes(folder, random_frames(network, 6), seed=5)
    design = load_accelerator(folder)
    # The integer network, the input and each node; a duplicator has several outputs.
    assert len(links) >= 2 + len(design.stages[0].layers)
    assert all(link.compared > 0 and link.mismatches == 0 for link in links)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [
        ((8, 9, 2), (1, 3), (2, 2)),
        ((9, 9, 2), (2, 2), (4, 4)),
        ((9, 9, 2), (1, 1), (3, 3)),
        ((1, 9, 1), (1, 2), (1, 5)),
        ((4, 4, 2), (3, 3), (2, 2)),
    ],
)
@pytest.mark.parametrize("depthwise", [False, True])
def test_any_stride(tmp_path, shape, kernel, stride, depthwise):
    b = Builder(shape, seed=3)
    x = b.threshold("frame", 3)
    if depthwise:
        x = b.depthwise(x, kernel, bits=3, stride=stride)
    else:
        x = b.conv(x, 3, kernel, bits=3, stride=stride)
    network = b.network(b.scores(b.threshold(x, 3), 3, bits=3))
    folder = write_stage(network, tmp_path / "a", target=20_000)
    verify_nodes(folder, random_frames(network, 3))


def _verify_window(folder, shape, kernel, *, depthwise=False):
    """Build and simulate a layer that reads whole windows of a map ``shape``."""
    b = Builder(shape, seed=1)
    if depthwise:
        x = b.depthwise(b.threshold("frame", 3), kernel, bits=3)
    else:
        x = b.conv("frame", 2, kernel, bits=2)
    network = b.network(b.scores(b.threshold(x, 2), 2, bits=2))
    write_stage(network, folder)  # as fast as it goes, so by whole windows
    (window,) = (
        node
        for node in load_graph(folder / "graphs" / "stage0" / HARDWARE_GRAPH).graph.node
        if node.op_type == WINDOW
    )
    assert [a.i for a in window.attribute if a.name == "parallel_window"] == [1]
    verify_nodes(folder, random_frames(network, 4), seed=1)


@pytest.mark.parametrize(("shape", "kernel"), [((5, 3, 2), (3, 3)), ((5, 4, 1), (3, 3))])
def test_windows_about_as_wide_as_the_map(tmp_path, shape, kernel):
    """A line buffer of 0 words and of 1, both outside what FINN's own memory can be."""
    _verify_window(tmp_path / "a", shape, kernel)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "kernel", "depthwise"),
    [
        ((4, 4, 2), (3, 3), True),
        ((6, 6, 1), (5, 5), False),
        ((3, 3, 1), (2, 2), False),
        ((4, 5, 1), (3, 3), False),
    ],
)
def test_more_windows_about_as_wide_as_the_map(tmp_path, shape, kernel, depthwise):
    _verify_window(tmp_path / "a", shape, kernel, depthwise=depthwise)


def test_layers_whose_weights_are_all_zero(tmp_path):
    """Dense and depthwise, of ±1 and of two bits: sums need no bit, their streams two."""
    b = Builder((3, 3, 2), seed=6)
    zero = [b.threshold("frame"), b.threshold("frame", 2)]
    ends = []
    for x in zero:
        dense = np.zeros((2, 2, 2, 2), np.int64)
        y = b._append(Conv, [x], (2, 2, 2), 0, 0, weights=dense, stride=(1, 1), dilation=(1, 1))
        y = b._append(
            Threshold, [y], (2, 2, 2), -1, 1, bipolar=True, thresholds=np.array([[0], [1]])
        )
        channels = np.zeros((2, 2, 2), np.int64)
        ends.append(b._append(Depthwise, [x], (2, 2, 2), 0, 0, weights=channels, stride=(1, 1)))
        ends.append(b.conv(y, 2, (1, 1), bits=2))
    first = b.add(ends[0], ends[1])
    second = b.add(ends[2], ends[3])
    kept = b.conv("frame", 2, (2, 2), bits=2)  # or every score would be the same
    x = b.threshold(b.add(b.add(first, second), kept), 2)
    network = b.network(b.scores(x, 2, bits=2))
    folder = write_stage(network, tmp_path / "a", target=400)
    verify_nodes(folder, random_frames(network, 4), seed=1)


def small_residual():
    """Two shortcuts, one inside the other, and scores in fewer bits than one product may take."""
    b = Builder((4, 4, 2), seed=7, signed=True)
    x = b.threshold(b.conv(b.pad("frame"), 3, bits=2), 3)
    y = b.threshold(b.conv(b.pad(x), 3, bits=2), 3)
    z = b.threshold(b.depthwise(b.pad(y), bits=3), 3)
    x = b.threshold(b.add(b.threshold(b.add(z, y, (1, -3)), 3, low=-4), x, (2, 1)), 4)
    weights = np.array([[-64, 24, 33], [9, -64, 41], [60, 0, -64]]).reshape(3, 1, 1, 3)
    ends = {"low": -64 * 240, "high": 60 * 240}  # 15 bits; 8 + 8 to FINN's unit
    sums = b.sum_pool(x, (4, 4))
    shape = (1, 1, 3)
    return b.network(
        b._append(Conv, [sums], shape, **ends, weights=weights, stride=(1, 1), dilation=(1, 1))
    )


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
    return write_stage(small_residual(), tmp_path_factory.mktemp("residual") / "a", target=1000)


def test_a_small_residual_block(residual):
    network = small_residual()
    verify_nodes(residual, random_frames(network, 4), seed=2)
    pauses = Pauses(idle=0.3, stall=0.5, longest=90, seed=4)
    verify_scores(residual, random_frames(network, 20), pauses=pauses)


@pytest.mark.parametrize("cycles", [30, 333, 1500])
def test_a_reset_amid_a_frame_leaves_nothing_behind(residual, cycles):
    """Counters, FIFOs and both branches start anew: the next scores are those of its frames."""
    network = small_residual()
    frames = random_frames(network, 8, seed=3)
    design = load_accelerator(residual)
    hardware = design.stages[0]
    ports = stage_ports(design, 0)
    library = compile_model(ports, sources=design.sources, folder=residual)
    per_frame = -(-network.classes // hardware.score_lanes)
    with Simulation(library, ports, folder=residual, random_state=1) as simulation:
        simulation.reset()
        data, last = to_beats(frames[::-1], hardware.in_bytes)
        simulation.load(data, last)
        simulation.idle(cycles)
        assert 0 < simulation.accepted < len(data)
        simulation.reset()
        simulation.load(*to_beats(frames, hardware.in_bytes))
        outputs = len(frames) * per_frame
        assert simulation.run(outputs, patience=patience_cycles(design)) == 0
        beats = simulation.recording().data
    scores = unpack_scores(
        beats, bits=hardware.score_bits, lanes=hardware.score_lanes, classes=network.classes
    )
    np.testing.assert_array_equal(scores, evaluate(network, frames))


def test_scores_of_many_frames_are_equal(binary):
    network = NETWORKS["binary"]()
    whole = verify_scores(binary, random_frames(network, 120))
    assert (whole.compared, whole.mismatches) == (120 * network.classes, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_residual_block_never_deadlocks_and_keeps_pace(tmp_path, seed):
    network = NETWORKS["residual"]()
    folder = write_stage(network, tmp_path / "a", target=TARGETS["residual"])
    frames = random_frames(network, 40)
    stalls = Pauses(idle=0.3 * (seed % 2), stall=0.4, longest=3 + 200 * seed, seed=seed)
    verify_scores(folder, frames, pauses=stalls)
    bound = load_accelerator(folder).stages[0].ii_bound_cycles
    interval = np.diff(run_stage(folder, 0, frames).out_cycle)[len(frames) // 2 :]
    assert interval.max() <= 1.05 * bound


def flipped(folder, pattern, target):
    """A copy of ``folder`` with one bit of one memory word flipped; returns it and the node."""
    copy = shutil.copytree(folder, target)
    path = min((copy / "rtl").glob(pattern))
    words = path.read_text().split()
    words[0] = f"{int(words[0], 16) ^ 1:0{len(words[0])}x}"
    path.write_text("\n".join(words) + "\n")
    return copy, path.name


@pytest.mark.parametrize("layer", ["conv2", "conv5", "threshold0"])
def test_a_flipped_memory_bit_is_found_and_named(binary, tmp_path, layer):
    copy, file = flipped(binary, f"stage0_{layer}_*.dat", tmp_path / "copy")
    network = load_network(copy / "graphs" / "stage0" / "network.npz")
    with pytest.raises(VerificationError, match=rf"node stage0_{layer}_\w+ .*frame \d+.*beat \d+"):
        verify_nodes(copy, random_frames(network, 8))
    assert layer in file


def test_missing_beats_are_named(binary, tmp_path):
    """A stage that stops is named by the first node that lacks beats."""
    copy = shutil.copytree(binary, tmp_path / "copy")
    top = copy / "rtl" / "stage0.v"
    text = top.read_text()
    broken = text.replace(
        "assign stream0_tvalid = s_axis_0_tvalid;", "assign stream0_tvalid = 1'b0;"
    )
    assert broken != text
    top.write_text(broken)
    with pytest.raises(VerificationError, match=r"the input.*frame 0: .*nothing"):
        verify_nodes(copy, random_frames(NETWORKS["binary"](), 2))
