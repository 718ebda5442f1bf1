"""FIFO sizing: the search ends in a minimum, gauges keep the RTL's clocks, joins do not lock up."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dataflow.integer_nets import NETWORKS, random_frames, write_stage
from hypothesis import given, settings
from hypothesis import strategies as st

from hwflow.config.fifos import load_fifos, write_fifos
from hwflow.cost.fifo import FifoMemory
from hwflow.dataflow.fifos import keep_formula, read_fifos, set_depths, take_given
from hwflow.dataflow.verify import load_graph
from hwflow.errors import ConfigError
from hwflow.simulate.accelerator import load_accelerator
from hwflow.simulate.fifos import SEEDS, _levels, _price, _Search, size_fifos, steady_pace
from hwflow.simulate.gauges import UNBOUNDED, GaugedStage
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
    (stage,) = read_fifos(folder).stages
    depths = {fifo.name: 4 for fifo in stage.fifos}
    with pytest.raises(ConfigError, match="no FIFO called none_such"):
        set_depths(folder, depths | {"none_such": 4}, "given")
    depths.pop(stage.fifos[2].name)
    with pytest.raises(ConfigError, match=stage.fifos[2].name):
        set_depths(folder, depths, "given")
    with pytest.raises(ConfigError, match=r"fifos\.json"):
        load_fifos(tmp_path)
