"""Targets and budgets: the fastest folding, the cheapest one, and why there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwflow.config.design import Design, Fill, TargetCycles
from hwflow.cost.resources import Resources
from hwflow.dataflow import finn
from hwflow.dataflow.backend import to_hardware
from hwflow.dataflow.folding import Goal, Request, prober, request_of, solve_plan
from hwflow.dataflow.folding.plan import WHOLE_PART
from hwflow.dataflow.folding.problem import RESOURCES, vector
from hwflow.dataflow.folding.search import search
from hwflow.dataflow.folding.space import space_of
from hwflow.errors import ConfigError

from .integer_nets import NETWORKS, Builder

pytestmark = pytest.mark.finn

PART = "xc7z020"
NOTHING = np.zeros(len(RESOURCES))


@pytest.fixture(scope="module", autouse=True)
def _finn_session(tmp_path_factory):
    with finn.session(tmp_path_factory.mktemp("finn") / "work"):
        yield


@pytest.fixture(scope="module")
def space():
    return space_of([to_hardware(NETWORKS["separable"]())])


def goal(ii_cycles=None, *, share=(1,), fixed=None, least=1):
    shares = tuple(Fraction(value) for value in share)
    return Goal(shares, fixed or (None,) * len(shares), ii_cycles, least)


def found(space, goal, fill, fixed=NOTHING):
    request = Request(goal, PART, fill)
    return search(space, goal, request.budget(fixed)), request.budget(fixed)


def slowest(space, choice, stage=0) -> int:
    return max(
        layer.options[option].cycles
        for layer, option in zip(space.layers, choice, strict=True)
        if layer.stage == stage
    )


def test_the_fastest_within_a_budget_is_the_first_that_fits(space):
    """By trying every II below: none has any folding within."""
    best, budget = found(space, goal(), Fill(lut=0.05))
    assert (best.used <= budget.limit).all()
    assert slowest(space, best.choice) == best.ii_cycles
    cycles = {option.cycles for layer in space.layers for option in layer.options}
    below = [value for value in sorted(cycles) if value < best.ii_cycles][-40:]
    assert below
    for value in below:
        with pytest.raises(ConfigError, match="cannot be met"):
            found(space, goal(value), Fill(lut=0.05))


def test_no_faster_than_frames_arrive(space):
    assert found(space, goal(least=777), Fill())[0].ii_cycles == 777


def test_what_stands_around_leaves_less(space):
    free, _ = found(space, goal(), Fill(lut=0.1))
    around = vector(Resources(lut=0.05 * 53_200))
    best, budget = found(space, goal(), Fill(lut=0.1), fixed=around)
    assert best.ii_cycles > free.ii_cycles
    assert (best.used <= budget.limit).all()


def test_a_stage_that_few_frames_reach_is_folded_for_these():
    models = [to_hardware(NETWORKS[name]()) for name in ("separable", "wide")]
    space = space_of(models)
    alone, _ = found(space, goal(1000, share=(1, 1)), WHOLE_PART)
    rare, _ = found(space, goal(1000, share=(1, Fraction(1, 8))), WHOLE_PART)
    assert slowest(space, alone.choice, 1) <= 1000 < slowest(space, rare.choice, 1) <= 8000
    assert slowest(space, rare.choice, 0) <= 1000
    assert rare.used[0] < alone.used[0]


def test_stages_share_one_budget():
    """Both together in a budget that either could fill alone."""
    models = [to_hardware(NETWORKS[name]()) for name in ("separable", "wide")]
    both, budget = found(space_of(models), goal(share=(1, Fraction(1, 4))), Fill(lut=0.06))
    assert (both.used <= budget.limit).all()
    one, _ = found(space_of(models[:1]), goal(), Fill(lut=0.06))
    assert both.ii_cycles > one.ii_cycles


def test_a_layer_that_is_fully_unfolded_is_named_with_the_best(space):
    with pytest.raises(ConfigError) as caught:
        found(space, goal(3), WHOLE_PART)
    told = re.search(
        r"target of 3 cycles .* layer (stage0/\S+) needs at least (\d+) cycles .* The best II that "
        r"can be had within xc7z020 is (\d+) cycles, where that layer .* no resource binds",
        str(caught.value),
    )
    assert told, caught.value
    layer = next(layer for layer in space.layers if f"stage0/{layer.name}" == told[1])
    assert told[2] == told[3] == str(min(option.cycles for option in layer.options))
    assert found(space, goal(int(told[3])), WHOLE_PART)[0].ii_cycles == int(told[3])


def heavy():
    """131,072 weights of 4 bits behind a small convolution."""
    b = Builder((8, 8, 2), seed=3)
    x = b.threshold(b.conv(b.pad("frame"), 8, bits=4), 4)
    x = b.threshold(b.conv(b.flatten(x), 256, (1, 1), bits=4), 4)
    return b.network(b.scores(x, 4, bits=4))


@pytest.mark.parametrize(
    ("fill", "resource"),
    [
        (Fill(lut=0.05, dsp=100.0), "LUTs"),
        (Fill(lut=0.2, dsp=0.2), "LUTs and DSPs"),
    ],
)
def test_the_resource_that_binds_is_named_with_need_and_budget(fill, resource):
    space = space_of([to_hardware(heavy())])
    fastest = max(min(option.cycles for option in layer.options) for layer in space.layers)
    with pytest.raises(ConfigError) as caught:
        found(space, goal(fastest), fill)
    told = re.search(
        rf"target of {fastest} cycles .* cannot be met: .*{resource}.* bind: "
        r"the leanest folding needs (?P<need>[\d,]+) \w+ of (?P<limit>[\d,]+).*, "
        r"the most \w+ in layer stage0/conv\d \(\d.*"
        r"The best II that can be had within xc7z020 is (?P<best>[\d,]+) cycles",
        str(caught.value),
    )
    assert told, caught.value
    need, limit, best = (int(told[name].replace(",", "")) for name in ("need", "limit", "best"))
    assert need > limit
    assert found(space, goal(best), fill)[0].ii_cycles == best
    with pytest.raises(ConfigError):
        found(space, goal(best - 1), fill)


def test_targets_of_stages_that_cannot_be_met_scale_together():
    models = [to_hardware(NETWORKS[name]()) for name in ("separable", "wide")]
    with pytest.raises(ConfigError, match=r"stage0 50, stage1 200 .* \(stage0 (\d+), stage1"):
        found(space_of(models), goal(share=(1, 1), fixed=(50, 200)), WHOLE_PART)


def test_a_stage_with_an_impossible_target_of_its_own_beside_a_free_one():
    models = [to_hardware(NETWORKS[name]()) for name in ("separable", "wide")]
    with pytest.raises(ConfigError, match=r"layer stage1/\S+ needs at least .* of its stage"):
        found(space_of(models), goal(share=(1, 1), fixed=(None, 5)), Fill())


def test_a_pair_that_fits_together_only_when_slow_is_named(space):
    """Windows of one channel at a time, and a unit that takes such three positions at a time."""

    def kept(layer, fold) -> bool:
        if layer.name == "depthwise4.window":
            return fold.parallel_window == 1 and fold.simd == 1
        return layer.name != "depthwise4" or fold.pe != 1 or fold.simd == 3

    layers = tuple(
        replace(layer, options=tuple(o for o in layer.options if kept(layer, o.fold)))
        for layer in space.layers
    )
    unit = next(layer for layer in layers if layer.name == "depthwise4")
    together = next(o.cycles for o in unit.options if o.fold.pe == 1)
    assert all(min(o.cycles for o in layer.options) < together for layer in layers)
    slow = replace(space, layers=layers)
    with pytest.raises(ConfigError) as caught:
        found(slow, goal(together - 1), WHOLE_PART)
    assert re.search(
        rf"layers stage0/depthwise4\.window and stage0/depthwise4 need at least {together:,} "
        r"cycles .* where those layers are fully unfolded and no resource binds",
        str(caught.value),
    ), caught.value
    assert found(slow, goal(together), WHOLE_PART)[0].ii_cycles == together


class Around:
    """What stands around the stages of ``space`` by the cycles per frame of a folding."""

    def __init__(self, space, luts) -> None:
        self.space, self.luts = space, luts
        self.asked = 0

    def __call__(self, choice):
        self.asked += 1
        return vector(Resources(lut=self.luts(slowest(self.space, choice))))


@pytest.fixture(scope="module")
def wide():
    return space_of([to_hardware(NETWORKS["wide"]())])


@pytest.mark.parametrize("target", [None, 72])
def test_what_stands_around_slower_stages_may_be_less(wide, target):
    """As retention buffers are. What a faster folding would need around it is not this one's."""
    around = Around(wide, lambda cycles: 4900.0 if cycles < 70 else 300.0)
    request = Request(goal(target), PART, Fill(lut=0.1))
    budget = request.budget(vector(Resources(lut=300.0)))
    best = search(wide, request.goal, budget, around=around)
    assert best.ii_cycles == slowest(wide, best.choice) == 72
    assert budget.holds(best.used)
    constant = search(wide, request.goal, budget)  # as if 300 stood around any
    if target is None:
        assert constant.ii_cycles < 72
    else:
        assert best.choice == constant.choice


