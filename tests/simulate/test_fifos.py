"""FIFO sizing: the search ends in a minimum, gauges keep the RTL's clocks, joins do not lock up."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dataflow.integer_nets import NETWORKS, Builder, random_frames, write_stage
from dataflow.networks import SHAPE, tiny_design, tiny_nets, write_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from hwflow.config.base import parse
from hwflow.config.fifos import MAX_DEPTH_WORDS, load_fifos, write_fifos
from hwflow.config.folding import Folding
from hwflow.cost.fifo import FifoMemory
from hwflow.dataflow.accelerator import build
from hwflow.dataflow.fifos import keep_formula, read_fifos, set_depths, stage_fifos, take_given
from hwflow.dataflow.folding.file import to_file
from hwflow.dataflow.verify import load_graph
from hwflow.errors import ConfigError, UnsupportedModelError, VerificationError
from hwflow.lower.evaluate import evaluate
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.fifo_check import check_fifos
from hwflow.simulate.fifos import (
    SEEDS,
    _levels,
    _price,
    _Search,
    _Sizing,
    _tell_excess,
    _without_stops,
    size_fifos,
    steady_pace,
    try_given,
)
from hwflow.simulate.gauges import UNBOUNDED, GaugedStage, GaugeRun
from hwflow.simulate.library import Pauses
from hwflow.simulate.nodes import verify_nodes, verify_scores
from hwflow.simulate.stage import run_stage

FRAMES = 10


# --- The search, on rules instead of a stage ----------------------------------------------------
@st.composite
def _rules(draw):
    """Levels of some FIFOs, and pairs of them that need a number of words together."""
    levels = [
        tuple(sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=6)), reverse=True))
        for _ in range(draw(st.integers(1, 9)))
    ]
    pairs = draw(st.lists(st.tuples(*[st.integers(0, len(levels) - 1)] * 2), max_size=6))
    needs = [(a, b, draw(st.integers(0, levels[a][0] + levels[b][0]))) for a, b in pairs]
    return levels, needs


@settings(max_examples=200, deadline=None)
@given(_rules())
def test_the_search_ends_in_a_minimum(rules):
    levels, needs = rules
    runs = []

    def keeps(depths):
        runs.append(depths)
        return all(depths[a] + depths[b] >= need for a, b, need in needs)

    told = []
    found = _Search(levels, keeps, told.append).run()
    assert keeps(found)
    assert told[-1] == len(levels)
    for index, depths in enumerate(levels):
        lower = depths.index(found[index]) + 1
        if lower < len(depths):
            assert not keeps((*found[:index], depths[lower], *found[index + 1 :])), index
    assert len(runs) <= 3 + 8 * len(levels)


def test_the_search_widens_what_does_not_suffice():
    found = _Search([(4, 1), (8, 2)], lambda depths: sum(depths) > 20, lambda done: None).run()
    assert sum(found) > 20


def test_the_search_gives_up_where_no_depth_suffices():
    tried = []

    def keeps(depths):
        tried.append(depths)
        return False

    with pytest.raises(VerificationError, match=r"stage7: cycles per frame.*please report"):
        _Search([(4, 1)], keeps, lambda done: None, name="stage7").run()
    assert len(tried) < 100


@pytest.mark.parametrize("bits", [1, 8, 24, 64, 288])
@pytest.mark.parametrize("peak", [0, 1, 2, 9, 33, 100, 700, 5000])
def test_each_level_saves_something(peak, bits):
    levels = _levels(peak, bits)
    assert levels[0] >= peak
    assert list(levels) == sorted(levels, reverse=True)
    prices = [_price(depth, bits) for depth in levels]
    assert prices == sorted(prices, reverse=True)
    assert len(set(prices)) == len(prices)


# --- A residual stage ----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return write_stage(
        NETWORKS["residual"](), tmp_path_factory.mktemp("residual") / "a", target=3000
    )


@pytest.fixture(scope="module")
def sized(tmp_path_factory, built):
    folder = tmp_path_factory.mktemp("sized") / "a"
    shutil.copytree(built, folder)
    size_fifos(folder)
    return folder


def gauged(folder):
    (stage,) = read_fifos(folder).stages
    return GaugedStage(folder, load_accelerator(folder), 0, [fifo.bits for fifo in stage.fifos])


@pytest.mark.finn
@pytest.mark.sim
def test_sized_is_as_fast_as_unbounded_and_smaller(built, sized):
    (before,) = read_fifos(built).stages
    (stage,) = load_fifos(sized).stages
    assert stage.ii_cycles == stage.unbounded_ii_cycles
    assert stage.ii_cycles <= stage.ii_bound_cycles
    with gauged(built) as gauges:
        free = gauges.run([UNBOUNDED] * len(stage.fifos), FRAMES)
        starved = gauges.run([1] * len(stage.fifos), FRAMES)
    assert steady_pace(free.out_cycles) == stage.unbounded_ii_cycles
    assert starved.stalled or steady_pace(starved.out_cycles) > stage.ii_cycles

    def words(fifos):
        return sum(fifo.depth_words * fifo.bits for fifo in fifos)

    assert words(stage.fifos) < words(before.fifos)
    layers = {layer.name: layer for layer in load_accelerator(sized).stages[0].layers}
    for fifo in stage.fifos:
        assert layers[fifo.name].fifo_depth_words == fifo.depth_words
    assert {fifo.found for fifo in read_fifos(sized).stages[0].fifos} == {"simulated"}


@pytest.mark.finn
@pytest.mark.sim
def test_sized_rtl_is_exact_and_keeps_the_pace(sized):
    network = NETWORKS["residual"]()
    (stage,) = load_fifos(sized).stages
    verify_nodes(sized, random_frames(network, 3), seed=4)
    busy = run_stage(sized, 0, random_frames(network, FRAMES))
    assert steady_pace(busy.out_cycle) == stage.ii_cycles
    for seed in SEEDS:
        pauses = Pauses(idle=0.1, stall=0.4, longest=70, seed=seed)
        verify_scores(sized, random_frames(network, 6, seed=seed), pauses=pauses)


@pytest.mark.finn
@pytest.mark.sim
def test_gauges_keep_the_clocks_of_the_rtl(tmp_path, built, sized):
    """Cycle by cycle, at depths by formula, at those found, and with FIFOs in block RAM."""
    network = NETWORKS["residual"]()
    frames = random_frames(network, FRAMES)
    folder = tmp_path / "deep"
    shutil.copytree(sized, folder)
    (stage,) = read_fifos(folder).stages
    set_depths(folder, {fifo.name: 600 for fifo in stage.fifos}, "given")
    (deep,) = keep_formula(folder).stages
    assert sum(fifo.memory == FifoMemory.BLOCK for fifo in deep.fifos) > 3
    for where in (built, sized, folder):
        depths = [fifo.depth_words for fifo in read_fifos(where).stages[0].fifos]
        with gauged(where) as gauges:
            told = gauges.run(depths, FRAMES)
        np.testing.assert_array_equal(told.out_cycles, run_stage(where, 0, frames).out_cycle)


@pytest.mark.finn
def test_depths_of_a_file(tmp_path, built):
    folder = tmp_path / "a"
    shutil.copytree(built, folder)
    fifos = keep_formula(folder)
    assert fifos == load_fifos(folder)
    (stage,) = fifos.stages
    first = stage.fifos[0]
    edited = stage.model_copy(
        update={"fifos": (first.model_copy(update={"depth_words": 77}), *stage.fifos[1:])}
    )
    given = fifos.model_copy(update={"stages": (edited,)})
    write_fifos(given, tmp_path)
    taken = take_given(folder, load_fifos(tmp_path)).stages[0].fifos
    assert (taken[0].depth_words, taken[0].found) == (77, "given")
    assert ".Depth(77)" in (folder / "rtl" / "stage0.v").read_text()
    graph = load_graph(folder / "graphs" / "stage0" / "hardware.onnx")
    assert any(a.i == 77 for node in graph.graph.node for a in node.attribute if a.name == "depth")
    told = load_accelerator(folder).stages[0].layers
    assert next(layer for layer in told if layer.name == first.name).fifo_depth_words == 77


@pytest.mark.finn
def test_depths_that_do_not_fit_are_named(tmp_path, built):
    folder = tmp_path / "a"
    shutil.copytree(built, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (stage,) = read_fifos(folder).stages
    depths = {fifo.name: 4 for fifo in stage.fifos}
    with pytest.raises(ConfigError, match="no FIFO called none_such"):
        set_depths(folder, depths | {"none_such": 4}, "given")
    depths.pop(stage.fifos[2].name)
    with pytest.raises(ConfigError, match=stage.fifos[2].name):
        set_depths(folder, depths, "given")
    with pytest.raises(ConfigError, match=r"fifos\.json"):
        load_fifos(tmp_path)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.finn
def test_a_file_of_another_accelerator_is_refused(tmp_path, built):
    folder = tmp_path / "a"
    shutil.copytree(built, folder)
    fifos = read_fifos(folder)
    (stage,) = fifos.stages
    last = stage.fifos[-1]

    def refused(**changed):
        return fifos.model_copy(update={"stages": (stage.model_copy(update=changed),)})

    with pytest.raises(ConfigError, match="no stage nonsense; the stages are stage0"):
        take_given(folder, refused(name="nonsense"))
    with pytest.raises(ConfigError, match=f"stage stage0: none is given for {last.name}"):
        take_given(folder, refused(fifos=stage.fifos[:-1]))
    wide = last.model_copy(update={"bits": last.bits + 1})
    with pytest.raises(ConfigError, match=f"stage0, FIFO {last.name}: bits is {wide.bits}, here"):
        take_given(folder, refused(fifos=(*stage.fifos[:-1], wide)))


@pytest.mark.finn
def test_a_fifo_beyond_the_limit_is_named(built):
    from qonnx.custom_op.registry import getCustomOp

    from hwflow.dataflow import finn
    from hwflow.dataflow.stitch import fifo_nodes

    with finn.session(built.parent / "session"):
        model = load_graph(built / "graphs" / "stage0" / "hardware.onnx")
        node = fifo_nodes(model)[0]
        getCustomOp(node).set_nodeattr("depth", MAX_DEPTH_WORDS + 1)
        with pytest.raises(UnsupportedModelError, match=f"{node.name}.*{MAX_DEPTH_WORDS + 1} word"):
            stage_fifos(model, "stage0")


# --- Depths that are tried ------------------------------------------------------------------------
@pytest.mark.finn
@pytest.mark.sim
def test_given_depths_that_stop_a_stage_are_named(tmp_path, built):
    folder = tmp_path / "a"
    shutil.copytree(built, folder)
    (told,) = try_given(folder).stages
    assert told.ii_cycles >= told.unbounded_ii_cycles
    assert load_fifos(folder).stages == (told,)
    (stage,) = read_fifos(folder).stages
    # Of the two inputs of the join, the short branch's FIFO is the deep one.
    joins = [fifo for fifo in stage.fifos if "HwfAdd" in fifo.name]
    shallow = max(joins, key=lambda fifo: fifo.depth_words)
    depths = {fifo.name: fifo.depth_words for fifo in stage.fifos}
    set_depths(folder, depths | {shallow.name: 1}, "given")
    with pytest.raises(ConfigError, match=f"stage0 stops at those given: .*{shallow.name}"):
        try_given(folder)


@pytest.mark.finn
@pytest.mark.sim
def test_promises_of_simulated_depths_are_checked(tmp_path):
    folder = tmp_path / "a"
    frames = np.random.default_rng(5).integers(0, 256, size=(3, *SHAPE), dtype=np.uint8)
    write_bundle(tmp_path / "bundle", tiny_nets(), frames)
    build(tiny_design(400, 900), tmp_path / "bundle", folder)
    fifos = size_fifos(folder)
    links = check_fifos(folder)
    assert len(links) == len(fifos.stages) * (1 + len(SEEDS))
    depths = {fifo.name: fifo.depth_words for stage in fifos.stages for fifo in stage.fifos}
    deepest = max(depths, key=depths.__getitem__)
    assert depths[deepest] > 1
    set_depths(folder, depths | {deepest: 1}, "given")
    with pytest.raises(VerificationError, match="cycles per frame at simulated FIFO depths"):
        check_fifos(folder)


class Rules:
    """Stands for a gauged stage that stops where one of its FIFOs holds fewer than ``need``."""

    def __init__(self, need):
        self.need = need

    def run(self, depths, frames, **options):
        stalled = min(depths) < self.need
        cycles = np.empty(0, np.int64) if stalled else 100 * np.arange(1, frames + 1)
        return GaugeRun(out_cycles=cycles, peaks=tuple(depths), stalled=stalled)


def test_a_stage_that_stops_gets_deeper_fifos(caplog):
    assert _without_stops(Rules(3), "stage0", [4, 3], [9, 9]) == (4, 3)
    assert not caplog.records
    assert _without_stops(Rules(5), "stage0", [4, 3], [9, 9]) == (9, 9)
    assert "stage0: stops under random pauses" in caplog.text
    with pytest.raises(VerificationError, match="stage0: FIFO depths under random pauses"):
        _without_stops(Rules(10), "stage0", [4, 3], [9, 9])


def test_a_stage_that_stops_without_limits_is_an_error():
    with pytest.raises(VerificationError, match="stage0: FIFOs without limits"):
        _Sizing(Rules(2 * UNBOUNDED), "stage0", 2).measure()


@pytest.mark.finn
def test_a_bound_that_is_not_reached_is_told(built, caplog):
    (stage,) = load_accelerator(built).stages
    _tell_excess(stage, 1.019 * stage.ii_bound_cycles)
    assert not caplog.records
    _tell_excess(stage, 1.03 * stage.ii_bound_cycles)
    assert f"3.0 % more than the {stage.ii_bound_cycles} of its bound" in caplog.text


def fastest(space):
    chosen = [
        min(range(len(layer.options)), key=lambda i, o=layer.options: o[i].cycles)
        for layer in space.layers
    ]
    return to_file(space, chosen).model_dump(mode="json")


@pytest.mark.finn
@pytest.mark.sim
def test_words_that_arrive_in_narrower_beats_are_held_while_the_first_layer_computes(tmp_path):
    """Vectors of 6 words of 16 bytes, which arrive 8 bytes a clock, four times computed with."""
    builder = Builder((1, 1, 96), seed=1)
    last = builder.threshold(builder.conv("frame", 16, (1, 1), bits=2), 2)
    network = builder.network(builder.scores(last, 4, bits=2))

    def fold(space):
        data = fastest(space)
        layers = data["stages"][0]["layers"]
        first = next(name for name in layers if layers[name]["op"].endswith("MVAU_rtl"))
        layers[first].update(pe=4, simd=16)
        return parse(Folding, data, source="test")

    folder = write_stage(network, tmp_path / "a", fold=fold)
    (stage,) = load_accelerator(folder).stages
    assert (stage.in_bytes, stage.ii_bound_cycles) == (16, 24)
    assert stage.layers[0].op == "HwfFIFO_rtl"
    frames = random_frames(network, 32)
    busy = run_stage(folder, 0, frames)
    assert np.diff(busy.in_cycle).min() == 12  # 8 bytes a clock, while the FIFO fills
    assert steady_pace(busy.out_cycle) == 24
    np.testing.assert_array_equal(busy.scores, evaluate(network, frames))
    size_fifos(folder)
    assert steady_pace(run_stage(folder, 0, frames).out_cycle) == 24
    entry, *others = read_fifos(folder).stages[0].fifos
    assert 1 < entry.depth_words <= 6
    depths = {fifo.name: fifo.depth_words for fifo in others}
    set_depths(folder, depths | {entry.name: 1}, "given")
    assert steady_pace(run_stage(folder, 0, frames).out_cycle) > 24


@pytest.mark.finn
@pytest.mark.sim
def test_the_bound_holds_where_widths_do_not_divide(tmp_path):
    """Six channels at a time into four and three: the converters are the slowest nodes."""
    builder = Builder((12, 12, 3), seed=1)
    last = builder.threshold("frame", 2)
    for channels, kernel in ((12, 1), (12, 1), (4, 12)):
        last = builder.threshold(builder.conv(last, channels, (kernel, kernel), bits=2), 2)
    network = builder.network(builder.scores(last, 4, bits=2))

    def fold(space):
        data = fastest(space)
        layers = data["stages"][0]["layers"]
        first, second = [name for name in layers if layers[name]["op"].endswith("MVAU_rtl")][:2]
        layers[first].update(pe=6, simd=3)
        layers[second].update(pe=12, simd=4)
        layers["threshold2"].update(pe=6)
        return parse(Folding, data, source="test")

    folder = write_stage(network, tmp_path / "a", fold=fold)
    design = load_accelerator(folder)
    assert design.stages[0].ii_bound_cycles == 12 * 12 * 3
    frames = random_frames(network, 16)
    busy = run_stage(folder, 0, frames)
    assert steady_pace(busy.out_cycle) == 12 * 12 * 3
    np.testing.assert_array_equal(busy.scores, evaluate(network, frames))
