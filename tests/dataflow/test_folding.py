"""Folded graphs: targets are met, folds divide, streams fit, a looser target never costs more."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hwflow.config.design import Fill
from hwflow.dataflow import finn
from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.folding import solve_plan
from hwflow.dataflow.folding.options import divisors
from hwflow.dataflow.stage import StageConfig
from hwflow.dataflow.streams import SLACK_WORDS, connect, join_depth

from .integer_nets import NETWORKS, Builder

pytestmark = pytest.mark.finn

TARGETS = (150, 400, 1000, 4000, 50_000)


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


def fold(model, target, fill=None):
    """Fold in place and return the model and what was planned."""
    config = StageConfig("stage0", "xc7z020clg400-1", 10.0, target, fill)
    return model, solve_plan([model], config.request())


def cost(plan, limits) -> float:
    """What the plan's objective is at ``limits``."""
    request = StageConfig("stage0", "xc7z020clg400-1", 10.0, "auto").request()
    problem, kept = plan.space.problem(limits)
    choice = [list(keep).index(option) for keep, option in zip(kept, plan.choice, strict=True)]
    return float(problem.used(choice) @ request.budget(0 * problem.fixed).prices)


def operators(model):
    from qonnx.custom_op.registry import getCustomOp

    return [getCustomOp(node) for node in model.graph.node]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_target_is_met_with_whole_folds(name):
    spent = []
    for target in TARGETS:
        model, plan = fold(to_hardware(NETWORKS[name]()), target)
        for operator in operators(model):
            assert operator.get_exp_cycles() <= target, operator.onnx_node.name
            known = operator.get_nodeattr_types()
            for fold_name, size in (
                ("SIMD", "MW"),
                ("PE", "MH"),
                ("SIMD", "IFMChannels"),
                ("PE", "Channels"),
                ("PE", "NumChannels"),
                ("SIMD", "KernelSize"),
            ):
                if fold_name in known and size in known:
                    assert operator.get_nodeattr(size) % operator.get_nodeattr(fold_name) == 0
        spent.append(cost(plan, [50_000]))
    assert spent[0] > spent[-1]
    # All at one price list, that of the slowest, where FIFOs differ by a few words.
    assert all(later <= 1.001 * earlier for earlier, later in itertools.pairwise(spent))


def large_windows():
    """Windows of 25 positions: held whole they cost much, and fast layers need them so."""
    b = Builder((8, 8, 3), seed=1)
    x = b.threshold(b.conv(b.pad("frame"), 16, bits=4), 4)
    x = b.threshold(b.depthwise(x, (5, 5)), 4)
    return b.network(b.scores(x, 4, bits=4))


def test_depthwise_units_take_the_order_that_their_window_emits():
    seen = set()
    for network in (NETWORKS["separable"], large_windows):
        for target in TARGETS:
            layers = operators(fold(to_hardware(network()), target)[0])
            for window, unit in itertools.pairwise(layers):
                if unit.onnx_node.op_type == "HwfVVAU_rtl":
                    whole = window.get_nodeattr("parallel_window")
                    assert unit.get_nodeattr("PE") == window.get_nodeattr("SIMD")
                    assert whole or unit.get_nodeattr("SIMD") == 1
                    seen.add(whole)
    assert seen == {0, 1}


def test_automatic_target_fills_the_budget_and_no_more():
    def cycles(fill: Fill) -> int:
        model, _ = fold(to_hardware(NETWORKS["separable"]()), "auto", fill)
        return max(int(operator.get_exp_cycles()) for operator in operators(model))

    assert cycles(Fill(lut=0.05, dsp=0.02)) > 2 * cycles(Fill(lut=0.5))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [400, 4000])
def test_streams_fit_together_once_connected(name, target):
    model = connect(fold(to_hardware(NETWORKS[name]()), target)[0])
    producers = {model.graph.input[0].name: None}
    depths = []
    for operator in operators(model):
        node = operator.onnx_node
        for port, tensor in enumerate(t for t in node.input if t in producers):
            if producers[tensor] is None:
                continue
            before, number = producers.pop(tensor)  # one reader for each stream
            out_shape = before.get_folded_output_shape(number)
            in_shape = operator.get_folded_input_shape(port)
            assert out_shape[-1] == in_shape[-1], node.name
            assert np.prod(out_shape) == np.prod(in_shape), node.name
            widths = (before.get_outstream_width(number), operator.get_instream_width(port))
            assert widths[0] == widths[1], node.name
        producers |= {name: (operator, number) for number, name in enumerate(node.output)}
        if node.op_type == "HwfFIFO_rtl":
            depths.append(operator.get_nodeattr("depth"))
    assert list(producers)[1:] == [model.graph.output[0].name]
    assert min(depths) > SLACK_WORDS


def test_a_shortcut_holds_what_the_long_branch_takes_before_it_answers():
    model = connect(fold(to_hardware(NETWORKS["residual"]()), 3000)[0])
    add = next(o for o in operators(model) if o.onnx_node.op_type == "HwfAdd_rtl")
    fifos = {node.output[0]: node for node in model.graph.node if "FIFO" in node.op_type}
    depths = [
        next(a.i for a in fifos[name].attribute if a.name == "depth")
        for name in add.onnx_node.input
    ]
    # Two padded 3 × 3 convolutions of a map 8 wide, 4 channels a pixel, one a beat.
    assert depths[1] > 2 * (2 * 10 + 3) * 4
    assert depths[0] == SLACK_WORDS + 1


def test_join_depth_is_a_frame_at_most():
    assert join_depth(100, 0.25) == 25 + SLACK_WORDS + 1
    assert join_depth(100, 3.0) == 100 + SLACK_WORDS + 1
    assert join_depth(100, -1.0) == SLACK_WORDS + 1


def test_divisors():
    assert divisors(12) == [1, 2, 3, 4, 6, 12]
    assert divisors(1) == [1]