def test_what_stands_around_faster_stages_may_be_less(wide):
    """Then the target is met by a faster folding than it asks for, at more than the least cost."""
    around = Around(wide, lambda cycles: 5000.0 if cycles > 300 else 100.0)
    request = Request(goal(1000), PART, Fill(lut=0.1))
    best = search(wide, request.goal, request.budget(NOTHING), around=around)
    assert slowest(wide, best.choice) <= 300
    assert request.budget(NOTHING).holds(best.used)


def test_surroundings_that_grow_with_every_folding_are_not_followed_for_ever(wide):
    around = Around(wide, lambda _: 53_200.0 * 2)
    request = Request(goal(), PART, Fill(lut=0.1))
    with pytest.raises(ConfigError, match=r"106,400 of them around the stages"):
        search(wide, request.goal, request.budget(NOTHING), around=around)
    assert around.asked < 100


def test_a_proven_gap_holds_against_what_surroundings_left_out(wide):
    """The cheapest of all does not fit beside what stands around it: the gap says by how much."""
    free = search(wide, goal(400), Request(goal(400), PART).budget(NOTHING))
    least = free.used[0]
    around = Around(wide, lambda cycles: 0.0)
    around.luts = lambda cycles: 5320.0 - least + 50 if cycles > 200 else 0.0
    request = Request(goal(400), PART, Fill(lut=0.1))
    best = search(wide, request.goal, request.budget(NOTHING), around=around)
    assert best.cost > free.cost
    assert best.cost * (1 - best.gap) <= free.cost * (1 + 1e-9)


