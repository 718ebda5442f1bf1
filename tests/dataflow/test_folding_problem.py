"""The solver on problems of plain numbers: random graphs, forbidden pairs, budgets too small."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hwflow.dataflow.folding.exhaustion import cheapest, choices
from hwflow.dataflow.folding.milp import least_overflow, solve
from hwflow.dataflow.folding.problem import RESOURCES, Edge, Node, Problem, undominated

PRICES = np.array([1.0, 0.1, 0.01, 200.0, 300.0]) / 50_000
FREE = np.full(len(RESOURCES), np.inf)


def drawn(seed: int) -> Problem:
    """Four or five nodes with up to seven options; edges from any node to later ones."""
    random = np.random.default_rng(seed)
    nodes = []
    for index in range(int(random.integers(4, 6))):
        options = int(random.integers(2, 8))
        cost = random.integers(0, [3000, 300, 3000, 20, 9], (options, len(RESOURCES)))
        cycles = random.integers(1, 100, options)
        nodes.append(Node(f"node{index}", 0, cycles, cost.astype(float)))
    edges = []
    for source, target in itertools.combinations(range(len(nodes)), 2):
        if target - source > 1 and random.random() < 0.7:
            continue
        classes = [
            np.unique(random.integers(0, 4, len(nodes[end].cycles)), return_inverse=True)
            for end in (source, target)
        ]
        shape = (len(classes[0][0]), len(classes[1][0]), len(RESOURCES))
        cost = random.integers(0, [900, 100, 900, 2, 2], shape).astype(float)
        cost[random.random(shape[:2]) < 0.15] = np.inf
        edges.append(Edge(source, target, classes[0][1], classes[1][1], cost))
    fixed = random.integers(0, 100, len(RESOURCES)).astype(float)
    return Problem(tuple(nodes), tuple(edges), fixed)


def every(problem: Problem) -> np.ndarray:
    """What every choice takes (choices, resources); infinite where two options do not fit."""
    sizes = [range(len(node.cycles)) for node in problem.nodes]
    return np.array([problem.used(choice) for choice in itertools.product(*sizes)])


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_under_any_budget(seed):
    problem = drawn(seed)
    used = every(problem)
    assert len(used) == choices(problem)
    possible = used[np.isfinite(used).all(axis=1)]
    random = np.random.default_rng([seed, 1])
    budgets = [FREE]
    if len(possible):
        middle = np.quantile(possible, random.uniform(0.02, 0.7), axis=0) + 0.5
        budgets += [middle, np.where(np.arange(5) == seed % 5, middle, np.inf)]
    for budget in budgets:
        fitting = possible[(possible <= budget).all(axis=1)]
        best = min(fitting @ PRICES, default=np.inf)
        assert cheapest(problem, prices=PRICES, budget=budget) == pytest.approx(best, rel=1e-12)
        found = solve(problem, prices=PRICES, budget=budget)
        if not len(fitting):
            assert found is None
            continue
        assert found is not None
        assert (found.used <= budget).all()
        np.testing.assert_array_equal(found.used, problem.used(found.choice))
        assert found.used @ PRICES == pytest.approx(best, rel=1e-7)
        assert found.gap == pytest.approx(0, abs=1e-7)


def test_some_budgets_bind_and_some_hold_nothing():
    """Else the test above would show little."""
    binding = empty = 0
    for seed in range(40):
        possible = every(drawn(seed))
        possible = possible[np.isfinite(possible).all(axis=1)]
        random = np.random.default_rng([seed, 1])
        if not len(possible):
            empty += 1
            continue
        budget = np.quantile(possible, random.uniform(0.02, 0.7), axis=0) + 0.5
        fitting = possible[(possible <= budget).all(axis=1)]
        empty += not len(fitting)
        binding += bool(len(fitting)) and min(fitting @ PRICES) > min(possible @ PRICES)
    assert binding >= 10
    assert empty >= 3


@pytest.mark.parametrize("seed", range(15))
def test_what_is_left_out_is_never_needed(seed):
    problem = drawn(seed)
    keep = undominated(problem)
    small = problem.restricted(keep)
    random = np.random.default_rng([seed, 2])
    for _ in range(5):
        prices = random.uniform(0, 1, len(RESOURCES))
        best = cheapest(problem, prices=prices, budget=FREE)
        assert cheapest(small, prices=prices, budget=FREE) == pytest.approx(best, rel=1e-12)


def test_equal_options_leave_one():
    cost = np.array([[5.0, 0, 0, 0, 0], [5, 0, 0, 0, 0], [5, 0, 0, 0, 0], [4, 1, 0, 0, 0]])
    node = Node("n", 0, np.ones(4, np.int64), cost)
    (kept,) = undominated(Problem((node,), (), np.zeros(5)))
    assert kept.tolist() == [0, 3]


@pytest.mark.parametrize("seed", range(10))
def test_the_least_overflow(seed):
    problem = drawn(seed)
    used = every(problem)
    possible = used[np.isfinite(used).all(axis=1)]
    budget = possible.min(axis=0) * 0.8 + 1
    best = (possible / budget).max(axis=1).min()
    found = least_overflow(problem, budget=budget)
    assert (found.used / budget).max() == pytest.approx(best, rel=2e-3)


def test_a_layer_without_an_option_has_no_solution():
    problem = Problem((Node("n", 0, np.zeros(0, np.int64), np.zeros((0, 5))),), (), np.zeros(5))
    assert solve(problem, prices=PRICES, budget=FREE) is None
    assert least_overflow(problem, budget=np.ones(5)) is None


def test_layers_of_which_no_options_fit_together_have_no_solution():
    nodes = tuple(Node(name, 0, np.ones(2, np.int64), np.ones((2, 5))) for name in "ab")
    classes = np.arange(2)
    problem = Problem(
        nodes, (Edge(0, 1, classes, classes, np.full((2, 2, 5), np.inf)),), np.ones(5)
    )
    assert solve(problem, prices=PRICES, budget=FREE) is None
    assert least_overflow(problem, budget=np.ones(5)) is None


def test_no_time_for_the_least_overflow():
    problem = next(p for p in map(drawn, range(40)) if solve(p, prices=PRICES, budget=FREE))
    assert least_overflow(problem, budget=np.ones(5), time_limit_s=0.0) is None