def test_speeds_without_an_answer_are_told(wide, monkeypatch):
    """The solver runs out of time at 72 cycles, and at no others."""
    real = prober.solve

    def slow(problem, **options):
        if max(node.cycles.max(initial=0) for node in problem.nodes) == 72:
            raise TimeoutError("time limit")
        return real(problem, **options)

    request = Request(goal(), PART, Fill(lut=0.1))
    candidates = prober.Prober(wide, request.goal, request.budget(NOTHING)).candidates
    known = search(wide, request.goal, request.budget(NOTHING))
    assert known.undecided == ()
    monkeypatch.setattr(prober, "solve", slow)
    around = Around(wide, lambda cycles: 4900.0 if cycles < 70 else 300.0)
    best = search(wide, request.goal, request.budget(NOTHING), around=around)
    assert best.undecided == (72,)
    assert best.ii_cycles == candidates[candidates.index(72) + 1]
    with pytest.raises(ConfigError, match=r"The best II found within .* with 72 cycles undecided"):
        search(wide, goal(60), request.budget(NOTHING), around=around)


def design(**values) -> Design:
    return Design(schema_version=1, name="d", board="pynq-z2", **values)


def two_stages(**values) -> Design:
    return design(stages=(TargetCycles(), TargetCycles()), **values)


def asked(design, reach=(1.0,)):
    """What a design of as many stages as ``reach`` is folded for."""
    return request_of(design, part=PART, reach=reach, frame_beats=10)


def test_frames_per_second_become_cycles_at_the_clock():
    assert asked(design(target_fps=20_000.0)).goal.ii_cycles == 5000
    assert asked(design(target_fps=30_000.0, clk_period_ns=8.0)).goal.ii_cycles == 4166


def test_what_a_design_may_take():
    assert asked(design(target_ii=100)).fill == WHOLE_PART
    assert asked(design()).fill == Fill()
    assert asked(design(fill="auto", target_ii=100)).fill == Fill()
    assert asked(design(fill=Fill(lut=0.3))).fill == Fill(lut=0.3)


def test_decimal_fractions_are_what_was_written():
    assert 1e9 / (0.8 * 6.4) < 195_312_500  # floats lose a cycle
    assert asked(design(target_fps=6.4, clk_period_ns=0.8)).goal.ii_cycles == 195_312_500


@pytest.mark.parametrize("period", [10.0, 7.3])
def test_advice_that_is_followed_is_met(wide, period):
    """Fewer frames per second, rounded down, or more cycles; by the name of the option."""
    budget = Request(goal(), PART).budget(NOTHING)

    def told(pattern, **values) -> int:
        with pytest.raises(ConfigError) as caught:
            search(wide, asked(design(clk_period_ns=period, **values)).goal, budget)
        match = re.search(pattern, str(caught.value))
        assert match, caught.value
        return int(match[1].replace(",", ""))

    fps = told(
        r"cycles, ([\d,]+) frames per second.*: lower --target-fps \(target_fps: in the design\)",
        target_fps=5e6,
    )
    cycles = told(
        r"best II that can be had within xc7z020 is (\d+) cycles.*: raise --target-ii "
        r"\(target_ii: in the design\)",
        target_ii=20,
    )
    met = asked(design(clk_period_ns=period, target_fps=float(fps)))
    assert search(wide, met.goal, budget).ii_cycles == cycles


def test_a_share_is_rounded_so_that_a_stage_keeps_up():
    (share,) = asked(design(), reach=(0.12345678949,)).goal.share
    assert (
        Fraction(12345678949, 10**11) <= share < Fraction(12345678949, 10**11) + Fraction(1, 10**6)
    )


@pytest.mark.parametrize(
    "values",
    [
        {"target_fps": 1.0e-320},
        {"target_ii": 10**400},
        {"stages": (TargetCycles(target_ii_cycles=10),), "retention_frames": 10**9},
    ],
)
def test_numbers_beyond_any_design_are_refused(values):
    with pytest.raises(ValueError, match="Input should be"):
        design(**values)


def test_a_target_beyond_the_frame_stream():
    with pytest.raises(ConfigError, match="frame arrives in 10 beats of 8 bytes"):
        asked(design(target_ii=9))


def test_a_stage_that_no_frame_reaches_has_all_the_time():
    limits = asked(two_stages(target_ii=100), reach=(1.0, 0.1)).goal.limits(100)
    assert limits == (100, 1000)
    assert asked(two_stages(target_ii=100), reach=(1.0, 0.0)).goal.limits(100)[1] >= 10**6


def test_estimates_of_the_graph_are_what_the_solver_counted():
    """Layers, converters and FIFOs one by one, on the graph that is built."""
    from hwflow.dataflow.resources import layer_estimates
    from hwflow.dataflow.streams import connect

    for name in ("wide", "separable", "one-dimensional", "binary"):
        model = to_hardware(NETWORKS[name]())
        request = Request(goal(2000), PART)
        plan = solve_plan([model], request)
        pace = slowest(plan.space, plan.choice)
        problem, kept = plan.space.problem([pace])
        places = [list(keep).index(option) for keep, option in zip(kept, plan.choice, strict=True)]
        counted = problem.used(places)
        plan.set_folds()
        model = connect(plan.place_units(0, model))
        total = sum((vector(found) for _, found in layer_estimates(model)), NOTHING)
        np.testing.assert_allclose(total, counted, rtol=1e-9, err_msg=name)
